"""A host with N guests: two network namespaces and N veth pairs, and ears on all guests' ends at once."""

import os
import select
import socket
import struct
import time

from lab import codec
from lab.capture import listening_socket, queued
from lab.namespace import Namespace

RTM_NEWADDR, RTM_DELADDR = 20, 21
NLM_F_REQUEST, NLM_F_ACK, NLM_F_CREATE, NLM_F_EXCL = 0x1, 0x4, 0x400, 0x200
IFA_ADDRESS, IFA_LOCAL, IFA_FLAGS = 1, 2, 8
IFA_F_NODAD = 0x02
NLMSG_ERROR = 2


def tap(number):
    return f"tap-{number}"


def guest(number):
    return f"guest-{number}"


def mac(number, side):
    return f"02:00:5e:{side:02x}:{number >> 8:02x}:{number & 255:02x}"


def prefix(number):
    return f"2001:db8:{number + 1:x}::"


class Field:
    """The interfaces tap-0 to tap-(N-1) of a host that forwards, each with a /64, a valid link-local address and
    a guest's end.  The guests' own kernels speak no IPv6, so that none of their doings is measured."""

    def __init__(self, size):
        self.size = size
        self.host, self.guests = Namespace(), Namespace()
        for name, value in (("accept_dad", 0), ("router_solicitations", 0), ("accept_ra", 0), ("addr_gen_mode", 0)):
            self.host.sysctl(f"conf/default/{name}", value)
        for which in ("all", "default"):
            self.host.sysctl(f"conf/{which}/forwarding", 1)
            self.guests.sysctl(f"conf/{which}/disable_ipv6", 1)
        self.host.ip("link set lo up")
        every = range(size)
        self.host.ip(
            *(
                f"link add name {tap(i)} address {mac(i, 1)} type veth "
                f"peer name {guest(i)} address {mac(i, 2)} netns {self.guests.path}"
                for i in every
            )
        )
        self.guests.ip(*(f"link set {guest(i)} up" for i in every))
        self.host.ip(*(f"link set {tap(i)} up" for i in every))
        self.host.ip(*(f"addr add {prefix(i)}1/64 dev {tap(i)} nodad" for i in every))
        with self.host:
            self.index = {int(name[4:]): index for index, name in socket.if_nameindex() if name.startswith("tap-")}
            self._netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        with self.guests:
            self.end = {int(name[6:]): index for index, name in socket.if_nameindex() if name.startswith("guest-")}
            self._raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._await_running()

    def _await_running(self):
        deadline = time.monotonic() + 30
        while True:
            links = self.host.ip_json("addr", "show", "scope", "link")
            ready = [
                link
                for link in links
                if link.get("ifname", "").startswith("tap-") and any(not a.get("tentative") for a in link["addr_info"])
            ]
            if len(ready) == self.size:
                return
            if time.monotonic() > deadline:
                raise RuntimeError(f"only {len(ready)} of {self.size} interfaces have a link-local address")
            time.sleep(0.1)

    def address(self, number, add=True):
        """Add or remove the /64 of an interface; the wall clock just before."""
        local = codec.ip_bytes(f"{prefix(number)}1")
        body = struct.pack("=BBBBI", socket.AF_INET6, 64, 0, 0, self.index[number])
        for kind, value in ((IFA_LOCAL, local), (IFA_ADDRESS, local), (IFA_FLAGS, struct.pack("=I", IFA_F_NODAD))):
            body += struct.pack("=HH", 4 + len(value), kind) + value
        flags = NLM_F_REQUEST | NLM_F_ACK | (NLM_F_CREATE | NLM_F_EXCL if add else 0)
        kind = RTM_NEWADDR if add else RTM_DELADDR
        before = time.time()
        self._netlink.send(struct.pack("=IHHII", 16 + len(body), kind, flags, 0, 0) + body)
        _, kind, _, _, _, error = struct.unpack("=IHHIIi", self._netlink.recv(4096)[:20])
        if kind != NLMSG_ERROR or error:
            raise OSError(-error, f"{tap(number)}: address")
        return before

    def solicit(self, number):
        """A solicitation from one guest; the wall clock just before."""
        return self.send(number, self.solicitation(number))

    def solicitation(self, number):
        source = mac(number, 2)
        src = codec.link_local(source)
        message = codec.icmp(src, codec.ALL_ROUTERS, codec.ND_RS, 0, bytes(4) + codec.sllao(source))
        return codec.frame(source, codec.ALL_ROUTERS_MAC, codec.ipv6(src, codec.ALL_ROUTERS, message))

    def send(self, number, frame):
        before = time.time()
        self._raw.sendto(frame, (guest(number), 0))
        return before

    def close(self):
        """Delete the interfaces now, lest the kernel does so amid the next measurement."""
        self._netlink.close()
        self._raw.close()
        # In a group they are deleted at once, and not one after another.
        self.host.ip(*(f"link set {tap(i)} group 77" for i in range(self.size)), "link del group 77")
        os.close(self.host.fd)
        os.close(self.guests.fd)


class Ears:
    """Every advertisement that reached a guest's end: (time, number of the guest, router lifetime)."""

    def __init__(self, field):
        self.prefixes = [codec.ip_bytes(prefix(i)) for i in range(field.size)]
        self.sock = listening_socket(field.guests, None, (codec.ND_RA,), 256 << 20)
        self.heard = []
        # Of these the ones that give out the interface's own /64.
        self.with_prefix = []
        self.wrong = []
        self.judged = set()

    def close(self):
        self.sock.close()

    def drain(self):
        for when, raw, address in queued(self.sock):
            number = int(address[0].removeprefix("guest-"))
            lifetime = int.from_bytes(raw[60:62], "big")
            self.heard.append((when, number, lifetime))
            if self._has_prefix(number, raw):
                self.with_prefix.append(self.heard[-1])
            if number not in self.judged:
                self._judge(number, raw, when)

    def _judge(self, number, raw, when):
        """The first of each guest is looked at closely: valid, and with the prefix of this very interface."""
        self.judged.add(number)
        ra = codec.parse_ra(raw, when)
        if not ra or not ra.checksum_ok or ra.hop_limit != 255 or not ra.prefix(prefix(number)):
            self.wrong.append(number)

    def _has_prefix(self, number, raw):
        # The preferred lifetime stands eight octets before the prefix (RFC 4861, 4.6.2).
        at = raw.find(self.prefixes[number])
        return at > 8 and any(raw[at - 8 : at - 4])

    def since(self, when, with_prefix=False):
        self.drain()
        return [entry for entry in (self.with_prefix if with_prefix else self.heard) if entry[0] >= when]

    def count(self, begin, end):
        self.drain()
        return sum(begin <= when < end for when, _, _ in self.heard)

    def first_by_guest(self, since, wanted=lambda lifetime: lifetime > 0):
        """{guest: time of its first advertisement later than `since`}"""
        first = {}
        for when, number, lifetime in self.since(since):
            if wanted(lifetime):
                first.setdefault(number, when)
        return first

    def wait_for(self, wanted, timeout):
        """Until `wanted()` is true, looked at as frames arrive; what it returned last."""
        deadline = time.monotonic() + timeout
        while True:
            self.drain()
            result = wanted()
            left = deadline - time.monotonic()
            if result or left <= 0:
                return result
            select.select([self.sock], [], [], min(left, 1.0))
            # In bulk: this must not take the processor from what is measured.
            time.sleep(min(left, 0.02))

    def forget(self):
        self.drain()
        self.heard.clear()
        self.with_prefix.clear()
        self.judged.clear()
