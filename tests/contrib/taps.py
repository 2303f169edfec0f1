"""A real tap on the host whose other end is a Linux guest: what QEMU does between the two, without QEMU."""

import os
import select
import threading

from lab.tun import open_tun


def plug(host, tap, guest, ifname="eth0"):
    """Connect the host's `tap` with the guest's `ifname`, which is made and up; the tap is not."""
    ends = [open_tun(host.net, tap), open_tun(guest.net, ifname)]
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
