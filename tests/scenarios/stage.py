"""What the scenarios share: namespaces, links, programs that were started, and ways to wait.

Each scenario runs as the first process of a PID namespace of its own (see run.py), with private /run and
/tmp.  When it ends, however it ends, the kernel kills every program that it started, and the network
namespaces, which have no names but descriptors of that process, go with them.
"""

import ipaddress
import os
import subprocess
import time

from lab.links import GUEST_MAC, PREFIX, ROUTER_MAC
from lab.namespace import Namespace
from lab.process import AUTORA, TREE, Program

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(TREE, "contrib", "examples")
WORK = "/tmp/scenario"
# A host's address that has nothing to do with any guest's prefix, on its lo.
STABLE = "fd00:db8::1"
MAX_INTERVAL = 4
SCENARIOS = {}


class Fail(Exception):
    """Something else happened than the scenario asks for; the text says what was seen."""


class NotHere(Exception):
    """This machine cannot show it; the text says what is missing."""


def scenario(name, number, title, seconds):
    """Register a scenario: its number in the list of situations, and about how long it takes."""

    def register(body):
        assert name not in SCENARIOS, name
        SCENARIOS[name] = (body, number, title, seconds)
        return body

    return register


def say(text):
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def check(true, what):
    """Fail unless true; in the log, what was found right stands too."""
    if not true:
        raise Fail(what)


def wait(what, seen, timeout, every=0.2):
    """The first true result of `seen()`; fails at the deadline, with what it was waiting for."""
    began = time.monotonic()
    while True:
        found = seen()
        if found:
            say(f"  after {time.monotonic() - began:4.1f} s: {what}")
            return found
        if time.monotonic() - began > timeout:
            raise Fail(f"not within {timeout:g} s: {what}")
        time.sleep(every)


def inside(address, prefix, length=64):
    return ipaddress.IPv6Address(address) in ipaddress.IPv6Network(f"{prefix}/{length}")


class Started(Program):
    """One started program of a scenario."""

    def count(self, part):
        return self.text().count(part)

    def says(self, part, timeout=6):
        return wait(f"{os.path.basename(self.log)} says '{part}'", lambda: part in self.text(), timeout)

    def stop(self, timeout=6):
        """SIGTERM, and its exit status."""
        self.process.terminate()
        status = self.wait(timeout)
        if status is None:
            raise Fail(f"{self.argv[0]} did not end within {timeout} s of SIGTERM")
        return status


class Node:
    """A machine: a network namespace, and the programs in it."""

    def __init__(self, name, forwarding=False):
        self.name, self.net = name, Namespace()
        self.ip("link set lo up")
        self.sysctl("conf/default/addr_gen_mode", 0)
        if forwarding:
            self.sysctl("conf/all/forwarding", 1)

    def run(self, *argv, check=True):
        return self.net.run(*argv, check=check)

    def ip(self, *lines):
        return self.net.ip(*lines)

    def sysctl(self, name, value):
        self.net.sysctl(name, value)

    def start(self, *argv, log=None, private=None, environment=None):
        """Start a program here.  private: shell commands that prepare a mount namespace of its own."""
        log = os.path.join(WORK, f"{self.name}.{log or os.path.basename(argv[0])}")
        argv = list(argv)
        if private is not None:
            # A sysfs of this network namespace, and read-only: systemd's programs then know that there
            # is no udev to wait for.
            script = f"set -e\nmount -t tmpfs tmpfs /run\nmount -t sysfs -o ro sysfs /sys\n{private}\nexec \"$@\""
            argv = ["unshare", "--mount", "sh", "-c", script, "sh", *argv]
        return Started(self.net, log).launch(argv, environment, WORK)

    def tcpdump(self, ifname, filter_, log=None):
        """A tcpdump of what arrives and leaves, one line or two a packet; returns once it listens."""
        argv = ["tcpdump", "-i", ifname, "-n", "-l", "-tt", "-vv", "-e", "--immediate-mode", filter_]
        dump = self.start(*argv, log=log or f"tcpdump-{ifname}")
        wait(f"{self.name}: tcpdump listens on {ifname}", lambda: "listening on" in dump.text(), 5, 0.05)
        return dump

    def autora(self, ifname, regex="^(tap|br)", notify=None, **options):
        """autora on one interface, with the shortest intervals that RFC 4861 allows."""
        settings = {
            "min-ra-interval": "3s",
            "max-ra-interval": f"{MAX_INTERVAL}s",
            "router-lifetime": "30s",
            "pio-valid-lifetime": "60s",
            "pio-preferred-lifetime": "40s",
        }
        settings.update({name.replace("_", "-"): value for name, value in options.items()})
        environment = {"RUNTIME_DIRECTORY": os.path.join(WORK, f"{self.name}-{ifname}")}
        os.makedirs(environment["RUNTIME_DIRECTORY"], exist_ok=True)
        if notify:
            environment["NOTIFY_SOCKET"] = notify
        return self.start(
            AUTORA,
            f"--interface={ifname}",
            f"--interface-regex={regex}",
            *(f"--{name}={value}" for name, value in settings.items()),
            log=f"autora-{ifname}",
            environment=environment,
        )

    # What the kernel of this machine thinks, through `ip -j`.

    def addresses(self, ifname, prefix=None):
        """The interface's addresses, or those of one /64."""
        shown = self.net.ip_json("addr", "show", "dev", ifname)
        found = [a for a in shown[0]["addr_info"] if a] if shown else []
        return [a for a in found if prefix is None or inside(a["local"], prefix)]

    def link_local(self, ifname):
        """The valid link-local address, or None."""
        for a in self.addresses(ifname):
            if a["scope"] == "link" and not a.get("tentative") and not a.get("dadfailed"):
                return a["local"]
        return None

    def slaac(self, ifname, prefix):
        """The usable autoconfigured addresses of a /64."""
        usable = self.addresses(ifname, prefix)
        return [a for a in usable if not a.get("tentative") and not a.get("dadfailed")]

    def default_routes(self):
        return self.net.ip_json("route", "show", "default")

    def prefix_route(self, prefix):
        """The routes that say that a /64 is on a link; dhcpcd writes one through the router, which says the opposite."""
        return [r for r in self.net.ip_json("route", "show", "exact", f"{prefix}/64") if "gateway" not in r]

    def source_for(self, destination):
        found = self.net.ip_json("route", "get", destination)
        return found[0].get("prefsrc") if found else None

    def pings(self, destination):
        """Whether it answers within 4 s: the first packets may get lost while neighbours are looked for."""
        return subprocess_ok(self, "ping", "-6", "-n", "-q", "-c", "1", "-i", "0.5", "-w", "4", destination)


def subprocess_ok(node, *argv):
    with node.net:
        return subprocess.run(argv, capture_output=True).returncode == 0


def veth(a, a_name, b, b_name, a_mac=None, b_mac=None, up=True):
    """A link between two machines."""
    mac = f"address {a_mac}" if a_mac else ""
    peer_mac = f"address {b_mac}" if b_mac else ""
    a.ip(f"link add name {a_name} {mac} type veth peer name {b_name} {peer_mac} netns {b.net.path}")
    if up:
        a.ip(f"link set {a_name} up")
        b.ip(f"link set {b_name} up")


def host_and_guest(prefix=PREFIX, guest_up=True, guest_mac=GUEST_MAC):
    """A host with a served link `tap-vm-1` and the guest behind it, whose end is `eth0`."""
    host, guest = Node("host", forwarding=True), Node("guest")
    host.ip(f"addr add {STABLE}/128 dev lo")
    veth(host, "tap-vm-1", guest, "eth0", ROUTER_MAC, guest_mac, up=False)
    host.ip("link set tap-vm-1 up")
    if prefix:
        host.ip(f"addr add {prefix}1/64 dev tap-vm-1")
    if guest_up:
        guest.ip("link set eth0 up")
    return host, guest


def configured(guest, ifname, prefix, timeout=12):
    """Wait until the guest has a usable address in the /64 and a default route."""
    found = wait(
        f"{guest.name} has an address in {prefix}/64 and a default route",
        lambda: guest.slaac(ifname, prefix) if guest.default_routes() else None,
        timeout,
    )
    return found[0]


def advertisements(dump):
    """The advertisements in a tcpdump -vv -e text: dicts of time, Ethernet addresses, prefixes and the whole text."""
    found = []
    for line in dump.text().splitlines():
        if line[:1].isdigit() and "router advertisement" in line:
            when, mac, _, to, *_ = line.split()
            found.append({"time": float(when), "mac": mac, "to": to.rstrip(","), "text": line, "prefixes": []})
        elif line[:1].isdigit():
            # Another packet: what follows is not the advertisement's.
            found.append(None)
        elif found and found[-1] and line[:1].isspace():
            found[-1]["text"] += line
            if "prefix info option" in line:
                found[-1]["prefixes"].append(prefix_option(line))
    return [ra for ra in found if ra]


def prefix_option(line):
    """tcpdump's `prefix info option (3), length 32 (4): 2001:db8::/64, Flags [auto], valid time 60s, pref. time 40s`."""
    fields = line.split("): ", 1)[1].split(", ")
    number = {k: v for k, v in (f.rsplit(" ", 1) for f in fields if " time " in f)}
    return {
        "prefix": fields[0],
        "flags": next(f for f in fields if f.startswith("Flags")),
        "valid": seconds(number["valid time"]),
        "preferred": seconds(number["pref. time"]),
    }


def seconds(text):
    return 0xFFFFFFFF if text == "infinity" else int(text.rstrip("s"))


def dhcpv6_seen(dump):
    """Whether a DHCPv6 packet went by."""
    return "dhcp6" in dump.text()


def write(name, text):
    path = os.path.join(WORK, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path
