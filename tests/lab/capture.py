"""Packet sockets of the guest: one that sends crafted frames, one that records what the router sent.

Times are the kernel's (SO_TIMESTAMPNS, taken when the frame arrived), so that a busy machine delays the
judge and not the judgement.
"""

import ctypes
import select
import socket
import struct
import time

from lab import codec

SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
SO_ATTACH_FILTER = 26
PACKET_IGNORE_OUTGOING = 23
SOL_PACKET = 263
ETH_P_ALL = 3


def _icmp_filter(kinds):
    """Classic BPF: untagged IPv6, next header 58, one of these ICMPv6 types.

    Keeps a flood of the guest's own making, and everything else on the link, out of the buffer."""
    load_half, load_byte, jump_equal, ret = 0x28, 0x30, 0x15, 0x06
    n = len(kinds)
    code = [(load_half, 0, 0, 12), (jump_equal, 0, n + 3, codec.ETH_P_IPV6), (load_byte, 0, 0, 20)]
    code += [(jump_equal, 0, n + 1, codec.ICMPV6), (load_byte, 0, 0, 54)]
    code += [(jump_equal, n - i, 0, kind) for i, kind in enumerate(kinds)]
    code += [(ret, 0, 0, 0), (ret, 0, 0, 0xFFFF)]
    return code


def _attach(sock, code):
    raw = b"".join(struct.pack("HBBI", *c) for c in code)
    buffer = ctypes.create_string_buffer(raw)
    sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(code), ctypes.addressof(buffer)))


def listening_socket(namespace, ifname, kinds, buffer=8 << 20):
    """A packet socket for these ICMPv6 types on one interface, or without a name on all of them."""
    with namespace:
        # Protocol 0 first: nothing may slip in before the filter stands.
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, buffer)
    sock.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    _attach(sock, _icmp_filter(list(kinds)))
    with namespace:
        # socket.bind cannot say "all".
        index = socket.if_nametoindex(ifname) if ifname else 0
        address = struct.pack("=HHiHBB8s", socket.AF_PACKET, socket.htons(ETH_P_ALL), index, 0, 0, 0, b"")
        if ctypes.CDLL(None, use_errno=True).bind(sock.fileno(), address, len(address)) != 0:
            raise OSError(ctypes.get_errno(), f"bind to {ifname or 'all interfaces'}")
    sock.setblocking(False)
    return sock


def queued(sock):
    """(time, frame, sender's socket address) of each frame that the kernel has queued."""
    while True:
        try:
            raw, control, _, address = sock.recvmsg(65536, 256)
        except BlockingIOError:
            return
        except OSError:
            # ENETDOWN is reported once when the interface goes down; the queue stays readable.
            continue
        when = time.time()
        for level, kind, data in control:
            if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                seconds, nanos = struct.unpack("qq", data[:16])
                when = seconds + nanos / 1e9
        yield when, raw, address


class Capture:
    """What arrived on one interface of the guest since this object was made, in order."""

    def __init__(self, namespace, ifname, kinds=(codec.ND_RA,)):
        self.sock = listening_socket(namespace, ifname, kinds)
        self.frames = []
        self.ras = []

    def drain(self):
        """Take what the kernel has queued."""
        for when, raw, _ in queued(self.sock):
            self.frames.append((when, raw))
            ra = codec.parse_ra(raw, when)
            if ra:
                self.ras.append(ra)

    def wait(self, wanted, timeout):
        """The first result of `wanted()` that is true, looked at after each arrival; None at the deadline."""
        deadline = time.monotonic() + timeout
        while True:
            self.drain()
            found = wanted()
            if found:
                return found
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            select.select([self.sock], [], [], left)

    def listen_until(self, when):
        """Record until the wall clock (that of the time stamps) shows `when`."""
        self.wait(lambda: False, max(0.0, when - time.time()))

    def since(self, when, **match):
        """The advertisements later than `when` whose attributes have these values."""
        self.drain()
        return [ra for ra in self.ras if ra.time > when and all(getattr(ra, k) == v for k, v in match.items())]

    def next_ra(self, since, timeout, wanted=lambda ra: True):
        """The first advertisement later than `since` that is wanted, or None."""
        return self.wait(lambda: next((ra for ra in self.ras if ra.time > since and wanted(ra)), None), timeout)


class Sender:
    """Sends crafted frames out of one interface of the guest."""

    def __init__(self, namespace, ifname, mac):
        self.mac = mac
        with namespace:
            self.sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.sock.bind((ifname, 0))

    def send(self, frame):
        """Send one frame; returns the time just before, so that a delay is never measured too short."""
        before = time.time()
        self.sock.send(frame)
        return before

    def solicit(self, src, dst=codec.ALL_ROUTERS, **how):
        return self.send(solicitation(self.mac, src, dst, **how))


def solicitation(
    mac,
    src,
    dst=codec.ALL_ROUTERS,
    dst_mac=codec.ALL_ROUTERS_MAC,
    options=None,
    reserved=0,
    code=0,
    hop_limit=255,
    bad_checksum=False,
    cut=None,
    trailing=b"",
    claim=0,
    padding=b"",
    vlan=None,
    extension=None,
):
    """A frame with a router solicitation (RFC 4861 4.1), valid unless told otherwise.

    options: raw option octets; None means a source link-layer address unless the source is `::`.
    cut: keep only so many octets of the ICMPv6 message (its checksum stays right for what is kept).
    trailing: octets inside the IPv6 payload after the last option.
    claim: how much more than it holds the IPv6 payload length says.
    padding: octets after the IPv6 packet, as Ethernet adds to short frames.
    extension: (next header of the IPv6 header, octets put before the message)."""
    if options is None:
        options = b"" if src == "::" else codec.sllao(mac)
    rest = struct.pack("!I", reserved) + options + trailing
    if cut is not None:
        rest = rest[: cut - 4]
    payload = codec.icmp(src, dst, codec.ND_RS, code, rest, bad_checksum)
    next_header = codec.ICMPV6
    if extension:
        next_header, header = extension
        payload = header + payload
    packet = codec.ipv6(src, dst, payload, next_header, hop_limit, len(payload) + claim)
    return codec.frame(mac, dst_mac, packet + padding, vlan)
