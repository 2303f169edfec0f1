"""A host whose own uplink depends on Router Advertisements: not one may leave it, whatever the operator wrote."""

import json
import socket
import time

from lab.links import PREFIX
from lab.process import AUTORA
from scenarios.clients import dhcpcd, networkd
from scenarios.stage import (
    MAX_INTERVAL,
    WORK,
    Node,
    advertisements,
    check,
    configured,
    say,
    scenario,
    veth,
    wait,
    write,
)

UPSTREAM_MAC, UPLINK_MAC = "02:00:5e:00:0f:01", "02:00:5e:00:0f:02"
UPSTREAM, STATIC = "2001:db8:ff::1", "2001:db8:ff::2"
RADVD = """interface down0 {
    AdvSendAdvert on;
    AdvDefaultLifetime 1800;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    prefix 2001:db8:ff::/64 { AdvOnLink on; AdvAutonomous on; };
};
"""


class Hosting:
    """An upstream router with radvd, a host with its uplink and one guest."""

    def __init__(self, accept_ra):
        self.upstream, self.host = Node("upstream", forwarding=True), Node("host", forwarding=True)
        self.guest = Node("guest")
        veth(self.upstream, "down0", self.host, "eth0", UPSTREAM_MAC, UPLINK_MAC, up=False)
        veth(self.host, "vnet0", self.guest, "eth0", up=False)
        self.host.sysctl("conf/eth0/accept_ra", accept_ra)
        self.upstream.ip(f"addr add {UPSTREAM}/64 dev down0", "link set down0 up")
        self.host.ip(
            f"addr add {STATIC}/64 dev eth0", "link set eth0 up", f"addr add {PREFIX}1/64 dev vnet0", "link set vnet0 up"
        )
        self.guest.ip("link set eth0 up")
        for node, ifname in ((self.upstream, "down0"), (self.host, "eth0")):
            wait(f"{node.name}: {ifname} is valid", lambda n=node, i=ifname: n.link_local(i), 6)
        # All that leaves the uplink.
        self.dump = self.upstream.tcpdump("down0", "icmp6")

    def radvd(self):
        return self.upstream.start("radvd", "-n", "-C", write("radvd.conf", RADVD), "-p", f"{WORK}/radvd.pid")

    def serve_everything(self):
        """What `.*` and an instance for each interface come to."""
        names = [link["ifname"] for link in json.loads(self.host.run("ip", "-j", "link"))]
        check({"lo", "eth0", "vnet0"} <= set(names), f"the interfaces are {names}")
        # What the service manager would hear of the one on the uplink.
        self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notified.bind(f"{WORK}/notify")
        self.notified.settimeout(5)
        return {n: self.host.autora(n, regex=".*", notify=f"{WORK}/notify" if n == "eth0" else None) for n in names}

    def status(self):
        """The last status that was told."""
        found = None
        try:
            while True:
                lines = self.notified.recv(4096).decode().splitlines()
                found = next((line for line in lines if line.startswith("STATUS=")), found)
                self.notified.settimeout(0.1)
        except TimeoutError:
            return found

    def leaked(self):
        return [ra for ra in advertisements(self.dump) if ra["mac"] == UPLINK_MAC]

    def listen(self, intervals=3):
        """For some of autora's intervals, with solicitations from upstream all the while."""
        asked, end = self.dump.count("router solicitation"), time.time() + intervals * MAX_INTERVAL
        while time.time() < end:
            self.upstream.run("rdisc6", "-q", "-m", "-r", "1", "-w", "1500", "down0", check=False)
        asked = self.dump.count("router solicitation") - asked
        check(asked >= intervals, f"only {asked} solicitations were seen on the uplink")
        check(not self.leaked(), f"advertised on the uplink: {self.leaked()}")


@scenario("uplink-accept-ra", 5, "an uplink with accept_ra 2 and `.*` on every interface: nothing leaves it", 35)
def uplink_accept_ra():
    hosting = Hosting(accept_ra=2)
    # First without an upstream router, when nothing but accept_ra tells what this interface is.
    daemons = hosting.serve_everything()
    daemons["eth0"].says("accept_ra is 2, so it is an uplink of this host")
    status = hosting.status()
    say(f"  {status}")
    check("accept_ra is 2, so it is an uplink" in str(status), f"the status is {status}")
    daemons["lo"].says("it is the loopback interface")
    report = hosting.host.run(AUTORA, "--interface-regex", ".*", "--dry-run")
    line = next(line for line in report.splitlines() if line.startswith("eth0:"))
    check("not eligible: accept_ra is 2" in line, f"the report on the uplink: {line}")
    configured(hosting.guest, "eth0", PREFIX)
    hosting.listen(2)
    # Then with one.
    hosting.radvd()
    # The kernel makes the route and completes it a moment later.
    route = wait(
        "the host has learnt its default route",
        lambda: [r for r in hosting.host.default_routes() if "expires" in r and "metrics" in r],
        8,
    )
    check(len(route) == 1 and route[0]["dev"] == "eth0" and route[0]["protocol"] == "ra", f"{route}")
    before = {k: v for k, v in route[0].items() if k != "expires"}
    hosting.listen()
    after = hosting.host.default_routes()
    say(f"  {after}")
    same = [{k: v for k, v in r.items() if k != "expires"} for r in after] == [before]
    check(same, f"the default route {before} became {after}")
    check(after[0]["expires"] > 1700, f"the upstream router's advertisements are not heard any more: {after}")
    check(hosting.guest.default_routes(), "the guest lost its default route")
    check(hosting.host.pings(UPSTREAM), "the host lost its way to its upstream router")
    check(daemons["eth0"].count("\n") <= 3 and daemons["eth0"].alive(), daemons["eth0"].text())
    # A stop withdraws nothing that was never advertised.
    for daemon in daemons.values():
        check(daemon.stop() == 0, "autora's exit status")
    check(not hosting.leaked(), f"advertised on the uplink: {hosting.leaked()}")


@scenario("uplink-static-route", 5, "an uplink that ignores RAs and has a static default route", 20)
def uplink_static_route():
    hosting = Hosting(accept_ra=0)
    hosting.host.ip(f"route add default via {UPSTREAM} dev eth0")
    daemons = hosting.serve_everything()
    daemons["eth0"].says("an IPv6 default route goes out of it (default table main), so it is an uplink of this host")
    status = hosting.status()
    check("an IPv6 default route goes out of it" in str(status), f"the status is {status}")
    hosting.listen(2)
    # The counterproof: were it no uplink, the same capture would show advertisements.
    hosting.host.ip(f"route del default via {UPSTREAM} dev eth0")
    wait("without the route it is served like any other", hosting.leaked, 8)


@scenario("uplink-late-route", 5, "the default route comes while the interface is being served", 20)
def uplink_late_route():
    hosting = Hosting(accept_ra=0)
    daemons = hosting.serve_everything()
    wait("it is served like any other", hosting.leaked, 8)
    hosting.host.ip(f"route add default via {UPSTREAM} dev eth0")
    daemons["eth0"].says("so it is an uplink of this host", 2)
    seen = len(hosting.leaked())
    hosting.upstream.run("rdisc6", "-q", "-m", "-r", "1", "-w", f"{2000 * MAX_INTERVAL}", "down0", check=False)
    check(len(hosting.leaked()) == seen, f"{len(hosting.leaked()) - seen} advertisements after the route came")
    check(daemons["eth0"].stop() == 0 and len(hosting.leaked()) == seen, "a stop advertised on an uplink")


def address_alone(name, start):
    """All that is left of an upstream router is the address that somebody made of its advertisements."""

    @scenario(f"uplink-address-{name}", 5, f"{name} made an address of advertisements, and the default route is gone", 30)
    def uplink_address():
        hosting = Hosting(accept_ra=0)
        host = hosting.host
        host.ip(f"addr del {STATIC}/64 dev eth0")
        hosting.radvd()
        client = start(host)
        (address,) = wait("the host has an address", lambda: host.slaac("eth0", "2001:db8:ff::"), 15)
        wait("and its default route", host.default_routes, 8)
        if client:
            client.process.kill()
            host.sysctl("conf/eth0/accept_ra", 1)
        # Forwarding is on from here: the kernel is deaf, and what it or a client had learned stands.
        host.sysctl("conf/eth0/forwarding", 1)
        for route in host.default_routes():
            host.ip(f"route del default via {route['gateway']} dev eth0")
        say(host.run("ip", "-6", "route", "show", "table", "all", "dev", "eth0"))
        while "proto ra" in (routes := host.run("ip", "-6", "route", "show", "dev", "eth0")):
            host.ip(f"route del {next(r for r in routes.splitlines() if 'proto ra' in r).split()[0]} dev eth0")
        daemons = hosting.serve_everything()
        daemons["eth0"].says(f"its address {address['local']} comes from a Router Advertisement", 3)
        hosting.listen(2)


def by_kernel(host):
    host.sysctl("conf/eth0/forwarding", 0)
    host.sysctl("conf/eth0/accept_ra", 1)


def by_networkd(host):
    write("networkd/eth0.network", "[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=yes\nLinkLocalAddressing=ipv6\n")
    return networkd(host, f"{WORK}/networkd")


def by_dhcpcd(host):
    return dhcpcd(host, write("dhcpcd.conf", "duid\npersistent\nslaac hwaddr\nnoipv4\n"), "eth0")


for name, start in (("kernel", by_kernel), ("networkd", by_networkd), ("dhcpcd", by_dhcpcd)):
    address_alone(name, start)
