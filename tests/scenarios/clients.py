"""The clients that people run besides the kernel's own: systemd-networkd, dhcpcd, rdisc6."""

import time

from lab.links import PREFIX
from scenarios.stage import (
    MAX_INTERVAL,
    STABLE,
    advertisements,
    check,
    configured,
    dhcpv6_seen,
    host_and_guest,
    inside,
    say,
    scenario,
    wait,
    write,
)

NETWORKD = "/lib/systemd/systemd-networkd"
RADVD = """interface tap-vm-1 {
    AdvSendAdvert on;
    AdvManagedFlag on;
    MinRtrAdvInterval 3;
    MaxRtrAdvInterval 4;
    prefix 2001:db8:1::/64 { AdvOnLink off; AdvAutonomous on; };
};
"""


def networkd(node, directory, log="networkd"):
    """systemd-networkd with the files of a directory, and without systemd: it needs neither PID 1 nor D-Bus."""
    private = (
        f"mkdir -p /run/systemd/network /run/systemd/netif; cp {directory}/* /run/systemd/network/\n"
        "chown -R systemd-network: /run/systemd/netif\n"
        # What the machine that runs the test has configured for itself is none of this one's business.
        "mount -t tmpfs tmpfs /etc/systemd/network; mount -t tmpfs tmpfs /lib/systemd/network\n"
        # It opens this as its own user; where no udev has run, the device is root's alone.
        "mkdir -p /run/tun; mount -t tmpfs tmpfs /run/tun; mknod -m 666 /run/tun/tun c 10 200\n"
        "mount --bind /run/tun/tun /dev/net/tun\n"
        "mkdir -p /run/machine; tr -d - </proc/sys/kernel/random/uuid >/run/machine/id\n"
        "touch /etc/machine-id 2>/dev/null || true; mount --bind /run/machine/id /etc/machine-id"
    )
    return node.start(NETWORKD, log=log, private=private, environment={"SYSTEMD_LOG_LEVEL": "debug"})


def dhcpcd(node, config, *ifnames, log="dhcpcd"):
    """dhcpcd in the foreground with a configuration file; its leases are its own."""
    # There is no udev in a namespace to wait for.
    # Its hooks would write this host's /etc/resolv.conf.
    argv = ["dhcpcd", "-B", "-d", "--nodev", "-c", "/bin/true", "-f", config, *ifnames]
    return node.start(*argv, log=log, private="mount -t tmpfs tmpfs /var/lib/dhcpcd")


def check_client(host, guest, dump, routes_of):
    """The guest's kernel has what the client put there, and no DHCPv6 client woke up."""
    configured(guest, "eth0", PREFIX, timeout=20)
    router = host.link_local("tap-vm-1")
    (address,) = guest.slaac("eth0", PREFIX)
    check(0 < address["valid_life_time"] <= 60 and 0 < address["preferred_life_time"] <= 40, f"lifetimes of {address}")
    (route,) = guest.default_routes()
    check(route["gateway"] == router and route["protocol"] == routes_of, f"the router is {router}: {route}")
    check(guest.prefix_route(PREFIX) == [], f"an on-link route: {guest.prefix_route(PREFIX)}")
    check(guest.pings(STABLE), "the guest does not reach the host")
    # They count down and are renewed by each advertisement.
    seen = []

    def renewed():
        seen.append(next(a["valid_life_time"] for a in guest.slaac("eth0", PREFIX) if a["local"] == address["local"]))
        return any(a < b for a, b in zip(seen, seen[1:])) and any(a > b for a, b in zip(seen, seen[1:]))

    wait("its lifetime counts down and is renewed", renewed, 3 * MAX_INTERVAL, every=0.4)
    check(max(seen) <= 60, f"the valid lifetimes seen: {seen}")
    check(not dhcpv6_seen(dump), "a DHCPv6 packet was seen though M and O are 0")


def check_counterproof(host, dump):
    """With M=1, from radvd, the same client does ask by DHCPv6: so its silence before meant something."""
    host.start("radvd", "-n", "-C", write("radvd.conf", RADVD), "-p", "/run/radvd.pid")
    wait("with M=1 the client sends DHCPv6", lambda: dhcpv6_seen(dump), 20)


def accept_ra(node):
    return node.run("sysctl", "-n", "net.ipv6.conf.eth0.accept_ra").strip()


@scenario("client-networkd", 1, "a guest with systemd-networkd", 25)
def client_networkd():
    host, guest = host_and_guest()
    dump = guest.tcpdump("eth0", "icmp6 or udp port 546 or udp port 547")
    write("networkd/eth0.network", "[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=yes\nLinkLocalAddressing=ipv6\n")
    daemon = host.autora("tap-vm-1")
    client = networkd(guest, "/tmp/scenario/networkd")
    wait("networkd has taken RA over from the kernel", lambda: accept_ra(guest) == "0", 10)
    check_client(host, guest, dump, "ra")
    check(client.count("Received Router Advertisement") >= 1 or client.count("NDISC"), f"networkd's log: {client.text()}")
    # A stop of autora withdraws the route; networkd follows.
    check(daemon.stop() == 0, "autora's exit status")
    wait("networkd removes the default route", lambda: not guest.default_routes(), 3)
    check(guest.slaac("eth0", PREFIX), "the address went with the router")
    check_counterproof(host, dump)


@scenario("client-dhcpcd", 1, "a guest with dhcpcd, the kernel's own RA code off", 25)
def client_dhcpcd():
    host, guest = host_and_guest(guest_up=False)
    guest.sysctl("conf/eth0/accept_ra", 0)
    guest.ip("link set eth0 up")
    dump = guest.tcpdump("eth0", "icmp6 or udp port 546 or udp port 547")
    daemon = host.autora("tap-vm-1")
    # Debian's own configuration but for the lookup of a name; IPv4 has nothing to do here.
    client = dhcpcd(guest, write("dhcpcd.conf", "duid\npersistent\nslaac private\nnoipv4\n"), "eth0")
    check_client(host, guest, dump, "ra")
    check(accept_ra(guest) == "0", "the kernel's RA code is on")
    check(client.count("Router Advertisement from") >= 1, f"dhcpcd's log: {client.text()}")
    check(daemon.stop() == 0, "autora's exit status")
    wait("dhcpcd removes the default route", lambda: not guest.default_routes(), 3)
    check_counterproof(host, dump)


@scenario("client-rdisc6", 1, "rdisc6 asks and prints what it heard", 12)
def client_rdisc6():
    host, guest = host_and_guest(guest_up=False)
    # rdisc6 is the only client: the kernel does not ask and does not listen.
    guest.sysctl("conf/eth0/accept_ra", 0)
    guest.ip("link set eth0 up")
    # Long intervals: what comes is the answer.
    daemon = host.autora("tap-vm-1", min_ra_interval="45s", max_ra_interval="60s", router_lifetime="180s")
    daemon.says("advertising 2001:db8:1::/64")
    dump = guest.tcpdump("eth0", "icmp6")
    ready = time.time() + 3.2
    wait("3 s have passed", lambda: time.time() > ready, 5)
    router = host.link_local("tap-vm-1")
    answer = guest.run("rdisc6", "-1", "-r", "1", "-w", "1500", "eth0")
    say(answer)
    lines = {k.strip(): v.strip() for k, v in (line.split(":", 1) for line in answer.splitlines() if ":" in line)}
    for key, value in {
        "Hop limit": "undefined (      0x00)",
        "Stateful address conf.": "No",
        "Stateful other conf.": "No",
        "Router preference": "medium",
        "Router lifetime": "180 (0x000000b4) seconds",
        "Prefix": "2001:db8:1::/64",
        "On-link": "No",
        "Autonomous address conf.": "Yes",
        "Valid time": "60 (0x0000003c) seconds",
        "Pref. time": "40 (0x00000028) seconds",
    }.items():
        check(lines.get(key, "").split() == value.split(), f"rdisc6 says '{key}: {lines.get(key)}', not '{value}'")
    check(f"from {router}" in answer, f"the router is {router}")
    ras = wait("tcpdump has seen it too", lambda: [ra for ra in advertisements(dump) if ra["time"] > ready], 2)
    check(len(ras) == 1 and ras[0]["to"] == "33:33:00:00:00:01" and inside(router, "fe80::"), f"the answers are {ras}")
