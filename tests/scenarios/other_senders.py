"""Others that advertise on a served link: libvirt's dnsmasq on the host, and guests."""

import re
import time

from lab import codec
from lab.capture import Sender
from lab.links import PREFIX, ROUTER_MAC
from scenarios.stage import (
    MAX_INTERVAL,
    WORK,
    Node,
    advertisements,
    check,
    configured,
    host_and_guest,
    say,
    scenario,
    veth,
    wait,
    write,
)

# What libvirt writes for a network with an IPv6 address and without DHCPv6 (its bridge_driver.c).
DNSMASQ = """strict-order
pid-file=%(work)s/dnsmasq.pid
except-interface=lo
bind-dynamic
interface=virbr0
enable-ra
dhcp-range=2001:db8:1::1,ra-only
"""
RADVD = """interface eth0 {
    AdvSendAdvert on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    prefix 2001:db8:bad::/64 { AdvOnLink on; AdvAutonomous on; };
};
"""


def ours(dump):
    """autora's advertisements: the Cur Hop Limit is 0, where every other daemon writes 64."""
    return [ra for ra in advertisements(dump) if ra["mac"] == ROUTER_MAC and "hop limit 0," in ra["text"]]


@scenario("dnsmasq-libvirt", 5, "libvirt's dnsmasq on a served bridge: autora yields, and comes back after it", 50)
def dnsmasq_libvirt():
    host, guest = Node("host", forwarding=True), Node("guest")
    veth(host, "vnet0", guest, "eth0", up=False)
    host.sysctl("conf/vnet0/disable_ipv6", 1)
    host.ip(
        f"link add virbr0 address {ROUTER_MAC} type bridge",
        "link set virbr0 up",
        "link set vnet0 master virbr0 up",
        f"addr add {PREFIX}1/64 dev virbr0",
    )
    guest.ip("link set eth0 up")
    daemon = host.autora("virbr0", regex="^virbr")
    configured(guest, "eth0", PREFIX)
    dump = guest.tcpdump("eth0", "icmp6")
    wait("two of autora's", lambda: len(ours(dump)) >= 2, 10)
    config = write("libvirt.conf", DNSMASQ % {"work": WORK})
    options = ("--no-daemon", "--user=root", "--leasefile-ro", "--log-dhcp")
    dnsmasq = host.start("dnsmasq", f"--conf-file={config}", *options)
    # dnsmasq's first comes by itself; a guest's question brings it sooner.
    guest.run("rdisc6", "-q", "-r", "1", "-w", "500", "eth0", check=False)
    daemon.says("another program of this host sends Router Advertisements on it", 10)
    wait("dnsmasq has advertised", lambda: len(advertisements(dump)) > len(ours(dump)), 1)
    yielded = len(ours(dump))
    guest.run("rdisc6", "-q", "-m", "-r", "1", "-w", f"{2000 * MAX_INTERVAL}", "eth0", check=False)
    check(len(ours(dump)) == yielded, f"{len(ours(dump)) - yielded} of autora's beside dnsmasq's")
    # No withdrawal: the route through this host is dnsmasq's word now.
    withdrawn = any("router lifetime 0s" in ra["text"] for ra in ours(dump))
    check(guest.default_routes() and not withdrawn, "autora withdrew the route")
    said = daemon.count("another program of this host")
    # SIGTERM makes dnsmasq end without a word. What it sends until then counts, whether it arrives or not.
    dnsmasq.stop()
    stopped = time.time()
    last = max(ra["time"] for ra in advertisements(dump) if ra not in ours(dump))
    # Between two looks at the kernel's counter lies at most one interval.
    most = 4 * MAX_INTERVAL + 1
    wait("autora comes back", lambda: len(ours(dump)) > yielded, most + 1)
    back = ours(dump)[yielded]["time"]
    pause, late = back - last, back - stopped
    say(f"  {pause:.1f} s after the last advertisement of dnsmasq that arrived, {late:.1f} s after its end")
    check(3 * MAX_INTERVAL <= pause, f"it came back {pause:.1f} s after dnsmasq's last")
    check(late <= most, f"it came back {late:.1f} s after dnsmasq's end")
    check(daemon.count("another program of this host") == said == 1, f"said more than once:\n{daemon.text()}")
    check(guest.default_routes() and guest.slaac("eth0", PREFIX), "the guest lost its configuration")


@scenario("guest-ra", 5, "a guest that advertises: warned of once, counted, and no reason to fall silent", 35)
def guest_ra():
    host, guest = host_and_guest()
    daemon = host.autora("tap-vm-1", heartbeat_interval="12s")
    configured(guest, "eth0", PREFIX)
    # A radvd in the guest, as a VM with a router's image has it.
    guest.sysctl("conf/all/forwarding", 1)
    host_before = host.net.ip_json("route", "show")
    dump = host.tcpdump("tap-vm-1", "icmp6 and ip6[40] == 134")
    radvd = guest.start("radvd", "-n", "-C", write("guest.conf", RADVD), "-p", f"{WORK}/guest-radvd.pid")
    daemon.says("sends Router Advertisements on this link as well", 10)
    began, sent = time.time(), len(ours(dump))
    wait("three from the guest", lambda: len(advertisements(dump)) - len(ours(dump)) >= 3, 15)
    wait("three of ours", lambda: len(ours(dump)) >= sent + 3, 15)
    times = [ra["time"] for ra in ours(dump) if ra["time"] > began]
    check(all(b - a <= MAX_INTERVAL + 0.5 for a, b in zip(times, times[1:])), f"autora's times: {times}")
    source = guest.link_local("eth0")
    check(daemon.count(f"{source} sends Router Advertisements") == 1, f"not warned of once:\n{daemon.text()}")
    routes = [r for r in host.net.ip_json("route", "show")]
    check(len(routes) == len(host_before) and not host.default_routes(), f"the host believed the guest: {routes}")
    check(not host.addresses("tap-vm-1", "2001:db8:bad::"), "the host took an address from the guest's prefix")
    check(radvd.alive(), "radvd ended")
    radvd.stop()
    wait("the first heartbeat", lambda: daemon.count("foreign RAs received"), 16)
    # A guest that floods, each time from another address. The kernel would make a neighbour of each, in a
    # table of 1024 that all namespaces share: other scenarios could send nothing. autora receives them all the same.
    host.run("nft", "add table inet guard")
    host.run("nft", "add chain inet guard input { type filter hook input priority 0; }")
    host.run("nft", "add rule inet guard input icmpv6 type nd-router-advert drop")
    lines, began = daemon.count("\n"), time.time()
    sender = Sender(guest.net, "eth0", "02:00:5e:00:02:02")
    for number in range(5000):
        address = f"fe80::bad:{number:x}"
        packet = codec.ipv6(address, codec.ALL_NODES, codec.ra_packet(address, 1800, "2001:db8:bad::"))
        sender.send(codec.frame("02:00:5e:00:02:02", codec.ALL_NODES_MAC, packet))
    say(f"  5000 advertisements from as many addresses in {time.time() - began:.1f} s")
    beats = daemon.count("foreign RAs received")
    neighbours = len(host.run("ip", "-6", "neigh", "show", "nud", "all").splitlines())
    check(neighbours < 10, f"{neighbours} neighbours")
    wait("the next heartbeat", lambda: daemon.count("foreign RAs received") > beats, 16)
    sent = len(ours(dump))
    wait("two more of ours", lambda: len(ours(dump)) >= sent + 2, 10)
    more = daemon.count("\n") - lines
    check(more <= 40, f"{more} lines of log for the flood:\n{daemon.text()[-2000:]}")
    received = [int(n) for n in re.findall(r"(\d+) foreign RAs received", daemon.text())]
    say(f"  {more} lines of log; foreign RAs received at each heartbeat: {received}")
    check(received[0] >= 1 and received[-1] > received[0], f"they are not counted: {received}")
    check(daemon.alive(), "autora ended")


@scenario("guest-ra-guard", 5, "a filter on the bridge keeps a guest's advertisements from the other guests", 25)
def guest_ra_guard():
    host, rogue, victim = Node("host", forwarding=True), Node("rogue"), Node("victim")
    host.ip(f"link add br0 address {ROUTER_MAC} type bridge", "link set br0 up", f"addr add {PREFIX}1/64 dev br0")
    for port, guest in (("vnet0", rogue), ("vnet1", victim)):
        veth(host, port, guest, "eth0")
        host.sysctl(f"conf/{port}/disable_ipv6", 1)
        host.ip(f"link set {port} master br0 up")
    daemon = host.autora("br0")
    configured(victim, "eth0", PREFIX)
    host.run("nft", "add table bridge guard")
    host.run("nft", "add chain bridge guard forward { type filter hook forward priority 0; }")
    host.run("nft", "add rule bridge guard forward icmpv6 type nd-router-advert drop")
    rogue.sysctl("conf/all/forwarding", 1)
    rogue.start("radvd", "-n", "-C", write("guest.conf", RADVD), "-p", f"{WORK}/guest-radvd.pid")
    # The host hears it: it is not forwarded to the host but for it.
    daemon.says("sends Router Advertisements on this link as well", 12)
    dump = victim.tcpdump("eth0", "icmp6")
    wait("two of ours pass", lambda: len(ours(dump)) >= 2, 10)
    check(not victim.addresses("eth0", "2001:db8:bad::") and len(victim.default_routes()) == 1, "the rogue was believed")
    check(len(advertisements(dump)) == len(ours(dump)), "the guest's advertisements passed")
    host.run("nft", "delete", "table", "bridge", "guard")
    check("guard" not in host.run("nft", "list", "ruleset"), "the filter is still there")
    wait("without the filter they would", lambda: victim.addresses("eth0", "2001:db8:bad::"), 16)
