"""What each guest goes through, and what is measured: the cells of its row, which docs/guests.md explains."""

import os
import signal
import subprocess
import time

from guests.state import Watch
from lab.capture import Capture
from lab.links import GUEST_MAC, OTHER_PREFIX, PREFIX, ROUTER_MAC
from lab.process import AUTORA
from scenarios.stage import STABLE, WORK, Fail, Node, inside, say, subprocess_ok, wait

THIRD_PREFIX = "2001:db8:3::"
# In the guest's first /64, and not on its link: it lies behind the host.
BEHIND = f"{PREFIX}77"
TAP = "tap-vm-1"
# Nobody waits so long on an idle machine; a busy one is not to blame the guest.
PATIENCE = 20
# What takes a guest longer than an advertisement that it has received does not come any more.
SETTLE = 3
KEPT = "kept"
NEVER = "never"
# What is expected of each guest that does not say otherwise: a word, or at most so many seconds.
EXPECTED = {"behind": "no", "restart": KEPT, "crash": KEPT, "add_only": 0.3, "del_only": 0.3, "add_none": 0.1, "del_none": 0.1}


class Wire:
    """A cable between the host and the guest that can be pulled: both ends lose their carrier."""

    def __init__(self, host):
        self.node, self.ports = Node("wire"), ["host"]
        self.node.sysctl("conf/default/disable_ipv6", 1)
        self.node.ip("link add bridge type bridge stp_state 0 mcast_snooping 0", "link set bridge up")
        host.ip(f"link add {TAP} address {ROUTER_MAC} type veth peer name host netns {self.node.net.path}")
        self.node.ip("link set host master bridge")
        self.capture = Capture(self.node.net, "host")

    def veth(self, guest, ifname):
        self.node.ip(f"link add guest type veth peer name {ifname} address {GUEST_MAC} netns {guest.net.path}")
        self.node.ip("link set guest master bridge")
        self.ports.append("guest")

    def tap(self):
        """A tap for a program that runs in the wire's namespace. Its own end always has a carrier."""
        self.node.run("ip", "tuntap", "add", "dev", "guest", "mode", "tap")
        self.node.ip("link set guest master bridge up")

    def join(self):
        self.node.ip(*(f"link set {port} up" for port in self.ports))

    def pull(self):
        self.node.ip(*(f"link set {port} down" for port in self.ports))


def debian_version(root, package):
    argv = ["dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f", "${Version}", package]
    return subprocess.run(argv, capture_output=True, text=True).stdout


class Guest:
    """One stack. `expect` has the cells in which it differs from what RFC 4861 and 4862 make of a host."""

    # A program that is its own machine runs on a tap; others have a namespace with `eth0`.
    on_tap = False
    expect = {}

    def __init__(self, name, expect=None, on_tap=False):
        self.name, self.expect, self.on_tap = name, expect or {}, on_tap

    def prepare(self):
        """Before the link is up."""

    def start(self):
        """The moment from which seconds are counted."""

    def version(self):
        """The kernel's, without what its builder added."""
        return os.uname().release.split("-")[0]


class Daemon:
    """autora with its default settings, as its unit starts it."""

    def __init__(self, host):
        self.host, self.runtime = host, os.path.join(WORK, "run-autora")
        os.makedirs(self.runtime)
        self.start()

    def start(self):
        self.program = self.host.start(
            AUTORA,
            f"--interface={TAP}",
            "--interface-regex=^tap-vm-[0-9]+$",
            log="autora",
            environment={"RUNTIME_DIRECTORY": self.runtime},
        )

    def end(self, how, status):
        """End it, and return when it began to."""
        began = self.program.signal(how)
        ended = self.program.wait(8)
        if ended != status:
            raise Fail(f"autora ended with {ended} after {how.name}, not {status}")
        return began


class Course:
    def __init__(self, guest):
        self.guest, self.cells = guest, {}
        self.host = Node("host", forwarding=True)
        self.host.ip(f"addr add {STABLE}/128 dev lo", f"addr add {BEHIND}/128 dev lo")
        self.wire = Wire(self.host)
        guest.wire = self.wire
        if guest.on_tap:
            self.wire.tap()
        else:
            guest.node = Node("guest")
            self.wire.veth(guest.node, "eth0")
        self.host.ip(f"link set {TAP} up", f"addr add {PREFIX}1/64 dev {TAP}")
        guest.prepare()
        self.watch = Watch(guest.state)
        self.router = None

    def run(self):
        self.daemon = Daemon(self.host)
        self.configure()
        self.renumber("add", PREFIX, OTHER_PREFIX)
        self.renumber("del", OTHER_PREFIX, THIRD_PREFIX)
        self.forward()
        self.stop()
        self.restart("restart", signal.SIGHUP, 75)
        self.restart("crash", signal.SIGKILL, -signal.SIGKILL)
        self.carrier()

    def never(self, cell):
        return self.guest.expect.get(cell) == NEVER

    def routed(self, state):
        return state.routers == {self.router}

    def unrouted(self, state):
        return not state.routers

    def await_ra(self, since, what, wanted=lambda ra: True):
        """The first such advertisement after then."""
        capture = self.wire.capture

        def arrived(_):
            capture.drain()
            return any(ra.time > since and wanted(ra) for ra in capture.ras)

        if not self.watch.until(arrived, PATIENCE):
            raise Fail(f"no advertisement within {PATIENCE} s: {what}")
        return next(ra for ra in capture.ras if ra.time > since and wanted(ra))

    def follow(self, since, wanted, ra):
        """Watch the guest until each cell of `wanted` (conditions) is met, and fill it with the seconds from then.

        ra: the advertisement that tells the guest. A cell that the guest never meets is not waited for any longer than
        it takes to act on this."""
        told = self.await_ra(since, f"what leads to {', '.join(wanted)}", ra)
        met = [condition for cell, condition in wanted.items() if not self.never(cell)]
        if met:
            self.watch.until(lambda state: all(condition(state) for condition in met), PATIENCE)
        if len(met) < len(wanted):
            self.watch.listen(max(0.0, told.time + SETTLE - time.time()))
        for cell, condition in wanted.items():
            seconds = self.watch.first(condition, since)
            self.cells[cell] = NEVER if seconds is None else round(seconds, 1)
            say(f"  {cell}: {self.cells[cell]}")

    def answers(self, prefix, source=STABLE):
        """Whether the guest answers a host beyond its router."""
        addresses = [a for a, kind in self.watch.look().addresses if inside(a, prefix) and kind == "preferred"]
        return bool(addresses) and subprocess_ok(
            self.host, "ping", "-6", "-n", "-q", "-c", "1", "-i", "0.5", "-w", "4", "-I", source, addresses[0]
        )

    def must_answer(self, prefix):
        if not self.answers(prefix):
            raise Fail(f"the guest does not answer from its address in {prefix}/64: {self.watch.look()}")

    def configure(self):
        since = time.time()
        self.wire.join()
        self.guest.start()
        self.router = self.host.link_local(TAP) or wait(
            "the host's link-local address", lambda: self.host.link_local(TAP), 10
        )
        advertised = {
            "address": lambda state: state.has(PREFIX),
            "route": self.routed,
        }
        self.follow(since, advertised, lambda ra: ra.prefix(PREFIX))
        if not self.never("address"):
            self.must_answer(PREFIX)
            self.cells["behind"] = "no" if self.answers(PREFIX, BEHIND) else "yes"

    def renumber(self, order, old, new):
        """In the order of the name; what existed is on the host a moment later."""
        lines = {"add": f"addr add {new}1/64 dev {TAP}", "del": f"addr del {old}1/64 dev {TAP}"}
        since = time.time()
        self.host.ip(lines.pop(order), *lines.values())
        wanted = {f"{order}_new": lambda state: state.has(new), f"{order}_old": lambda state: state.deprecates(old)}
        self.follow(since, wanted, lambda ra: ra.prefix(new))
        for cell, lacking in {
            f"{order}_only": lambda state: state.usable() == {"deprecated"},
            f"{order}_none": lambda state: not state.usable() or not self.routed(state),
        }.items():
            self.cells[cell] = round(self.watch.seconds(lacking, since), 1)
        if not self.never(f"{order}_new"):
            self.must_answer(new)

    def forward(self):
        since = time.time()
        self.host.sysctl("conf/all/forwarding", 0)
        self.follow(since, {"forwarding_0": self.unrouted}, lambda ra: ra.lifetime == 0)
        since = time.time()
        self.host.sysctl("conf/all/forwarding", 1)
        self.follow(since, {"forwarding_1": self.routed}, lambda ra: ra.lifetime > 0)

    def stop(self):
        since = self.daemon.end(signal.SIGTERM, 0)
        self.follow(since, {"stop": self.unrouted}, lambda ra: ra.lifetime == 0)
        since = time.time()
        self.daemon.start()
        self.follow(since, {"start": self.routed}, lambda ra: ra.lifetime > 0)

    def restart(self, cell, how, status):
        """The guest must not notice."""
        since = self.daemon.end(how, status)
        self.daemon.start()
        told = self.await_ra(since, f"that of the new process after {how.name}")
        self.watch.listen(max(0.0, told.time + 0.5 - time.time()))
        lost = self.watch.seconds(lambda state: not self.routed(state) or not state.usable(), since)
        self.cells[cell] = KEPT if lost == 0 else f"lost for {lost:.1f} s"

    def carrier(self):
        self.wire.pull()
        self.watch.listen(2)
        since = time.time()
        self.wire.join()
        newest = next((p for p in (THIRD_PREFIX, OTHER_PREFIX, PREFIX) if self.has_or_had(p)), PREFIX)
        back = {"carrier": lambda state: self.routed(state) and state.has(newest)}
        self.follow(since, back, lambda ra: ra.lifetime > 0)
        if not self.watch.seconds(lambda state: not back["carrier"](state), since - 2):
            self.cells["carrier"] = KEPT
        if newest == THIRD_PREFIX and not self.never("carrier"):
            self.must_answer(newest)

    def has_or_had(self, prefix):
        return any(state.has(prefix) for _, state in self.watch.changes)

    def judge(self):
        """The cells that are not as they should be."""
        wrong = []
        for cell, seen in self.cells.items():
            expected = self.guest.expect.get(cell, EXPECTED.get(cell))
            if isinstance(expected, float):
                good = seen <= expected
            else:
                good = seen == expected if expected else seen != NEVER
            if not good:
                wrong.append(f"{cell} {seen}, not {expected or 'in time'}")
        return wrong

    def summary(self):
        return ", ".join(f"{cell} {seen}" for cell, seen in self.cells.items())
