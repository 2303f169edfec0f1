"""A shared segment: several guests behind one bridge, autora on the bridge interface."""

import re
import time

from lab.links import PREFIX, ROUTER_MAC
from scenarios.stage import MAX_INTERVAL, STABLE, Node, advertisements, check, configured, say, scenario, veth, wait


class Segment:
    """A host with the bridge br0 and three guests behind it, all down but the bridge."""

    def __init__(self):
        self.host = Node("host", forwarding=True)
        self.guests = [Node(f"guest{i}") for i in (1, 2, 3)]
        self.host.ip(
            f"addr add {STABLE}/128 dev lo",
            f"link add br0 address {ROUTER_MAC} type bridge",
            "link set br0 up",
            f"addr add {PREFIX}1/64 dev br0",
        )
        for number, guest in enumerate(self.guests):
            veth(self.host, f"vnet{number}", guest, "eth0", up=False)
            # What a hypervisor does with the ports of its bridges.
            self.host.sysctl(f"conf/vnet{number}/disable_ipv6", 1)
            self.host.ip(f"link set vnet{number} master br0 up")

    def connect(self, *guests):
        for guest in guests:
            guest.ip("link set eth0 up")


@scenario("bridge-three-guests", 7, "three guests on one bridge configure themselves, the late one by asking", 25)
def bridge_three_guests():
    segment = Segment()
    early, late = segment.guests[:2], segment.guests[2]
    # Long intervals: after the first three advertisements only a question brings one.
    daemon = segment.host.autora("br0", min_ra_interval="45s", max_ra_interval="60s", router_lifetime="180s")
    segment.connect(*early)
    found = [configured(guest, "eth0", PREFIX)["local"] for guest in early]
    dump = early[0].tcpdump("eth0", "icmp6")
    quiet_until = time.time() + 3.5
    wait("3.5 s have passed", lambda: time.time() > quiet_until, 5)
    segment.connect(late)
    found.append(configured(late, "eth0", PREFIX, timeout=6)["local"])
    check(len(set(found)) == 3, f"the addresses are {found}")
    for guest in segment.guests:
        check(guest.default_routes()[0]["gateway"] == segment.host.link_local("br0"), f"{guest.default_routes()}")
        check(guest.pings(STABLE), f"{guest.name} does not reach the host")
        check(guest.prefix_route(PREFIX) == [], f"{guest.name} has an on-link route")
        for other in found:
            check(guest.pings(other), f"{guest.name} does not reach {other}")
    # One advertisement for all of them, multicast: that is what the first guest saw of the third one's question.
    check(len(advertisements(dump)) >= 1, "the answer was not multicast")
    check(daemon.alive() and daemon.count("advertising 2001:db8:1::/64") == 1, daemon.text())


@scenario("bridge-no-carrier", 7, "a bridge without a carrier is not served, and is at once when it has one", 30)
def bridge_no_carrier():
    segment = Segment()
    daemon = segment.host.autora("br0")
    daemon.says("it has no carrier")
    state = segment.host.net.ip_json("link", "show", "dev", "br0")[0]
    check("NO-CARRIER" in state["flags"] and "UP" in state["flags"], f"the bridge is {state['flags']}")
    counted = sent_by(segment.host, "br0")
    quiet_until = time.time() + MAX_INTERVAL + 1
    wait("an interval has passed", lambda: time.time() > quiet_until, MAX_INTERVAL + 2)
    # The kernel's own counter of what left by the bridge: nothing at all, not only nothing that was seen.
    check(sent_by(segment.host, "br0") == counted, "something was sent without a carrier")
    segment.connect(segment.guests[0])
    configured(segment.guests[0], "eth0", PREFIX, timeout=8)
    # All guests go: no carrier again; and one comes back.
    segment.guests[0].ip("link set eth0 down")
    wait("autora says so again", lambda: daemon.count("it has no carrier") == 2, 4)
    segment.connect(segment.guests[1])
    configured(segment.guests[1], "eth0", PREFIX, timeout=8)
    check(daemon.alive(), "autora ended")


def sent_by(node, ifname):
    return node.net.ip_json("-s", "link", "show", "dev", ifname)[0]["stats64"]["tx"]["packets"]


@scenario("bridge-mac", 7, "the bridge's MAC address changes as a port leaves: how long its guest loses its router", 90)
def bridge_mac():
    host, guest, nowhere = Node("host", forwarding=True), Node("guest"), Node("nowhere")
    host.ip(f"addr add {STABLE}/128 dev lo", "link add br0 type bridge", "link set br0 up", f"addr add {PREFIX}1/64 dev br0")
    # A bridge without an address of its own has the lowest one of its ports.
    macs = [f"02:00:5e:00:09:{last}" for last in ("10", "20", "30")]
    for port, mac, node in zip(("low", "middle", "vnet0"), macs, (nowhere, nowhere, guest)):
        veth(host, port, node, "eth0" if node is guest else f"{port}-end", mac)
        host.ip(f"link set {port} master br0")
    host.autora("br0", min_ra_interval="150s", max_ra_interval="200s", router_lifetime="600s", pio_valid_lifetime="1200s",
                pio_preferred_lifetime="900s")
    configured(guest, "eth0", PREFIX)
    dump = guest.tcpdump("eth0", "icmp6 and ip6[40] == 134")
    ping = guest.start("ping", "-6", "-n", "-D", "-i", "0.1", STABLE)
    for notify, port, mac, bound in ((1, "low", macs[1], 2), (0, "middle", macs[2], 60)):
        host.sysctl("conf/br0/ndisc_notify", notify)
        since = time.time()
        wait(
            "3 s have passed since the last advertisement",
            lambda: time.time() > max([since, *(ra["time"] for ra in advertisements(dump))]) + 3.2,
            8,
        )
        began = time.time()
        host.ip(f"link del {port}")
        told = wait(
            "an advertisement from the new address",
            lambda: [ra["time"] - began for ra in advertisements(dump) if ra["time"] > began and ra["mac"] == mac],
            2,
        )
        check(told[0] < 0.5, f"advertised after {told[0]:.2f} s")
        # The guest has to try the old address first.
        wait("answers come again", lambda: answers(ping, began + 0.5), bound)
        times = [began, *answers(ping, began)]
        lost = max(after - before for before, after in zip(times, times[1:]))
        say(f"  ndisc_notify={notify}: advertised after {told[0]:.3f} s, the router is back after {lost:.1f} s")


def answers(ping, since):
    """When ping had answers, later than a time."""
    return [when for when in map(float, re.findall(r"\[([0-9.]+)\] 64 bytes", ping.text())) if when > since]
