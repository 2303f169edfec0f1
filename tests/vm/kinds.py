"""The machine as a host, with kinds of interfaces that this kernel may not have, and a neighbour table of its own."""

from lab.namespace import Namespace
from vm.machine import Machine
from vm.watch import Watch

TAP, MAC = "tap-kinds", "52:54:00:00:00:02"
# How many checks ./kinds makes; one that stops halfway shall not pass.
CHECKS = 36
TIMEOUT = 300


def tell_it(checks, image):
    host = Namespace()
    host.ip(f"tuntap add dev {TAP} mode tap", f"link set {TAP} up")
    watch = Watch(host, TAP)
    machine = Machine(host, image, TAP, MAC, watch, "kinds")
    watch.wait(lambda: "finished" in watch.lines(), TIMEOUT)
    said = [line.partition(" ") for line in watch.lines()]
    said = [(word, title) for word, _, title in said if word in ("ok", "bad")]
    for word, title in said:
        checks.check(word == "ok", title)
    whole = checks.check(len(said) == CHECKS, "kinds of interfaces: all have been looked at", f"{len(said)} of {CHECKS}")
    if not whole or any(word == "bad" for word, _ in said):
        print(watch.text.decode("utf-8", "replace"))
    machine.power_off()
