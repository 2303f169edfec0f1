"""arm64 for real: autora is the router in an emulated machine with Debian's kernel, and this host's kernel is its guest."""

import os
import signal
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab.checks import Checks
from lab.namespace import Namespace
from vm.machine import Machine
from vm.watch import Watch

TAP, MAC = "tap-arm64", "52:54:00:00:00:02"
PREFIX = "2001:db8:9:"
# An emulated machine on a busy host.
BOOT = 180


def main(image):
    checks = Checks()
    guest = Namespace()
    # It hears advertisements as any guest does, and asks for them when the carrier comes.
    guest.ip(f"tuntap add dev {TAP} mode tap", f"link set {TAP} up")
    watch = Watch(guest, TAP)
    machine = Machine(guest, image, TAP, MAC, watch, "router", architecture="arm64")
    try:
        story(checks, guest, watch, machine)
    finally:
        if checks.failed:
            print(watch.text.decode("utf-8", "replace"))
        machine.power_off()
    return checks.close()


def addresses(guest):
    found = guest.ip_json("address", "show", "dev", TAP, "scope", "global")
    every = [a.get("local", "") for link in found for a in link.get("addr_info", [])]
    return [address for address in every if address.startswith(PREFIX)]


def routers(guest):
    return [route.get("gateway") for route in guest.ip_json("route", "show", "default")]


def story(checks, guest, watch, machine):
    checks.check(watch.wait(lambda: watch.ras, BOOT), "it advertises")
    # The kernel looks for duplicates of its address for a second.
    address = watch.wait(lambda: addresses(guest), 10)
    checks.check(address, "the guest has an address in the /64", address)
    router = routers(guest)
    checks.check(len(router) == 1 and router[0].startswith("fe80::"), "its default router is the link-local address", router)
    # Some advertisements further: what the loop calls, the table of system calls knows.
    heard = len(watch.ras)
    more = watch.wait(lambda: len(watch.ras) >= heard + 5, 40)
    gaps = [after.time - before.time for before, after in zip(watch.ras, watch.ras[1:])]
    checks.check(more and min(gaps) >= 2.9, "it goes on, 3 s apart or more", f"{min(gaps, default=0):.2f} s")
    # An hour in a moment: heartbeat and resync.
    machine.tell("clock", 3600)
    heard = len(watch.ras)
    checks.check(watch.wait(lambda: len(watch.ras) >= heard + 2, 20), "the wall clock jumps, and it goes on")
    machine.tell("wall")
    wall = watch.wait(lambda: [line for line in watch.lines() if line.startswith("wall")], 10)
    checks.check(wall == ["wall Seccomp: 2 NoNewPrivs: 1"], "the wall stands: the kernel filters its system calls", wall)
    machine.tell("end")
    checks.check(watch.wait(lambda: watch.ras[-1].lifetime == 0, 10), "a stop withdraws the route")
    checks.check(watch.wait(lambda: not routers(guest), 5), "the guest has no default route any more")
    ended = watch.wait(lambda: [line for line in watch.lines() if line.startswith("ended")], 10)
    checks.check(ended == ["ended 0"], "it ends with status 0", ended)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sys.exit(main(sys.argv[1]))
