"""What a guest does that no host can change: rows of "when a guest has no IPv6" in docs/operations.md, each with its fix."""

import time

from guests import rows, state
from lab.links import PREFIX
from scenarios.stage import NotHere, check, configured, host_and_guest, inside, say, scenario, wait

TITLES = {}


def trouble(name, title):
    TITLES[name] = title
    return scenario(name, 0, title, 15)


class Case:
    """A Linux guest behind autora, with settings of its `eth0` from before the link is up."""

    def __init__(self, settings=None, autora=None):
        self.host, self.guest = host_and_guest(guest_up=False)
        for name, value in (settings or {}).items():
            self.set(name, value)
        self.options = autora or {}

    def start(self):
        self.daemon = self.host.autora("tap-vm-1", **self.options)
        self.guest.ip("link set eth0 up")

    def set(self, name, value):
        try:
            self.guest.sysctl(f"conf/eth0/{name}", value)
        except FileNotFoundError as missing:
            raise NotHere(f"this kernel has no {name}") from missing

    def state(self):
        return state.kernel(self.guest.net, "eth0")

    def addresses(self):
        """Those that come from the advertisements, whatever their state."""
        return [a for a, _ in self.state().addresses if inside(a, PREFIX)]

    def two_more(self):
        """Two more advertisements have arrived: what they did not bring about does not come."""
        dump = self.guest.tcpdump("eth0", "icmp6 and ip6[40] == 134")
        wait("two more advertisements", lambda: dump.text().count("router advertisement") >= 2, 12)


@trouble("trouble-forwards", "A guest that begins to forward (Docker, Kubernetes, a VPN): `accept_ra=2` in it")
def forwards():
    case = Case()
    case.start()
    configured(case.guest, "eth0", PREFIX)
    before = time.time()
    case.guest.sysctl("conf/all/forwarding", 1)
    wait("its default route is gone", lambda: not case.state().routers, 2, 0.01)
    say(f"  {time.time() - before:.2f} s after it began to forward")
    case.two_more()
    check(case.addresses() and not case.state().routers, f"the guest has {case.state()}")
    case.set("accept_ra", 2)
    wait("with accept_ra=2 it is back", lambda: case.state().routers, 12)


@trouble("trouble-autoconf", "A container whose `autoconf` is 0 (Podman's netavark): `autoconf=1` in it")
def autoconf():
    case = Case({"autoconf": 0})
    case.start()
    wait("it has a default route", lambda: case.state().routers, 12)
    case.two_more()
    check(not case.addresses(), f"the guest has {case.state()}")
    case.set("autoconf", 1)
    wait("with autoconf=1 it has an address", case.addresses, 12)


@trouble("trouble-static-route", "A static `default via fe80::1` where the host's link-local address is fe80::1: delete it")
def static_route():
    case = Case()
    case.host.sysctl("conf/tap-vm-1/addr_gen_mode", 1)
    case.host.ip("addr flush dev tap-vm-1 scope link", "addr add fe80::1/64 dev tap-vm-1")
    case.guest.ip("link set eth0 up", "route add default via fe80::1 dev eth0 metric 1024")
    case.start()
    case.two_more()
    check(not case.addresses(), f"the guest has {case.state()}")
    case.guest.ip("route del default via fe80::1 dev eth0")
    configured(case.guest, "eth0", PREFIX)


@trouble("trouble-short-lifetime", "A guest that ignores lifetimes below 180 s (Android): leave them at their defaults")
def short_lifetime():
    case = Case({"accept_ra_min_lft": 180}, {"router_lifetime": "179s", "pio_valid_lifetime": "179s"})
    case.start()
    case.two_more()
    check(not case.addresses() and not case.state().routers, f"the guest has {case.state()}")
    case.daemon.stop()
    case.host.autora("tap-vm-1", router_lifetime="180s", pio_valid_lifetime="180s")
    configured(case.guest, "eth0", PREFIX)


@trouble("trouble-lease", "The same with a prefix whose lease ends within 180 s: nothing, until it is renewed")
def lease():
    case = Case({"accept_ra_min_lft": 180}, {"router_lifetime": "180s", "pio_valid_lifetime": "24h"})
    case.host.ip(f"addr change {PREFIX}1/64 dev tap-vm-1 valid_lft 170 preferred_lft 170")
    case.start()
    wait("it has a default route", lambda: case.state().routers, 12)
    case.two_more()
    check(not case.addresses(), f"the guest has {case.state()}")
    case.host.ip(f"addr change {PREFIX}1/64 dev tap-vm-1 valid_lft 600 preferred_lft 600")
    configured(case.guest, "eth0", PREFIX)


@trouble("trouble-ifup", "`ifup` that hangs with `inet6 dhcp`, which nobody answers: `inet6 auto`")
def ifup():
    case = Case()
    case.host.autora("tap-vm-1")
    asking = rows.Ifupdown("trixie")
    asking.node, asking.files = case.guest, {"/etc/network/interfaces": "iface eth0 inet6 dhcp\n"}
    asking.prepare()
    asking.start()
    configured(case.guest, "eth0", PREFIX)
    case.two_more()
    check(asking.started.alive(), f"ifup has ended: {asking.started.text()}")
    asking.started.kill()
    case.guest.ip("link set eth0 down")
    auto = rows.Ifupdown("trixie")
    auto.node = case.guest
    auto.prepare()
    auto.start()
    check(auto.started.wait(12) == 0, f"ifup with inet6 auto: {auto.started.text()}")
    configured(case.guest, "eth0", PREFIX)


def shown(passed):
    """The titles of those that behaved as they say."""
    return [title for name, title in TITLES.items() if name in passed]
