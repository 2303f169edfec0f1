"""The story of one persistent tap and the machine behind it, which is switched on three times."""

import os
import re
import signal
import sys
import tempfile
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab import codec
from lab.checks import Checks
from lab.namespace import Namespace
from lab.process import AUTORA, Program
from vm import clock, kinds
from vm.machine import Machine
from vm.watch import Watch

TAP, PREFIX = "tap-vm-1", "2001:db8:1::"
GUEST_MAC = "52:54:00:12:34:56"
GUEST_ADDRESS = codec.link_local(GUEST_MAC).replace("fe80::", "2001:db8:1:0:")
FARTHER = "2001:db8:ffff::1"
PROMISED = 1.5
MIN_DELAY_BETWEEN_RAS = 3.0
MAX_INITIAL_RTR_ADVERT_INTERVAL = 16.0
# A machine under emulation on a busy host.
BOOT, SLACK = 60, 4.0


class Story(Checks):
    def __init__(self, image, directory):
        super().__init__()
        self.image, self.directory = image, directory
        self.router = Namespace()
        self.router.sysctl("conf/all/forwarding", 1)
        self.router.ip(
            "link set lo up",
            f"addr add {FARTHER}/128 dev lo",
            f"tuntap add dev {TAP} mode tap",
            f"link set {TAP} up",
            f"addr add {PREFIX}1/64 dev {TAP}",
        )
        self.watch = Watch(self.router, TAP)
        self.daemon = Program(self.router, os.path.join(directory, "log"))
        argv = [AUTORA, "--interface", TAP, "--interface-regex", "^tap-vm-[0-9]+$"]
        self.daemon.launch(argv, {"RUNTIME_DIRECTORY": directory})

    def power_on(self, *words):
        """Switches the machine on; returns when, by the wall clock."""
        began = time.time()
        self.machine = Machine(self.router, self.image, TAP, GUEST_MAC, self.watch, *words)
        return began

    def check_served(self, began, title):
        """An advertisement within 1.5 s of the carrier, the host's own address check and the 3 s rule."""
        watch = self.watch
        up = watch.wait(lambda: next((when for when, on in watch.carrier if on and when >= began), None), 10)
        if not self.check(up, f"{title}: the tap has a carrier"):
            return
        # The daemon may be faster than this process is to read the kernel's event.
        earlier = [ra.time for ra in watch.ras if ra.time < began]
        ra = watch.wait(lambda: next((ra for ra in watch.ras if ra.time >= began), None), 10)
        possible = max([up, watch.source_valid or 0] + [when + MIN_DELAY_BETWEEN_RAS for when in earlier[-1:]])
        late = ra.time - possible if ra else None
        how = f"{ra.time - up:.3f} s after the carrier, {late:.3f} s after it was allowed" if ra else "none"
        self.check(ra and late <= PROMISED, f"{title}: an advertisement within {PROMISED} s", how)

    def check_guest(self, title, within=None):
        """What the guest says that it has."""
        said = self.watch.wait(lambda: "finished" in self.watch.lines() and self.watch.lines(), BOOT)
        if not self.check(said, f"{title}: the guest configures itself", "" if said else self.watch.text[-500:]):
            return
        uptime = {line.split()[0]: float(line.split()[1]) for line in said if re.match(r"(up|configured) \d", line)}
        took = uptime["configured"] - uptime["up"]
        self.check(within is None or took <= within, f"{title}: configured after the link came up", f"{took:.1f} s")
        address = f"inet6 {GUEST_ADDRESS}/64 scope global dynamic"
        seen = [line for line in said if line.startswith("address") and "global" in line]
        self.check(len(seen) == 1 and address in seen[0], f"{title}: one global address", seen)
        lifetimes = [int(n) for n in re.findall(r"(?:valid|preferred)_lft (\d+)sec", " ".join(said))]
        counting = len(lifetimes) == 2 and 86300 < lifetimes[0] <= 86400 and 14300 < lifetimes[1] <= 14400
        self.check(counting, f"{title}: with the advertised lifetimes", lifetimes)
        routes = [line for line in said if line.startswith("route")]
        defaults = [line for line in routes if "default" in line]
        router = self.watch.ras[-1].src
        right = len(defaults) == 1 and f"via {router} dev eth0" in defaults[0]
        self.check(right, f"{title}: one default route, through the router's link-local address", defaults)
        self.check(not any(PREFIX in line for line in routes), f"{title}: no on-link route for the prefix", routes)
        self.check(f"reached {FARTHER}" in said, f"{title}: what lies behind the router answers")

    def check_off(self, title):
        """The machine ends and the daemon knows it."""
        self.machine.process.wait(20)
        watch = self.watch
        off = watch.wait(lambda: not watch.has_carrier and watch.carrier[-1][0], 10)
        self.check(off and self.daemon.alive(), f"{title}: no carrier, and the daemon waits")

    def tell_it(self):
        watch = self.watch
        silent = self.until_logged("carrier")
        self.check(silent and not watch.ras, "no machine yet: silence, and the reason in the log")

        self.check_served(self.power_on(), "switched on")
        self.check_guest("switched on")
        self.machine.tell("off")
        self.check_off("switched off by its guest")

        # Far enough from the last advertisement that the carrier alone decides.
        watch.pause(watch.ras[-1].time + MIN_DELAY_BETWEEN_RAS - time.time())
        began = self.power_on("quiet_guest")
        self.check_served(began, "on again, without solicitations")
        self.check_guest("on again, without solicitations", MAX_INITIAL_RTR_ADVERT_INTERVAL + SLACK)
        asked = [when for when in watch.solicitations if when >= began]
        self.check(not asked, "on again, without solicitations: it sent none", asked)
        self.machine.power_off()
        self.check_off("its power is cut")

        began = self.power_on()
        self.check_served(began, "on for the third time")
        self.check_guest("on for the third time")
        self.check([when for when in watch.solicitations if when >= began], "on for the third time: it asked")

        self.daemon.signal(signal.SIGTERM)
        final = watch.wait(lambda: watch.ras[-1].lifetime == 0, MIN_DELAY_BETWEEN_RAS + SLACK)
        self.machine.tell("route")
        answer = watch.wait(lambda: [line for line in watch.lines() if line.startswith("defaults")], 20)
        withdrawn = final and answer == ["defaults 0"]
        self.check(withdrawn, "the daemon is stopped: the guest's default route is gone", answer)
        self.check(self.daemon.wait(5) == 0, "the daemon ends with status 0")
        self.machine.power_off()

        times = [ra.time for ra in watch.ras]
        gaps = [after - before for before, after in zip(times, times[1:])]
        self.check(min(gaps) >= MIN_DELAY_BETWEEN_RAS - 0.003, "never two within 3 s", f"{min(gaps):.3f} s")
        self.check(len({ra.src for ra in watch.ras}) == 1, "always from the same source", watch.ras[-1].src)

    def until_logged(self, word):
        """The daemon's log is a file, of which nothing can be waited for."""
        for _ in range(100):
            if word in self.daemon.text():
                return True
            self.watch.pause(0.05)
        return False


def main():
    with tempfile.TemporaryDirectory(prefix="autora-vm-") as directory:
        story = Story(sys.argv[1], directory)
        try:
            story.tell_it()
        finally:
            story.daemon.kill()
            if story.failed:
                print(story.daemon.text())
    clock.tell_it(story, sys.argv[1])
    kinds.tell_it(story, sys.argv[1])
    return story.close()


if __name__ == "__main__":
    sys.exit(main())
