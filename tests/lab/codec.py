"""Neighbor Discovery packets as bytes, written and read from the RFCs alone.

Nothing here is shared with the daemon under test: an error in its codec must not be repeated by its
judge.  Plain `struct`, so that a malformed packet is as easy to build as a good one.
"""

import ipaddress
import struct
from dataclasses import dataclass, field

ETH_P_IPV6 = 0x86DD
ETH_P_8021Q = 0x8100
ICMPV6 = 58
ND_RS, ND_RA, ND_NS, ND_NA = 133, 134, 135, 136
OPT_SLLAO, OPT_PIO, OPT_NONCE = 1, 3, 14
EXT_HOP_BY_HOP, EXT_FRAGMENT, EXT_DEST = 0, 44, 60

ALL_NODES = "ff02::1"
ALL_ROUTERS = "ff02::2"
ALL_NODES_MAC = "33:33:00:00:00:01"
ALL_ROUTERS_MAC = "33:33:00:00:00:02"


def mac_bytes(mac):
    return bytes.fromhex(mac.replace(":", ""))


def mac_text(raw):
    return ":".join(f"{b:02x}" for b in raw)


def ip_bytes(address):
    return ipaddress.IPv6Address(address).packed


def eui64(prefix, mac):
    """The modified EUI-64 address of a MAC in a prefix (RFC 4291, appendix A)."""
    m = mac_bytes(mac)
    eui = bytes([m[0] ^ 2]) + m[1:3] + b"\xff\xfe" + m[3:]
    return str(ipaddress.IPv6Address(ip_bytes(prefix)[:8] + eui))


def link_local(mac):
    return eui64("fe80::", mac)


def checksum(src, dst, payload, next_header=ICMPV6):
    """RFC 8200 8.1: the ones' complement sum over the pseudo-header and the payload."""
    data = ip_bytes(src) + ip_bytes(dst) + struct.pack("!IxxxB", len(payload), next_header) + payload
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def option(kind, body):
    """One ND option; the body is padded with zeros to whole units of 8 octets."""
    units = (len(body) + 2 + 7) // 8
    return struct.pack("!BB", kind, units) + body.ljust(units * 8 - 2, b"\0")


def sllao(mac):
    return option(OPT_SLLAO, mac_bytes(mac))


def icmp(src, dst, kind, code, rest, bad_checksum=False):
    """An ICMPv6 message; `rest` is all that follows the checksum field."""
    message = struct.pack("!BBH", kind, code, 0) + rest
    total = checksum(src, dst, message)
    if bad_checksum:
        total ^= 0x0101
    return message[:2] + struct.pack("!H", total) + message[4:]


def ipv6(src, dst, payload, next_header=ICMPV6, hop_limit=255, payload_length=None):
    length = len(payload) if payload_length is None else payload_length
    return struct.pack("!IHBB", 6 << 28, length, next_header, hop_limit) + ip_bytes(src) + ip_bytes(dst) + payload


def frame(src_mac, dst_mac, packet, vlan=None):
    tag = b"" if vlan is None else struct.pack("!HH", ETH_P_8021Q, vlan)
    return mac_bytes(dst_mac) + mac_bytes(src_mac) + tag + struct.pack("!H", ETH_P_IPV6) + packet


def fragment_header(next_header, offset=0, more=False, ident=0x5EED):
    """RFC 8200 4.5; offset in octets.  offset 0 without `more` is an atomic fragment (RFC 6946)."""
    return struct.pack("!BBHI", next_header, 0, offset | int(more), ident)


def options_header(next_header):
    """A hop-by-hop or destination options header that holds nothing but a PadN of 6 octets."""
    return struct.pack("!BB", next_header, 0) + b"\x01\x04\0\0\0\0"


def ra_packet(src, lifetime, prefix=None, valid=1800, preferred=900, flags=0xC0, cur_hop_limit=64):
    """A router advertisement as another router would send it; the ICMPv6 message only."""
    rest = struct.pack("!BBHII", cur_hop_limit, 0, lifetime, 0, 0)
    if prefix:
        rest += struct.pack("!BBBBIII", OPT_PIO, 4, 64, flags, valid, preferred, 0) + ip_bytes(prefix)
    return icmp(src, ALL_NODES, ND_RA, 0, rest)


@dataclass
class Prefix:
    """One Prefix Information Option (RFC 4861 4.6.2)."""

    prefix: str
    length: int
    on_link: bool
    autonomous: bool
    other_flags: int
    valid: int
    preferred: int
    reserved2: int


@dataclass
class Advertisement:
    """A router advertisement as it was on the wire, with all that a host checks (RFC 4861 6.1.2)."""

    time: float
    eth_src: str
    eth_dst: str
    src: str
    dst: str
    hop_limit: int
    traffic_class_flow: int
    code: int
    checksum_ok: bool
    cur_hop_limit: int
    flags: int
    lifetime: int
    reachable: int
    retrans: int
    icmp_length: int
    frame_excess: int
    option_error: str = ""
    options: list = field(default_factory=list)
    prefixes: list = field(default_factory=list)

    @property
    def multicast(self):
        return self.dst == ALL_NODES

    def prefix(self, prefix):
        """The PIO for this prefix, or None."""
        want = str(ipaddress.IPv6Address(prefix))
        return next((p for p in self.prefixes if p.prefix == want), None)

    def __str__(self):
        pios = ", ".join(f"{p.prefix}/{p.length} v{p.valid} p{p.preferred}" for p in self.prefixes)
        return f"RA {self.src} > {self.dst} lifetime {self.lifetime} [{pios}]"


def parse_options(raw):
    """The options and what is wrong with them ('' when nothing is)."""
    found = []
    while raw:
        if len(raw) < 2:
            return found, "a single octet is left over"
        size = raw[1] * 8
        if size == 0:
            return found, "an option of length 0"
        if size > len(raw):
            return found, "an option that runs past the end"
        found.append((raw[0], raw[2:size]))
        raw = raw[size:]
    return found, ""


def parse_pio(body):
    length, flags, valid, preferred, reserved2 = struct.unpack("!BBIII", body[:14])
    return Prefix(
        prefix=str(ipaddress.IPv6Address(body[14:30])),
        length=length,
        on_link=bool(flags & 0x80),
        autonomous=bool(flags & 0x40),
        other_flags=flags & 0x3F,
        valid=valid,
        preferred=preferred,
        reserved2=reserved2,
    )


def parse_ra(raw, when):
    """The advertisement in an Ethernet frame, or None when the frame holds none."""
    if len(raw) < 14 + 40 + 16 or struct.unpack("!H", raw[12:14])[0] != ETH_P_IPV6:
        return None
    packet = raw[14:]
    first, length, next_header, hop_limit = struct.unpack("!IHBB", packet[:8])
    if next_header != ICMPV6 or packet[40] != ND_RA:
        return None
    message = packet[40 : 40 + length]
    src = str(ipaddress.IPv6Address(packet[8:24]))
    dst = str(ipaddress.IPv6Address(packet[24:40]))
    cur_hop_limit, flags, lifetime, reachable, retrans = struct.unpack("!BBHII", message[4:16])
    options, error = parse_options(message[16:])
    prefixes = []
    for kind, body in options:
        if kind != OPT_PIO:
            continue
        if len(body) != 30:
            error = error or f"a prefix option of {len(body) + 2} octets"
            continue
        prefixes.append(parse_pio(body))
    return Advertisement(
        time=when,
        eth_src=mac_text(raw[6:12]),
        eth_dst=mac_text(raw[:6]),
        src=src,
        dst=dst,
        hop_limit=hop_limit,
        traffic_class_flow=first & 0x0FFFFFFF,
        code=message[1],
        checksum_ok=checksum(src, dst, message[:2] + b"\0\0" + message[4:]) == struct.unpack("!H", message[2:4])[0],
        cur_hop_limit=cur_hop_limit,
        flags=flags,
        lifetime=lifetime,
        reachable=reachable,
        retrans=retrans,
        icmp_length=len(message),
        frame_excess=len(packet) - 40 - length,
        option_error=error,
        options=options,
        prefixes=prefixes,
    )
