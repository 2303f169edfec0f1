"""Prefix delegation: Kea's DHCPv6 server at the provider, a real client on the host, a /64 for each of three guests."""

import ipaddress
import json
import os
import re
import signal
import time

from scenarios.clients import dhcpcd, networkd
from scenarios.stage import (
    EXAMPLES,
    WORK,
    Fail,
    Node,
    advertisements,
    check,
    inside,
    say,
    scenario,
    veth,
    wait,
    write,
)

FIRST, SECOND = "2001:db8:a000::", "2001:db8:b000::"
PROVIDER = "2001:db8:ff::1"
PREFERRED, VALID = 20, 30
# From Kea's note of a grant to the address on the tap.
DELAY = 0.1
GRANT = re.compile(r"(\S+ \S+)\.(\d{3}) INFO .* DHCP6_PD_LEASE_(?:ALLOC|RENEW|REBIND) .* prefix (\S+)/56 ")
RADVD = """interface down0 {
    AdvSendAdvert on;
    AdvManagedFlag on;
    AdvDefaultLifetime 1800;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 10;
};
"""
TAPS = ("tap-vm-1", "tap-vm-2", "tap-vm-3")


def kea_config(prefix):
    pool = {"prefix": prefix, "prefix-len": 56, "delegated-len": 56}
    subnet = {
        "id": 1,
        "subnet": "2001:db8:ff::/64",
        "interface": "down0",
        "pools": [{"pool": "2001:db8:ff::100-2001:db8:ff::1ff"}],
        "pd-pools": [pool],
    }
    logger = {"name": "kea-dhcp6", "output_options": [{"output": "stdout"}], "severity": "INFO"}
    config = {
        "interfaces-config": {"interfaces": ["down0"]},
        "lease-database": {"type": "memfile", "persist": False},
        "server-id": {"type": "LL", "persist": False},
        "renew-timer": 5,
        "rebind-timer": 9,
        "preferred-lifetime": PREFERRED,
        "valid-lifetime": VALID,
        "subnet6": [subnet],
        "loggers": [logger],
    }
    return write("kea.json", json.dumps({"Dhcp6": config}, indent=1))


def delegations(kea):
    """Kea's own record: (prefix, when it ends) of each grant and renewal."""
    found = []
    for line in kea.text().splitlines():
        grant = GRANT.match(line)
        if grant:
            at = time.mktime(time.strptime(grant[1], "%Y-%m-%d %H:%M:%S")) + int(grant[2]) / 1000
            found.append((grant[3], at + VALID))
    return found


class Network:
    """A provider, a host with an uplink and three taps, and three guests."""

    def __init__(self):
        self.provider = Node("provider", forwarding=True)
        self.host = Node("host", forwarding=True)
        self.guests = [Node(f"guest{i}") for i in (1, 2, 3)]
        veth(self.provider, "down0", self.host, "wan0", "02:00:5e:00:0f:01", "02:00:5e:00:0f:02")
        self.provider.ip(
            f"addr add {PROVIDER}/64 dev down0",
            *(f"route add {p}/56 via fe80::5eff:fe00:f02 dev down0" for p in (FIRST, SECOND)),
        )
        for tap, guest in zip(TAPS, self.guests):
            veth(self.host, tap, guest, "eth0")
        wait("Kea's interface has its link-local address", lambda: self.provider.link_local("down0"), 5)
        self.provider.start("radvd", "-n", "-C", write("radvd.conf", RADVD), "-p", f"{WORK}/radvd.pid")
        os.makedirs(f"{WORK}/kea")
        directories = {"KEA_PIDFILE_DIR": f"{WORK}/kea", "KEA_LOCKFILE_DIR": f"{WORK}/kea"}
        self.kea = self.provider.start("kea-dhcp6", "-c", kea_config(FIRST), environment=directories)
        self.kea.says("DHCP6_STARTED")
        self.dumps = [guest.tcpdump("eth0", "icmp6") for guest in self.guests]
        self.upstream = self.provider.tcpdump("down0", "icmp6")
        # One for every interface, the uplink's too: an operator who wrote `.*`.  The lifetimes of the
        # prefix are the default ones, so that only the lease can make them shorter.
        lifetimes = {"pio_valid_lifetime": "86400s", "pio_preferred_lifetime": "14400s"}
        self.daemons = [self.host.autora(name, regex=".*", **lifetimes) for name in (*TAPS, "wan0")]

    def subnets(self, prefix):
        """The /64 that each tap got out of a delegated /56, or None until all have one."""
        found = []
        for tap in TAPS:
            mine = [a for a in self.host.addresses(tap) if inside(a["local"], prefix, 56) and not a.get("deprecated")]
            if not mine:
                return None
            found.append(str(ipaddress.ip_network(f"{mine[0]['local']}/64", strict=False).network_address))
        return found

    def follow(self, prefix, timeout):
        """Every guest has an address in its own /64 of the delegated prefix, a route, and the provider answers it."""
        subnets = wait(f"each tap has a /64 of {prefix}/56", lambda: self.subnets(prefix), timeout)
        check(len(set(subnets)) == 3, f"the subnets are {subnets}")
        for guest, subnet in zip(self.guests, subnets):
            wait(
                f"{guest.name} has an address in {subnet}/64 and the default route",
                lambda g=guest, s=subnet: g.slaac("eth0", s) and g.default_routes(),
                15,
            )
            (address,) = guest.slaac("eth0", subnet)
            check(address["valid_life_time"] <= VALID and address["preferred_life_time"] <= PREFERRED, f"{address}")
            others = [a for s in subnets if s != subnet for a in guest.addresses("eth0", s)]
            check(not others, f"{guest.name} has addresses of others: {others}")
            wait(f"{guest.name} reaches the provider", lambda g=guest: g.pings(PROVIDER), 5)
            check(inside(guest.source_for(PROVIDER), subnet), f"{guest.name} uses {guest.source_for(PROVIDER)}")
        return subnets

    def check_lifetimes(self):
        """No advertisement promised more than a lease that Kea had granted by then still held."""
        grants = delegations(self.kea)
        count, least = 0, VALID
        for dump in self.dumps:
            for ra in advertisements(dump):
                for option in ra["prefixes"]:
                    count += 1
                    address = option["prefix"].split("/")[0]
                    ends = [e for p, e in grants if inside(address, p, 56) and e - VALID <= ra["time"]]
                    if not ends:
                        raise Fail(f"{option} was never delegated: {grants}")
                    left = max(ends) - ra["time"]
                    # After the end of the lease only 0 is left to say.
                    least = min(least, left - option["valid"]) if option["valid"] else least
                    valid = option["valid"]
                    check(valid <= max(0, left + DELAY), f"valid {valid} s of {left:.2f} s left: {ra['text']}")
                    most = max(0, left - (VALID - PREFERRED) + DELAY)
                    check(option["preferred"] <= most, f"{option} with {left:.2f} s left")
        say(f"  {count} advertisements, each at least {least:.2f} s shorter than its lease")
        check(count >= 12 and len(grants) >= 2, f"{count} advertisements and {len(grants)} grants are too few to judge")

    def check_uplink(self):
        """autora was asked to serve the uplink as well, and did not."""
        mine = [ra for ra in advertisements(self.upstream) if ra["mac"] == "02:00:5e:00:0f:02"]
        check(not mine, f"advertised on the uplink: {mine}")
        routes = self.host.default_routes()
        check([r["dev"] for r in routes] == ["wan0"], f"the host's default routes: {routes}")
        check("so it is an uplink of this host" in self.daemons[3].text(), self.daemons[3].text())


def renumber_and_end(network, says_gone):
    """The provider hands out another prefix, then nothing any more."""
    first = network.follow(FIRST, 25)
    network.check_uplink()
    renewals = len(delegations(network.kea))
    wait("the lease was renewed twice", lambda: len(delegations(network.kea)) >= renewals + 2, 20)
    for guest, subnet in zip(network.guests, first):
        check(guest.slaac("eth0", subnet) and guest.default_routes(), f"{guest.name} lost its address at a renewal")
    # Another prefix.
    kea_config(SECOND)
    network.kea.process.send_signal(signal.SIGHUP)
    network.kea.says("DHCP6_DYNAMIC_RECONFIGURATION")
    changed = time.time()
    second = network.follow(SECOND, 25)
    say(f"  every guest uses the other prefix {time.time() - changed:.1f} s after the server's configuration changed")
    for guest, old in zip(network.guests, first):
        wait(
            f"{guest.name}: the old address is deprecated or gone",
            lambda g=guest, o=old: all(a.get("deprecated") for a in g.addresses("eth0", o)),
            8,
        )
    network.check_lifetimes()
    # The provider goes away, and the lease ends.
    network.kea.process.kill()
    ends = max(e for _, e in delegations(network.kea))
    wait(
        "no tap has an address of the lease",
        lambda: not any(network.host.addresses(tap, subnet) for tap, subnet in zip(TAPS, second)),
        VALID + 8,
    )
    say(f"  the addresses went {time.time() - ends:+.1f} s from the end of the lease")
    for guest, subnet in zip(network.guests, second):
        wait(
            f"{guest.name}: no address of the lease, no default route",
            lambda g=guest, s=subnet: not g.slaac("eth0", s) and not g.default_routes(),
            10,
        )
    network.check_lifetimes()
    for daemon in network.daemons[:3]:
        check(says_gone in daemon.text(), daemon.text())


@scenario("delegation-dhcpcd", 3, "Kea delegates a /56 to dhcpcd; another prefix; the lease ends", 110)
def delegation_dhcpcd():
    network = Network()
    dhcpcd(network.host, os.path.join(EXAMPLES, "dhcpcd.conf"))
    renumber_and_end(network, "it has no global or unique-local /64")


@scenario("delegation-networkd", 3, "Kea delegates a /56 to systemd-networkd; another prefix; the lease ends", 110)
def delegation_networkd():
    network = Network()
    networkd(network.host, os.path.join(EXAMPLES, "systemd-networkd", "delegation"))
    renumber_and_end(network, "it has no global or unique-local /64")
