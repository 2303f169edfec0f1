"""What is to be seen from the host: packets on the tap, the kernel's events, the guest's console."""

import os
import select
import socket
import struct
import time

from lab import codec

SO_TIMESTAMPNS = 35
ETH_P_ALL = 3
RTMGRP_LINK, RTMGRP_IPV6_IFADDR = 1, 0x100
RTM_NEWLINK, RTM_NEWADDR = 16, 20
IFF_RUNNING = 0x40
SCOPE_LINK = 253
NOT_USABLE = 0x40 | 0x08  # IFA_F_TENTATIVE, IFA_F_DADFAILED


class Watch:
    """Everything that happens on one interface, with the wall-clock time at which it did."""

    def __init__(self, namespace, ifname):
        with namespace:
            self.index = socket.if_nametoindex(ifname)
            self.packets = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self.packets.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self.packets.bind((ifname, ETH_P_ALL))
            self.events = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
            self.events.bind((0, RTMGRP_LINK | RTMGRP_IPV6_IFADDR))
        for sock in (self.packets, self.events):
            sock.setblocking(False)
        self.ras = []
        self.solicitations = []
        self.carrier = []  # (time, whether there is one), each change
        self.source_valid = None  # since when the host's link-local address is usable
        self.console = None
        self.text = b""

    def attach(self, console):
        """Follow a machine's console from now on."""
        os.set_blocking(console.fileno(), False)
        self.console, self.text = console, b""

    def lines(self):
        """What the guest said so far."""
        said = self.text.decode("utf-8", "replace").replace("\r", "").split("\n")[:-1]
        return [line.split("guest: ", 1)[1] for line in said if "guest: " in line]

    def wait(self, wanted, timeout):
        """The first result of `wanted()` that is true, looked at after each event; None at the deadline."""
        deadline = time.monotonic() + timeout
        while True:
            found = wanted()
            left = deadline - time.monotonic()
            if found or left <= 0:
                return found or None
            sources = [self.packets, self.events] + ([self.console] if self.console else [])
            readable, _, _ = select.select(sources, [], [], left)
            if self.events in readable:
                self._read_events()
            if self.packets in readable:
                self._read_packets()
            if self.console in readable:
                self._read_console()

    def pause(self, seconds):
        self.wait(lambda: False, seconds)

    def _read_console(self):
        more = os.read(self.console.fileno(), 65536)
        self.text += more
        if not more:
            self.console = None

    def _read_packets(self):
        while True:
            try:
                raw, control, _, _ = self.packets.recvmsg(65536, 256)
            except BlockingIOError:
                return
            except OSError:  # ENETDOWN, once
                continue
            _, _, data = control[0]
            seconds, nanos = struct.unpack("qq", data[:16])
            when = seconds + nanos / 1e9
            ra = codec.parse_ra(raw, when)
            if ra:
                self.ras.append(ra)
            elif len(raw) > 54 and raw[12:14] == b"\x86\xdd" and raw[20] == codec.ICMPV6 and raw[54] == codec.ND_RS:
                self.solicitations.append(when)

    def _read_events(self):
        while True:
            try:
                datagram = self.events.recv(65536)
            except BlockingIOError:
                return
            when = time.time()
            kind = struct.unpack_from("=H", datagram, 4)[0]
            if kind == RTM_NEWLINK:
                _, _, index, flags = struct.unpack_from("=BxHiI", datagram, 16)
                running = bool(flags & IFF_RUNNING)
                if index == self.index and running != self.has_carrier:
                    self.carrier.append((when, running))
            elif kind == RTM_NEWADDR:
                _, _, flags, scope, index = struct.unpack_from("=BBBBI", datagram, 16)
                if index == self.index and scope == SCOPE_LINK:
                    self.source_valid = None if flags & NOT_USABLE else self.source_valid or when

    @property
    def has_carrier(self):
        return bool(self.carrier) and self.carrier[-1][1]
