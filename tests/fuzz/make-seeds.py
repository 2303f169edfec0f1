#!/usr/bin/env python3
"""Writes the seeds anew: packets from the RFCs, messages of this machine's kernel, lines from systemd.exec(5).

    unshare --net tests/fuzz/make-seeds.py    (root: it makes interfaces)
"""

import os
import socket
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))

sys.path[0] = os.path.dirname(HERE)

from lab import codec

FIX_CHECKSUM, FIX_LENGTH, FIX_HEADER = 1, 2, 4
RTM_GETLINK, RTM_GETADDR, RTM_GETROUTE, RTM_GETNEIGH, RTM_GETRULE, RTM_GETNEIGHTBL = 18, 22, 26, 30, 34, 66
NLM_F_REQUEST, NLM_F_DUMP = 1, 0x300
SOL_NETLINK, NETLINK_GET_STRICT_CHK = 270, 12


def write(target, seeds):
    directory = os.path.join(HERE, "seeds", target)
    os.makedirs(directory, exist_ok=True)
    for name, content in seeds.items():
        with open(os.path.join(directory, name), "wb") as file:
            file.write(content)


def solicitations():
    host, mac = "fe80::5054:ff:fe12:3456", "52:54:00:12:34:56"

    def packet(src, rest, kind=codec.ND_RS, code=0, extension=(codec.ICMPV6, b"")):
        message = codec.icmp(src, codec.ALL_ROUTERS, kind, code, rest)
        next_header, headers = extension
        return codec.ipv6(src, codec.ALL_ROUTERS, headers + message, next_header)

    reserved = bytes(4)
    routing = struct.pack("!BBBB4x", codec.EXT_DEST, 0, 0, 0)
    all_headers = codec.options_header(43) + routing + codec.options_header(codec.ICMPV6)
    hidden_fragment = codec.options_header(codec.EXT_FRAGMENT) + codec.fragment_header(codec.ICMPV6)
    nonce = codec.option(codec.OPT_NONCE, bytes(6))
    plain = {
        "plain": packet(host, reserved),
        "with-address": packet(host, reserved + codec.sllao(mac)),
        "unspecified": packet("::", reserved),
        "unspecified-with-address": packet("::", reserved + codec.sllao(mac)),
        "three-options": packet(host, reserved + codec.sllao(mac) + nonce + codec.option(200, bytes(20))),
        "reserved-bits": packet(host, b"\xff" * 4),
        "global-source": packet("2001:db8::1", reserved),
        "option-length-0": packet(host, reserved + bytes(8)),
        "option-past-the-end": packet(host, reserved + b"\x01\x02" + bytes(6)),
        "left-over": packet(host, reserved + b"\x01"),
        "code-1": packet(host, reserved, code=1),
        "fragment": packet(host, reserved, extension=(codec.EXT_FRAGMENT, codec.fragment_header(codec.ICMPV6))),
        "hop-by-hop": packet(host, reserved, extension=(codec.EXT_HOP_BY_HOP, codec.options_header(codec.ICMPV6))),
        "all-headers": packet(host, reserved, extension=(codec.EXT_HOP_BY_HOP, all_headers)),
        "hidden-fragment": packet(host, reserved, extension=(codec.EXT_DEST, hidden_fragment)),
        "neighbour": packet(host, reserved + codec.ip_bytes(host), kind=codec.ND_NS),
        "advertisement": codec.ipv6(host, codec.ALL_NODES, codec.ra_packet(host, 1800, "2001:db8:1::")),
    }
    seeds = {f"{name}-as-it-is": bytes([0]) + raw for name, raw in plain.items()}
    fixed = bytes([FIX_CHECKSUM | FIX_LENGTH | FIX_HEADER])
    seeds |= {f"{name}-fixed": fixed + raw for name, raw in plain.items()}
    write("solicitation", seeds)


def ask(kind, body, dump=True):
    """The kernel's answer, one datagram; a dump's first."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as sock:
        sock.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1)
        flags = NLM_F_REQUEST | (NLM_F_DUMP if dump else 0)
        sock.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 1, 0) + body)
        return sock.recv(65536)


def kernel_messages():
    for line in (
        "link add tap-vm-1 type veth peer name guest0",
        "link set guest0 up",
        "link set lo up",
        "link set tap-vm-1 up",
        "addr add 2001:db8:1::1/64 dev tap-vm-1 valid_lft 1000 preferred_lft 500 nodad",
        "addr add 2001:db8:2::1 peer 2001:db8:3::1/64 dev tap-vm-1",
        "route add default via fe80::1 dev tap-vm-1",
        "route add default table 100 nexthop via fe80::2 dev tap-vm-1 nexthop via fe80::3 dev tap-vm-1 weight 2",
        "route add unreachable default metric 5000",
        "rule add from 2001:db8::/32 table 100",
        "rule add from 2001:db8::/32 table 70000",
        "neigh add 2001:db8:1::2 lladdr 02:00:00:00:00:02 dev tap-vm-1 nud stale",
        "neigh add 2001:db8:1::3 lladdr 02:00:00:00:00:03 dev tap-vm-1 nud reachable router",
        "neigh add 2001:db8:1::4 dev tap-vm-1 nud failed",
        "neigh add 2001:db8:1::5 lladdr 02:00:00:00:00:05 dev tap-vm-1 nud permanent",
        "neigh add ff02::5 lladdr 33:33:00:00:00:05 dev tap-vm-1 nud noarp",
    ):
        subprocess.run(["ip", "-6", *line.split()], check=True)
    index = socket.if_nametoindex("tap-vm-1")
    number = struct.pack("=I", index)
    link = struct.pack("=BxHiIIHHI", 0, 0, index, 0, 0, 8, 29, 8)
    family = bytes([socket.AF_INET6])
    write(
        "rtnetlink",
        {
            "link": number + ask(RTM_GETLINK, link, dump=False),
            "addresses": number + ask(RTM_GETADDR, family + bytes(3) + number),
            "routes": number + ask(RTM_GETROUTE, family + bytes(11)),
            "neighbours": number + ask(RTM_GETNEIGH, family + bytes(11)),
            "neighbour-table": number + ask(RTM_GETNEIGHTBL, family + bytes(3)),
            "rules": number + ask(RTM_GETRULE, family + bytes(11)),
        },
    )


def environment_files():
    lines = {
        "plain": b"P=^tap-[0-9]+$\n",
        "quotes": b"P='a'\"b\"c\nQ=\"x\\\"y\"\n",
        "continued": b"P=a\\\nb\nP='open\nQ=1\n",
        "comments": b"# old:\\\nP=a\n; P=b\n",
        "blanks": b"  P \t=  ^tap$ \t \r\nP=a\\ \n",
        "escapes": b"P=\"^tap\\d\\$\\\\\"\n",
        "latin": b"# \xff\nP=\xc3\xa9\nQ=\xff\n",
    }
    write("environment_file", lines)


if __name__ == "__main__":
    solicitations()
    kernel_messages()
    environment_files()
