"""Many lives of one tap, restarts across a suspend, sends that fail: nothing grows, spins or stays silent."""

import os
import signal
import sys
import tempfile
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab.checks import Checks
from lab.namespace import Namespace
from soak import census, failures, restart
from soak.tap import Autora, Tap

CYCLES = int(os.environ.get("AUTORA_SOAK_CYCLES", "300"))
NAME = "tap-soak-1"
# Every other tap gets this index, so that each claim on it follows another's.
INDEX = 4242
# An advertisement is waited for in so many cycles.
HEARD_EVERY = 100
# What the host's other business, and what it has not given back yet, may hide. A leaked socket is about 2 KiB a cycle.
NOISE_KIB, KIB_A_CYCLE = 8192, 1


class Lives:
    """What went wrong in the cycles, by what."""

    def __init__(self, namespace, directory):
        self.namespace, self.directory = namespace, directory
        self.wrong = {}
        self.heard = 0

    def expect(self, good, what):
        if not good:
            self.wrong[what] = self.wrong.get(what, 0) + 1

    def start(self, *options):
        daemon = Autora(self.namespace, NAME, self.directory, *options)
        self.expect(daemon.is_ready(), "not ready")
        return daemon

    def live(self, number):
        """One cycle; the ways in which an instance ends take turns."""
        tap = Tap(self.namespace, NAME, INDEX if number % 2 else None)
        daemon = self.start()
        if number % HEARD_EVERY == 0:
            heard = tap.next_ra(5)
            self.expect(heard, "no advertisement")
            self.heard += bool(heard)
        way = number // 2 % 4
        if way == 1:
            daemon.signal(signal.SIGHUP)
            self.expect(daemon.end() == 75, "status after SIGHUP")
        elif way == 2:
            daemon.kill()
        elif way == 3:
            # Killed, and followed by another one that claims the same interface.
            daemon.kill()
            daemon = self.start()
        tap.close()
        if way in (0, 3):
            gone = time.monotonic()
            self.expect(daemon.end() == 0, "status after the tap is gone")
            self.expect(time.monotonic() - gone < 1, "more than 1 s to end")


def many_lives(checks, directory):
    namespace = Namespace()
    namespace.sysctl("conf/all/forwarding", 1)
    namespace.sysctl("conf/default/accept_dad", 0)
    namespace.ip("link set lo up")
    lives = Lives(namespace, directory)
    # What is made once and kept is no growth.
    for number in range(16):
        lives.live(number)
    before, slab = census.count(namespace), census.unreclaimable_kib()
    began = time.monotonic()
    for number in range(CYCLES):
        lives.live(number)
    took = time.monotonic() - began
    after, slab = census.count(namespace), census.unreclaimable_kib() - slab
    title = f"{CYCLES} lives of one tap"
    seen = lives.wrong or f"{took:.0f} s"
    checks.check(not lives.wrong, f"{title}: each instance is ready and ends as it should", seen)
    expected = len(range(0, CYCLES, HEARD_EVERY)) + 1
    checks.check(lives.heard == expected, f"{title}: advertisements heard", f"{lives.heard} of {expected}")
    for what, was in before.items():
        checks.check(after[what] == was, f"{title}: {what}", f"{was} before, {after[what]} after")
    allowed = NOISE_KIB + KIB_A_CYCLE * CYCLES
    checks.check(slab < allowed, f"{title}: kernel memory grows by less than {allowed} KiB", f"{slab} KiB")


def main():
    checks = Checks()
    with tempfile.TemporaryDirectory(prefix="autora-soak-") as directory:
        many_lives(checks, directory)
    restart.run(checks)
    failures.run(checks)
    return checks.close()


if __name__ == "__main__":
    sys.exit(main())
