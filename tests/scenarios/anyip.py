"""AnyIP: a whole /64 that is local to one machine."""

import os
import random
import sys
import time

from lab.codec import eui64
from lab.links import OTHER_PREFIX, PREFIX
from scenarios.stage import (
    HERE,
    STABLE,
    Node,
    advertisements,
    check,
    configured,
    host_and_guest,
    inside,
    say,
    scenario,
    veth,
    wait,
)

ANYIP = "2001:db8:100::"
ECHO = os.path.join(HERE, "echo.py")


def some_of(prefix, count=8):
    """Random addresses of a 2001:db8:N::/64."""
    return [f"{prefix[:-1]}0:{':'.join(f'{random.randrange(1, 65536):x}' for _ in range(4))}" for _ in range(count)]


def reach(node, addresses):
    for address in addresses:
        check(node.pings(address), f"{node.name} does not reach {address}")
    say(f"  {node.name} reached {' '.join(addresses)}")


@scenario("anyip-host", 4, "a guest reaches random addresses of a /64 that is local to the host", 20)
def anyip_host():
    host, guest = host_and_guest()
    host.ip(f"route add local {ANYIP}/64 dev lo")
    daemon = host.autora("tap-vm-1")
    configured(guest, "eth0", PREFIX)
    dump = guest.tcpdump("eth0", "icmp6")
    routes = guest.default_routes()
    check(len(guest.net.ip_json("route", "show")) <= 4 and len(routes) == 1, f"routes {guest.net.ip_json('route', 'show')}")
    reach(guest, some_of(ANYIP))
    host.start(sys.executable, ECHO, "serve", log="echo").says("serving")
    for number, address in enumerate(some_of(ANYIP, 3)):
        guest.start(sys.executable, ECHO, "talk", "-", address, log=f"talk{number}").says("answered")
    wait("two advertisements", lambda: len(advertisements(dump)) >= 2, 10)
    said = {option["prefix"] for ra in advertisements(dump) for option in ra["prefixes"]}
    check(said == {"2001:db8:1::/64"}, f"advertised were {said}")
    check(guest.addresses("eth0", ANYIP) == [], "the guest took an address of the host's /64")
    check(daemon.count("not advertising") <= 2, daemon.text())


@scenario("anyip-no-prefix", 4, "local prefixes make no interface eligible, and none ambiguous", 25)
def anyip_no_prefix():
    host, guest = host_and_guest(prefix=None)
    # One on lo, one on the served interface itself, one on another interface, and addresses on lo.
    veth(host, "tap-vm-2", guest, "eth1")
    host.ip(
        f"route add local {ANYIP}/64 dev lo",
        "route add local 2001:db8:101::/64 dev tap-vm-1",
        "route add local 2001:db8:102::/64 dev tap-vm-2",
        "addr add 2001:db8:103::1/64 dev lo",
    )
    dump = guest.tcpdump("eth0", "icmp6")
    daemon = host.autora("tap-vm-1")
    daemon.says("it has no global or unique-local /64")
    quiet_until = time.time() + 6
    wait("6 s have passed", lambda: time.time() > quiet_until, 7)
    check(advertisements(dump) == [], "advertised without an address of its own")
    # With one it is served, and none of the others counts.
    host.ip(f"addr add {PREFIX}1/64 dev tap-vm-1")
    configured(guest, "eth0", PREFIX)
    reach(guest, some_of(ANYIP, 2) + some_of("2001:db8:101::", 2) + some_of("2001:db8:102::", 2))
    # A local prefix that comes and goes changes nothing.
    lines = daemon.count("\n")
    seen = len(advertisements(dump))
    host.ip("route add local 2001:db8:104::/64 dev tap-vm-1", "route del local 2001:db8:101::/64 dev tap-vm-1")
    wait("two more advertisements", lambda: len(advertisements(dump)) >= seen + 2, 10)
    said = {option["prefix"] for ra in advertisements(dump) for option in ra["prefixes"]}
    check(said == {"2001:db8:1::/64"} and daemon.count("\n") == lines, f"advertised {said}:\n{daemon.text()}")


@scenario("anyip-guest", 4, "a guest with AnyIP on its own /64", 15)
def anyip_guest():
    host, guest = host_and_guest(guest_mac="02:00:5e:00:02:02")
    # The host reaches the whole /64 through the guest instead of asking for each address on the link.
    daemon = host.autora("tap-vm-1")
    own = configured(guest, "eth0", PREFIX)
    neighbour = eui64("fe80::", "02:00:5e:00:02:02")
    guest.ip(f"route add local {PREFIX}/64 dev lo")
    check(not host.pings(some_of(PREFIX, 1)[0]), "it is reached without a route: the test shows nothing")
    # The host's own address in the /64 is now the guest's too: the host speaks from another one.
    host.ip(f"route add {PREFIX}/64 via {neighbour} dev tap-vm-1 metric 1 src {STABLE}")
    reach(host, some_of(PREFIX))
    reach(host, [own["local"]])
    # Another machine beyond the host.
    outside = Node("outside")
    veth(host, "out0", outside, "eth0")
    host.ip(f"addr add {OTHER_PREFIX}1/64 dev out0 nodad")
    outside.ip(f"addr add {OTHER_PREFIX}2/64 dev eth0 nodad", f"route add default via {OTHER_PREFIX}1")
    reach(outside, some_of(PREFIX))
    reach(guest, [f"{OTHER_PREFIX}2", STABLE])
    dump = guest.tcpdump("eth0", "icmp6")
    wait("still advertised", lambda: len(advertisements(dump)) >= 2, 10)
    check(daemon.count("not advertising") <= 2 and daemon.alive(), daemon.text())
    check(inside(guest.source_for(f"{OTHER_PREFIX}2"), PREFIX) and len(guest.default_routes()) == 1, "the guest's own way out")
