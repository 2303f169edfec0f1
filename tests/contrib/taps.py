"""A real tap on the host whose other end is a Linux guest: what QEMU does between the two, without QEMU."""

import fcntl
import os
import select
import struct
import threading

TUNSETIFF, IFF_TAP, IFF_NO_PI = 0x400454CA, 2, 0x1000


def open_tap(node, name):
    with node.net:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return fd


def plug(host, tap, guest, ifname="eth0"):
    """Connect the host's `tap` with the guest's `ifname`, which is made and up; the tap is not."""
    ends = [open_tap(host, tap), open_tap(guest, ifname)]
    guest.ip(f"link set {ifname} up")

    def carry():
        while True:
            for fd in select.select(ends, [], [])[0]:
                frame = os.read(fd, 65536)
                try:
                    os.write(ends[1 - ends.index(fd)], frame)
                except OSError:
                    # The other end is down: the frame is lost, as on a wire.
                    pass

    threading.Thread(target=carry, daemon=True).start()
