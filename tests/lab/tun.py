"""Taps and tuns: interfaces whose other end is a descriptor of this process."""

import fcntl
import os
import struct

TUNSETIFF, TUNSETIFINDEX = 0x400454CA, 0x400454DA
IFF_TUN, IFF_TAP, IFF_NO_PI = 1, 2, 0x1000


def attach(fd, name, kind=IFF_TAP):
    """Make the descriptor of a tun device the other end of the interface `name`."""
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("=16sH22x", name.encode(), kind | IFF_NO_PI))


def open_tun(namespace, name, kind=IFF_TAP, index=None, flags=0):
    """Make the interface, with a given index if there is one, and return its other end; closed, both are gone."""
    with namespace:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | flags)
        if index:
            fcntl.ioctl(fd, TUNSETIFINDEX, struct.pack("=I", index))
        attach(fd, name, kind)
    return fd
