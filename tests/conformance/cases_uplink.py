"""Links on which this host is no router: its uplinks, and those that another daemon already serves.

One RA on an uplink can take the default route from the host itself and from its neighbours, so silence is
absolute here: no withdrawal either, and none at a stop.
"""

import socket
import struct
import time

from conformance.case import SLACK, Fail, case
from conformance.cases_life import stopped
from lab import codec
from lab.links import OTHER_PREFIX

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)
NAMED = "it serves what its configuration names, uplink or not"
GATEWAY = "fe80::99"


def silent(bench, since, seconds, what):
    """Not one RA, asked for or not."""
    until = time.time() + seconds
    while time.time() < until:
        bench.solicit("::")
        bench.solicit()
        bench.forbid(since, min(until, time.time() + 1.0), what)


@case("uplink-accept-ra", "autora contract; libvirt hosts", "accept_ra=2 from the start: silence, at the stop too", AUTORA, NAMED, seconds=9)
def uplink_accept_ra(bench):
    bench.make_lab()
    bench.link.conf("accept_ra", 2)
    bench.start(**SHORT)
    silent(bench, bench.daemon.started, 6, "on an uplink")
    stopped(bench)
    bench.forbid(bench.daemon.started, time.time() + 0.3, "on an uplink, at the stop")


@case("uplink-becomes", "autora contract", "accept_ra=2 while advertising: silence without a withdrawal; and back at the next look", AUTORA, NAMED, seconds=14)
def uplink_becomes(bench):
    # The kernel reports no change of accept_ra: coming back is noticed when the state is read again.
    bench.start(resync=2, **SHORT)
    bench.first()
    bench.link.conf("accept_ra", 2)
    when = time.time()
    silent(bench, when + 0.05, 6, "on an uplink")
    bench.expect_after(
        lambda: bench.link.conf("accept_ra", 0), 4.5, "after it was no uplink any more", lambda ra: ra.lifetime and ra.prefixes
    )


ROUTES = {
    "plain": ("the default route", ["route add default via {gateway} dev {name}"], ["route del default via {gateway} dev {name}"]),
    "multipath": (
        "the second next hop of the default route",
        ["route add default nexthop via fe80::98 dev lan0 nexthop via {gateway} dev {name}"],
        ["route del default"],
    ),
    "table": (
        "the default route of a table that a rule leads to",
        ["rule add from 2001:db8:f::/48 table 100", "route add default via {gateway} dev {name} table 100"],
        ["route del default table 100"],
    ),
    "orphan": (
        "the default route of a table that no rule leads to",
        ["route add default via {gateway} dev {name} table 100"],
        ["route del default table 100"],
    ),
    "world": (
        "a route for all of 2000::/3",
        ["route add 2000::/3 via {gateway} dev {name}"],
        ["route del 2000::/3"],
    ),
    "moved": (
        "a default route whose next hop object was moved there, without an event of a route,",
        ["nexthop add id 7 via fe80::98 dev lan0", "route add default nhid 7", "nexthop replace id 7 via {gateway} dev {name}"],
        ["route del default", "nexthop del id 7"],
    ),
    "source": (
        "a default route for some sources only, as DHCPv6 clients make it,",
        ["route add default from 2001:db8:f::/56 via {gateway} dev {name}"],
        ["route del default from 2001:db8:f::/56 dev {name}"],
    ),
    "nexthop": (
        "a default route by next hop object",
        ["nexthop add id 7 via {gateway} dev {name}", "route add default nhid 7"],
        ["route del default", "nexthop del id 7"],
    ),
}


def uplink_route(kind):
    what, add, delete = ROUTES[kind]

    @case(f"uplink-route-{kind}", "autora contract", f"{what} goes out of the interface: silence; and back", AUTORA, NAMED, seconds=14)
    def body(bench):
        lab = bench.make_lab()
        lab.add_link(ifname="lan0", peer="guest1", mac="02:00:5e:00:01:05", prefix=OTHER_PREFIX)
        # A default route elsewhere makes no uplink of the guest's link.
        lab.router.ip("route add default via fe80::98 dev lan0 metric 4096")
        bench.start(**SHORT)
        bench.first()
        words = {"gateway": GATEWAY, "name": bench.link.ifname}
        lab.router.ip(*(line.format(**words) for line in add))
        when = time.time()
        silent(bench, when + 0.05, 6, "on an uplink")
        bench.expect_after(
            lambda: lab.router.ip(*(line.format(**words) for line in delete)), 4.5, "after the route was gone"
        )


for kind in ROUTES:
    uplink_route(kind)


ELSEWHERE = {
    "blackhole": ("a blackhole default route", ["route add blackhole default metric 10"]),
    "unreachable": ("an unreachable default route", ["route add unreachable default metric 10"]),
    "rule": ("a rule that discards what the interface's /64 sends", ["rule add from 2001:db8:1::/64 blackhole pref 5"]),
    "anyip": ("an AnyIP /64 and a default route to the host itself", [
        "route add local 2001:db8:100::/64 dev lo",
        "route add local default dev lo table 77",
        "rule add fwmark 1 table 77",
    ]),
}  # fmt: skip


def not_uplink(kind):
    what, lines = ELSEWHERE[kind]

    @case(f"uplink-not-{kind}", "autora contract", f"{what} makes no uplink of the guest's link", AUTORA, NAMED, seconds=7)
    def body(bench):
        lab = bench.make_lab()
        lab.router.ip(*lines)
        bench.start(**SHORT)
        first = bench.first()
        bench.expect(first.time, 4.0 + SLACK, "after the first")


for kind in ELSEWHERE:
    not_uplink(kind)


class OtherDaemon:
    """What any other daemon of this host does: RAs from an ICMPv6 raw socket, which the kernel counts."""

    HOP_LIMIT = 99  # tells its advertisements from autora's on the wire

    def __init__(self, bench):
        self.link = bench.link
        with bench.lab.router:
            self.sock = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, struct.pack("i", self.link.index))

    def advertise(self):
        message = codec.ra_packet(self.link.ll, 600, OTHER_PREFIX, cur_hop_limit=self.HOP_LIMIT)
        before = time.time()
        self.sock.sendto(message, (codec.ALL_NODES, 0, 0, self.link.index))
        return before


@case("other-daemon", "RFC 4861 6.2.7; libvirt's dnsmasq", "another RA daemon of this host on the link: autora yields, and returns when it is gone", AUTORA, "it does not look for others", seconds=44)
def other_daemon(bench):
    bench.start(**SHORT)
    bench.first()
    other = OtherDaemon(bench)
    ours = lambda ra: ra.cur_hop_limit != OtherDaemon.HOP_LIMIT  # noqa: E731
    began = last = other.advertise()
    for _ in range(4):
        bench.solicit("::")
        bench.forbid(began + 0.05, time.time() + 2.0, "beside the other daemon", ours)
        last = other.advertise()
    if not bench.capture.since(began - 0.01, cur_hop_limit=OtherDaemon.HOP_LIMIT):
        raise RuntimeError("the other daemon's advertisements did not reach the guest")
    bench.forbid(began + 0.05, last + 11.9, "within three intervals of the other daemon's last RA", ours)
    # Counters are looked at, not watched: from the look that saw the last change it is three intervals more.
    bench.expect(last, 2 * 12 + 4.5, "after the other daemon's last RA", ours)


@case("rogue-guest", "autora contract", "RAs that a guest sends neither silence the router nor fill its log", seconds=14)
def rogue_guest(bench):
    bench.start(**SHORT)
    bench.first()
    began = time.time()
    number = 0
    while time.time() < began + 9:
        for source in range(5):
            src = f"fe80::bad:{source}"
            packet = codec.ipv6(src, codec.ALL_NODES, codec.ra_packet(src, 1800, OTHER_PREFIX))
            bench.link.sender.send(codec.frame(bench.link.guest_mac, codec.ALL_NODES_MAC, packet))
            number += 1
        bench.solicit("::")
        bench.capture.listen_until(time.time() + 0.05)
    if len(bench.capture.since(began)) < 2:
        raise Fail(f"{len(bench.capture.since(began))} RAs in 9 s of rogue ones: a guest can silence the router")
    lines = bench.daemon.text().count("\n")
    if bench.adapter.name == "autora" and lines > 20:
        raise Fail(f"{lines} lines of log for {number} RAs of five sources")
    if bench.adapter.name == "autora" and "fe80::bad:" not in bench.daemon.text():
        raise Fail("the log does not name one rogue router (RFC 4861 6.2.7)")


@case("send-drop", "systemd PR 41623", "12 s of firewall drops (ENOBUFS, EPERM): an RA within one interval of their end", seconds=24)
def send_drop(bench):
    lab = bench.make_lab()
    bench.start(**SHORT)
    bench.first()
    bench.capture.listen_until(time.time() + 0.5)
    lines, cpu = bench.daemon.text().count("\n"), bench.daemon.cpu()
    # A packet socket meets the first hook (ENOBUFS), an ICMPv6 socket the second (EPERM).
    egress = f"type filter hook egress device {bench.link.ifname} priority 0; policy drop;"
    lab.router.run("nft", "add", "table", "netdev", "wall")
    lab.router.run("nft", "add", "chain", "netdev", "wall", "out", "{", egress, "}")
    lab.router.run("nft", "add", "table", "inet", "wall")
    lab.router.run("nft", "add", "chain", "inet", "wall", "out", "{ type filter hook output priority 0; policy drop; }")
    when = time.time()
    for _ in range(12):
        bench.solicit("::")
        bench.forbid(when + 0.05, time.time() + 1.0, "through the firewall: the case's set-up is wrong")
    if not bench.daemon.alive():
        raise Fail(f"it ended itself with status {bench.daemon.wait(0)}")
    lines, cpu = bench.daemon.text().count("\n") - lines, bench.daemon.cpu() - cpu
    bench.expect_after(
        lambda: lab.router.run("nft", "flush", "ruleset"), 4.0 + SLACK, "after the firewall let it pass again"
    )
    if cpu > 0.1:
        raise Fail(f"{cpu:.2f} s of CPU in 12 s")
    if bench.adapter.name == "autora" and not 1 <= lines <= 3:
        raise Fail(f"{lines} lines of log for one lasting failure")
