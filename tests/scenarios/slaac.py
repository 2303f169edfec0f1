"""Stateless autoconfiguration of a Linux guest, in each of its interface-identifier modes."""

import time

from lab.codec import eui64
from lab.links import OTHER_PREFIX, PREFIX, ROUTER_MAC
from scenarios.stage import (
    STABLE,
    Node,
    advertisements,
    check,
    configured,
    dhcpv6_seen,
    host_and_guest,
    say,
    scenario,
    veth,
    wait,
)

GUEST_MAC = "02:00:5e:00:02:02"
SECRETS = ("2001:db8::5ec:1", "2001:db8::5ec:2")
ROUTER_LIFETIME, VALID, PREFERRED = 30, 60, 40


def watch_boot(host, guest):
    """Start the guest under a capture and autora on its link; returns both programs."""
    # On the host's end: tcpdump refuses a link that is still down, as the guest's is.
    dump = host.tcpdump("tap-vm-1", "icmp6 or udp port 546 or udp port 547")
    daemon = host.autora("tap-vm-1")
    guest.ip("link set eth0 up")
    configured(guest, "eth0", PREFIX)
    return dump, daemon


def check_detection(dump):
    """Both of the guest's addresses were asked for (DAD) before they were used."""
    asked = [line for line in dump.text().splitlines() if f" {GUEST_MAC} > " in line and " :: > ff02:" in line]
    for prefix in ("fe80:", PREFIX[:-1]):
        check(any(f"who has {prefix}" in line for line in asked), f"no duplicate address detection for {prefix}: {asked}")


def check_lifetimes(guest, address):
    """The advertised lifetimes count down, and each advertisement renews them."""
    check(address["valid_life_time"] <= VALID, f"valid for {address['valid_life_time']} s, advertised were {VALID}")
    check(address["preferred_life_time"] <= PREFERRED, f"preferred for {address['preferred_life_time']} s")
    seen = []

    def now():
        found = next(a for a in guest.slaac("eth0", PREFIX) if a["local"] == address["local"])
        route = guest.default_routes()[0]
        seen.append((found["valid_life_time"], found["preferred_life_time"], route["expires"]))
        return any(a[0] > b[0] for a, b in zip(seen, seen[1:])) and any(a[0] < b[0] for a, b in zip(seen, seen[1:]))

    wait("the lifetimes count down and are renewed", now, 10, every=0.4)
    say(f"  (valid, preferred, route): {seen}")
    check(all(v <= VALID and p <= PREFERRED and r <= ROUTER_LIFETIME for v, p, r in seen), f"longer than advertised: {seen}")
    least = (VALID - 6, PREFERRED - 6, ROUTER_LIFETIME - 6)
    check(all(now >= then for line in seen for now, then in zip(line, least)), f"not renewed: {seen}")


def check_routes(host, guest):
    """One default route, through the router's link-local address; none that says that the /64 is on the link."""
    routes = guest.default_routes()
    check(len(routes) == 1, f"default routes: {routes}")
    route = routes[0]
    check(route["gateway"] == host.link_local("tap-vm-1"), f"the router is {host.link_local('tap-vm-1')}: {route}")
    check(route["protocol"] == "ra" and route["dev"] == "eth0" and route["pref"] == "medium", f"route {route}")
    check(guest.prefix_route(PREFIX) == [], f"an on-link route: {guest.prefix_route(PREFIX)}")
    to_neighbour = guest.net.ip_json("route", "get", f"{PREFIX}1234")[0]
    check(to_neighbour.get("gateway") == route["gateway"], f"the /64's other addresses: {to_neighbour}")
    check(guest.pings(STABLE) and guest.pings(f"{PREFIX}1"), "the host does not answer the guest's pings")


def check_advertisements(dump):
    """What tcpdump says of each advertisement."""
    for ra in advertisements(dump):
        option = {"prefix": "2001:db8:1::/64", "flags": "Flags [auto]", "valid": VALID, "preferred": PREFERRED}
        check(ra["prefixes"] == [option], f"tcpdump reads {ra['text']}")
        check("Flags [none]" in ra["text"], f"M or O is set: {ra['text']}")
        check(ra["to"] == "33:33:00:00:00:01" and " > ff02::1: " in ra["text"], f"not multicast: {ra['text']}")
    check(not dhcpv6_seen(dump), "a DHCPv6 packet was seen though M and O are 0")


@scenario("slaac-eui64", 1, "a Linux guest with EUI-64 identifiers, from carrier to route", 25)
def slaac_eui64():
    host, guest = host_and_guest(guest_up=False)
    dump, daemon = watch_boot(host, guest)
    addresses = guest.slaac("eth0", PREFIX)
    check([a["local"] for a in addresses] == [eui64(PREFIX, GUEST_MAC)], f"addresses {addresses}")
    check(addresses[0].get("dynamic") and addresses[0].get("mngtmpaddr"), f"flags of {addresses[0]}")
    check_detection(dump)
    check_routes(host, guest)
    check_lifetimes(guest, addresses[0])
    check_advertisements(dump)
    # Stopped: the route goes, the address stays for its lifetime.
    check(daemon.stop() == 0, "autora's exit status")
    wait("the guest has no default route", lambda: not guest.default_routes(), 2)
    check(guest.slaac("eth0", PREFIX), "the address went with the router")


@scenario("slaac-stable-privacy", 1, "a Linux guest with stable, opaque identifiers (RFC 7217)", 15)
def slaac_stable_privacy():
    host, guest = host_and_guest(guest_up=False)
    guest.sysctl("conf/eth0/stable_secret", SECRETS[0])
    guest.sysctl("conf/eth0/addr_gen_mode", 2)
    dump, _ = watch_boot(host, guest)
    (address,) = guest.slaac("eth0", PREFIX)
    check(address["local"] != eui64(PREFIX, GUEST_MAC), "the identifier is the MAC's")
    check(address.get("stable-privacy"), f"flags of {address}")
    check_detection(dump)
    check_routes(host, guest)
    # The same secret and prefix give the same address again; another prefix or secret another one.
    guest.ip("link set eth0 down", "link set eth0 up")
    again = configured(guest, "eth0", PREFIX)
    check(again["local"] == address["local"], f"{address['local']} became {again['local']}")
    guest.ip("link set eth0 down")
    guest.sysctl("conf/eth0/stable_secret", SECRETS[1])
    guest.ip("link set eth0 up")
    other = configured(guest, "eth0", PREFIX)
    check(other["local"] != address["local"], "another secret gave the same address")
    check_advertisements(dump)


@scenario("slaac-temporary", 1, "a Linux guest with temporary addresses (RFC 8981), use_tempaddr=2", 15)
def slaac_temporary():
    host, guest = host_and_guest(guest_up=False)
    guest.sysctl("conf/eth0/use_tempaddr", 2)
    dump, _ = watch_boot(host, guest)
    addresses = wait(
        "the guest has a public and a temporary address",
        lambda: [a for a in guest.slaac("eth0", PREFIX)] if len(guest.slaac("eth0", PREFIX)) == 2 else None,
        5,
    )
    (temporary,) = [a for a in addresses if a.get("temporary")]
    (public,) = [a for a in addresses if not a.get("temporary")]
    check(public["local"] == eui64(PREFIX, GUEST_MAC), f"the public address {public}")
    check(temporary["valid_life_time"] <= VALID and temporary["preferred_life_time"] <= PREFERRED, f"{temporary}")
    check(guest.source_for(STABLE) == temporary["local"], f"new connections use {guest.source_for(STABLE)}")
    check_detection(dump)
    check_routes(host, guest)
    check_lifetimes(guest, public)
    check_advertisements(dump)


@scenario("slaac-solicited", 1, "in each mode: DAD, a solicitation, the answer within 0.5 s, DAD again", 15)
def slaac_solicited():
    host = Node("host", forwarding=True)
    modes = {"eui64": {}, "private": {"stable_secret": SECRETS[0], "addr_gen_mode": 2}, "temporary": {"use_tempaddr": 2}}
    guests = []
    for number, (mode, settings) in enumerate(modes.items(), 1):
        guest, tap = Node(mode), f"tap-vm-{number}"
        veth(host, tap, guest, "eth0", f"02:00:5e:00:01:0{number}", GUEST_MAC, up=False)
        # The kernel's first solicitation comes after a random delay of up to a second.
        for name, value in {"disable_ipv6": 1, **settings}.items():
            guest.sysctl(f"conf/eth0/{name}", value)
        guest.ip("link set eth0 up")
        host.ip(f"link set {tap} up", f"addr add 2001:db8:1:{number}::1/64 dev {tap}")
        dump = host.tcpdump(tap, "icmp6")
        # Nothing comes unasked between the first advertisement and 16 s later.
        host.autora(tap, min_ra_interval="45s", max_ra_interval="60s", router_lifetime="180s")
        guests.append((guest, f"2001:db8:1:{number}::", dump))
    for guest, prefix, dump in guests:
        wait(f"{guest.name}: advertised", lambda d=dump: advertisements(d), 6)
    quiet_until = time.time() + 3.2
    wait("3 s have passed", lambda: time.time() > quiet_until, 5)
    for guest, prefix, dump in guests:
        guest.sysctl("conf/eth0/disable_ipv6", 0)
    for guest, prefix, dump in guests:
        configured(guest, "eth0", prefix)
        check_order(dump, prefix)


def check_order(dump, prefix):
    # Only the first lines of packets, what follows one is indented; and only what the guest's start caused.
    lines = [line for line in dump.text().splitlines() if line[:1].isdigit()]
    started = next(i for i, line in enumerate(lines) if line.split()[1] == GUEST_MAC)
    wanted = ["who has fe80:", "router solicitation", "router advertisement", f"who has {prefix[:-1]}"]
    found = []
    for line in lines[started:]:
        if len(found) < len(wanted) and wanted[len(found)] in line:
            found.append((float(line.split()[0]), line))
    check(len(found) == len(wanted), f"of DAD, RS, RA, DAD came {len(found)} in this order:\n" + "\n".join(lines))
    before = [line for line in lines[started:] if "router advertisement" in line and float(line.split()[0]) < found[1][0]]
    check(not before, f"an advertisement came unasked: {before}")
    delay = found[2][0] - found[1][0]
    say(f"  the answer came after {delay:.3f} s")
    check(0 <= delay <= 0.7, f"the answer took {delay:.3f} s")


@scenario("slaac-same-mac", 1, "a cloned guest with the same MAC: its DAD fails, the first guest and the router go on", 20)
def slaac_same_mac():
    host = Node("host", forwarding=True)
    guests = [Node("guest1"), Node("guest2")]
    host.ip(f"addr add {STABLE}/128 dev lo", f"link add br0 address {ROUTER_MAC} type bridge", "link set br0 up")
    for i, guest in enumerate(guests):
        veth(host, f"port{i}", guest, "eth0", None, GUEST_MAC, up=False)
        host.sysctl(f"conf/port{i}/disable_ipv6", 1)
        host.ip(f"link set port{i} master br0 up")
    host.ip(f"addr add {PREFIX}1/64 dev br0")
    daemon = host.autora("br0")
    guests[0].ip("link set eth0 up")
    first = configured(guests[0], "eth0", PREFIX)
    router = host.link_local("br0")
    dump = guests[0].tcpdump("eth0", "icmp6 or udp port 546 or udp port 547")
    guests[1].ip("link set eth0 up")
    wait("DAD fails in the second guest", lambda: any(a.get("dadfailed") for a in guests[1].addresses("eth0")), 5)
    sent = len(advertisements(dump))
    wait("three more advertisements", lambda: len(advertisements(dump)) >= sent + 3, 14)
    check(guests[1].slaac("eth0", PREFIX) == [], f"the clone uses {guests[1].addresses('eth0')}")
    check(host.link_local("br0") == router, f"the router had {router}, now {host.link_local('br0')}")
    check(guests[0].slaac("eth0", PREFIX)[0]["local"] == first["local"], "the first guest lost its address")
    wait("the first guest reaches the host", lambda: guests[0].pings(STABLE), 10)
    check(daemon.count("\n") <= 5 and daemon.alive(), f"autora's log:\n{daemon.text()}")
    times = [ra["time"] for ra in advertisements(dump)]
    gaps = [round(b - a, 2) for a, b in zip(times, times[1:])]
    check(all(2.99 <= gap <= 4.5 for gap in gaps), f"the intervals are {gaps}")


@scenario("slaac-not-served", 1, "a pattern that does not match: the guest gets nothing", 8)
def slaac_not_served():
    host, guest = host_and_guest(prefix=OTHER_PREFIX)
    dump = guest.tcpdump("eth0", "icmp6")
    daemon = host.autora("tap-vm-1", regex="^tap-db-")
    check(daemon.process.wait(5) == 78, "the exit status for a name that does not match")
    wait("the guest's own link-local address is valid", lambda: guest.link_local("eth0"), 5)
    guest.run("rdisc6", "-q", "-r", "1", "-w", "2000", "eth0", check=False)
    check(advertisements(dump) == [], "an advertisement was seen")
    check(guest.default_routes() == [] and guest.addresses("eth0", OTHER_PREFIX) == [], "the guest configured something")
