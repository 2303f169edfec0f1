"""contrib/examples/nftables, loaded with nft: the guest is served, and what it advertises or forges gets nowhere."""

import json
import os

from lab import codec
from lab.capture import Sender
from lab.codec import eui64
from lab.links import PREFIX, ROUTER_MAC
from scenarios.stage import EXAMPLES, STABLE, Node, check, configured, say, scenario, veth, wait

ROGUE = "2001:db8:bad::"
OTHER_PREFIX = "2001:db8:2::"
MAC, OTHER_MAC = "02:00:5e:00:02:02", "02:00:5e:00:03:03"
ECHO_REQUEST = 128
# Seconds for what takes three on a machine that has nothing else to do.
SLOW = 30


def load(host, name):
    host.run("nft", "-f", os.path.join(EXAMPLES, "nftables", name))
    # An administrator loads it again after an edit.
    rules = host.run("nft", "-s", "list", "ruleset")
    host.run("nft", "-f", os.path.join(EXAMPLES, "nftables", name))
    check(host.run("nft", "-s", "list", "ruleset") == rules, "loading it twice gives other rules than loading it once")


def rogue_frames(mac):
    """An advertisement, plain and in the disguises by which RA guards are passed (RFC 7113)."""
    src, dst = codec.link_local(mac), codec.ALL_NODES
    ra = codec.ra_packet(src, 1800, ROGUE)
    plain = codec.ipv6(src, dst, ra)
    first = codec.fragment_header(codec.EXT_DEST, more=True) + codec.options_header(codec.ICMPV6)
    packets = [
        plain,
        codec.ipv6(src, dst, codec.options_header(codec.ICMPV6) + ra, next_header=codec.EXT_DEST),
        codec.ipv6(src, dst, codec.fragment_header(codec.ICMPV6) + ra, next_header=codec.EXT_FRAGMENT),
        # The first fragment holds an options header only, the second one the advertisement.
        codec.ipv6(src, dst, first, next_header=codec.EXT_FRAGMENT),
        codec.ipv6(src, dst, codec.fragment_header(codec.EXT_DEST, offset=8) + ra, next_header=codec.EXT_FRAGMENT),
    ]
    frames = [codec.frame(mac, codec.ALL_NODES_MAC, packet) for packet in packets]
    # Tag 0 is a priority only, and receivers take it off.
    return [*frames, codec.frame(mac, codec.ALL_NODES_MAC, plain, vlan=0)]


def advertise(guest, mac):
    sender = Sender(guest.net, "eth0", mac)
    for frame in rogue_frames(mac):
        sender.send(frame)


def echo(guest, mac, source):
    """An echo request to the host from whatever address."""
    packet = codec.ipv6(source, STABLE, codec.icmp(source, STABLE, ECHO_REQUEST, 0, bytes(4)), hop_limit=64)
    Sender(guest.net, "eth0", mac).send(codec.frame(mac, ROUTER_MAC, packet))


def received(node, kind):
    """How many ICMPv6 messages of a type this machine's kernel has taken in."""
    counters = dict(line.split() for line in node.run("cat", "/proc/net/snmp6").splitlines())
    return int(counters.get(f"Icmp6InType{kind}", 0))


def check_advertisements_are_stopped(host, guest, mac):
    """The frames go out one after the other: when the echo request behind them is in, they would be, too."""
    before, echoes = received(host, codec.ND_RA), received(host, ECHO_REQUEST)
    advertise(guest, mac)
    echo(guest, mac, eui64(PREFIX, mac))
    wait("an honest packet is let in", lambda: received(host, ECHO_REQUEST) > echoes, 5)
    check(received(host, codec.ND_RA) == before, "the guest's advertisement reached the host's kernel")


def check_forged_sources_are_stopped(host, guest, mac):
    echoes = received(host, ECHO_REQUEST)
    for source in (eui64(OTHER_PREFIX, OTHER_MAC), "2001:db8:3::1", STABLE):
        echo(guest, mac, source)
    echo(guest, mac, eui64(PREFIX, mac))
    wait("an honest packet is let in", lambda: received(host, ECHO_REQUEST) > echoes, 5)
    let_in = received(host, ECHO_REQUEST) - echoes
    check(let_in == 1, f"{let_in} packets were let in, of which one was honest")


def check_unfiltered(host, guest, mac):
    """Without the rules, all of that comes through."""
    before, echoes = received(host, codec.ND_RA), received(host, ECHO_REQUEST)
    advertise(guest, mac)
    # The fragments are dropped by the kernel itself (RFC 6980).
    wait("unfiltered, advertisements get in", lambda: received(host, codec.ND_RA) >= before + 3, 10)
    echo(guest, mac, eui64(OTHER_PREFIX, OTHER_MAC))
    wait("unfiltered, a forged source gets in", lambda: received(host, ECHO_REQUEST) > echoes, 5)


def check_autora_hears(daemon, guest):
    """Its packet socket is in front of the hooks. It reads nothing while an answer is due, so one may go unheard."""

    def heard():
        advertise(guest, MAC)
        return "sends Router Advertisements on this link as well" in daemon.text()

    wait("autora warns of the guest's advertisements", heard, 25, every=0.5)


def two_links():
    """A host that serves two guests, each on a link of its own."""
    host, guest, other = Node("host", forwarding=True), Node("guest"), Node("other")
    host.ip(f"addr add {STABLE}/128 dev lo")
    veth(host, "tap-vm-1", guest, "eth0", ROUTER_MAC, MAC)
    veth(host, "tap-vm-2", other, "eth0", None, OTHER_MAC)
    host.ip(f"addr add {PREFIX}1/64 dev tap-vm-1", f"addr add {OTHER_PREFIX}1/64 dev tap-vm-2")
    return host, guest, other


def check_served(host, guest, other):
    configured(guest, "eth0", PREFIX, SLOW)
    configured(other, "eth0", OTHER_PREFIX, SLOW)
    check(guest.pings(STABLE), "the guest does not reach the host")
    check(guest.pings(eui64(OTHER_PREFIX, OTHER_MAC)), "the guest does not reach the other guest")
    check(host.pings(eui64(PREFIX, MAC)), "the host does not reach the guest")


@scenario("nftables-routed", "nftables", "guests.nft on routed links: served, RA guard, anti-spoofing", 15)
def nftables_routed():
    host, guest, other = two_links()
    # Guests start behind the firewall, before they have any address.
    load(host, "guests.nft")
    daemons = [host.autora("tap-vm-1"), host.autora("tap-vm-2")]
    check_served(host, guest, other)
    # The guard holds, too, for an operator who lets guests have more of the host than the example does.
    host.run("nft", "flush", "chain", "inet", "guests", "to_host")
    check_advertisements_are_stopped(host, guest, MAC)
    check_forged_sources_are_stopped(host, guest, MAC)
    check_autora_hears(daemons[0], guest)
    check(guest.default_routes() and other.default_routes(), "a guest lost its route")
    host.run("nft", "flush", "ruleset")
    check_unfiltered(host, guest, MAC)


@scenario("nftables-bridge", "nftables", "guests.nft with two guests on a served bridge", 15)
def nftables_bridge():
    host, rogue, victim = Node("host", forwarding=True), Node("rogue"), Node("victim")
    host.ip(
        f"addr add {STABLE}/128 dev lo",
        f"link add br0 address {ROUTER_MAC} type bridge",
        "link set br0 up",
        f"addr add {PREFIX}1/64 dev br0",
    )
    for port, guest, mac in (("tap-vm-1", rogue, MAC), ("tap-vm-2", victim, OTHER_MAC)):
        veth(host, port, guest, "eth0", None, mac)
        host.ip(f"link set {port} master br0")
    load(host, "guests.nft")
    # What docs/security.md says of the hooks.
    host.run("nft", "add table bridge seen")
    host.run("nft", "add chain bridge seen output { type filter hook output priority 0; }")
    host.run("nft", "add rule bridge seen output icmpv6 type nd-router-advert counter")
    daemon = host.autora("br0")
    configured(rogue, "eth0", PREFIX, SLOW)
    configured(victim, "eth0", PREFIX, SLOW)
    check("packets 0" not in host.run("nft", "list", "table", "bridge", "seen"), "the bridge's output hook sees nothing")
    check(rogue.pings(STABLE), "the guest does not reach the host")
    heard = received(victim, codec.ND_RA)
    check_advertisements_are_stopped(host, rogue, MAC)
    check("sends Router Advertisements" not in daemon.text(), "autora is in front of the bridge's hooks")
    # Its own router's still come, and they are the only ones.
    wait("the next of the host's arrives", lambda: received(victim, codec.ND_RA) > heard, 8)
    deceived = lambda: victim.addresses("eth0", ROGUE) or len(victim.default_routes()) > 1  # noqa: E731
    check(not deceived(), f"the rogue was believed: {victim.addresses('eth0')} {victim.default_routes()}")
    host.run("nft", "flush", "ruleset")
    advertise(rogue, MAC)
    wait("unfiltered, the other guest believes it", deceived, 5)


@scenario("nftables-link", "nftables", "guest-link.nft, ingress and egress of one link", 15)
def nftables_link():
    host, guest, other = two_links()
    load(host, "guest-link.nft")
    # Nothing leaves but what the example lets out, and what the ping needs.
    policy = "{ type filter hook egress device tap-vm-1 priority filter; policy drop; }"
    host.run("nft", f"add chain netdev guests to_tap-vm-1 {policy}")
    host.run("nft", "add rule netdev guests to_tap-vm-1 icmpv6 type { echo-request, echo-reply } accept")
    daemons = [host.autora("tap-vm-1"), host.autora("tap-vm-2")]
    check_served(host, guest, other)
    passed = json.loads(host.run("nft", "-j", "list", "chain", "netdev", "guests", "to_tap-vm-1"))
    counters = [e["counter"] for r in passed["nftables"] if "rule" in r for e in r["rule"]["expr"] if "counter" in e]
    say(f"  egress let out {counters[0]['packets']} packets of neighbour discovery")
    check(counters[0]["packets"] > 0, "the egress hook has not seen autora's advertisement")
    check_advertisements_are_stopped(host, guest, MAC)
    check_forged_sources_are_stopped(host, guest, MAC)
    check_autora_hears(daemons[0], guest)
    host.run("nft", "flush", "ruleset")
    check_unfiltered(host, guest, MAC)
    # And an egress filter without that rule does stop autora's.
    host.run("nft", "add table netdev guests")
    host.run("nft", f"add chain netdev guests to_tap-vm-1 {policy}")
    dump = guest.tcpdump("eth0", "icmp6 and ip6[40] == 134")
    daemons[0].stop()
    check("router advertisement" not in dump.text(), "an egress filter does not see autora's advertisements")
