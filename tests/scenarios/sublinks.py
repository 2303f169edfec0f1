"""Links that lie on another link: macvlan, macvtap, VLAN, where the kernel has them."""

import os
import subprocess
import sys
import threading

from lab.links import PREFIX
from lab.tun import attach, open_tun
from scenarios.stage import STABLE, WORK, Node, NotHere, check, configured, scenario, veth, wait


def need(kind, *how):
    """Fail with NotHere unless the kernel knows this kind of link."""
    probe = Node("probe")
    veth(probe, "lower", probe, "other")
    try:
        probe.ip(f"link add link lower name probe0 type {kind} {' '.join(how)}")
    except RuntimeError as error:
        raise NotHere(f"this kernel makes no {kind} links ({str(error).splitlines()[0]})") from None


def check_guests(host, ifname, guests):
    found = {configured(guest, "eth0", PREFIX)["local"] for guest in guests}
    check(len(found) == len(guests), f"addresses {found}")
    for guest in guests:
        check(guest.default_routes()[0]["gateway"] == host.link_local(ifname), f"{guest.default_routes()}")
        check(guest.pings(STABLE), f"{guest.name} does not reach the host")
        check(guest.prefix_route(PREFIX) == [], f"{guest.name} has an on-link route")


@scenario("macvlan", 7, "autora on a macvlan interface, its guests on others of the same lower link", 15)
def macvlan():
    need("macvlan", "mode bridge")
    host, guests = Node("host", forwarding=True), [Node("guest1"), Node("guest2")]
    # The lower link needs a carrier: its other end goes nowhere.
    veth(host, "trunk", Node("nowhere"), "end0")
    host.ip(f"addr add {STABLE}/128 dev lo", "link add link trunk name br-mv type macvlan mode bridge", "link set br-mv up")
    host.ip(f"addr add {PREFIX}1/64 dev br-mv")
    for number, guest in enumerate(guests):
        host.ip(f"link add link trunk name mv{number} type macvlan mode bridge")
        host.ip(f"link set mv{number} netns {guest.net.path}")
        guest.ip(f"link set mv{number} name eth0", "link set eth0 up")
    daemon = host.autora("br-mv")
    check_guests(host, "br-mv", guests)
    check(daemon.stop() == 0, "autora's exit status")
    for guest in guests:
        wait(f"{guest.name} has no default route", lambda g=guest: not g.default_routes(), 2)


@scenario("macvtap", 7, "a guest behind a macvtap, as a virtual machine is; autora at the other end of its lower link", 15)
def macvtap():
    need("macvtap", "mode bridge")
    host, guest, machine = Node("host", forwarding=True), Node("guest"), Node("machine")
    host.ip(f"addr add {STABLE}/128 dev lo")
    veth(host, "tap-seg", machine, "trunk")
    host.ip(f"addr add {PREFIX}1/64 dev tap-seg")
    machine.ip("link add link trunk name macvtap0 type macvtap mode bridge", "link set macvtap0 up")
    mac = machine.net.ip_json("link", "show", "dev", "macvtap0")[0]["address"]
    outer = open_macvtap(machine, "macvtap0")
    # The guest's network card: a tap, whose other end is the hypervisor's as macvtap0's is.
    inner = open_tun(guest.net, "eth0")
    guest.ip(f"link set eth0 address {mac} up")
    for source, target in ((outer, inner), (inner, outer)):
        threading.Thread(target=carry, args=(source, target), daemon=True).start()
    daemon = host.autora("tap-seg")
    check_guests(host, "tap-seg", [guest])
    check(daemon.alive(), "autora ended")


def open_macvtap(node, ifname):
    """The device of a macvtap; its number is in the sysfs of its own network namespace."""
    show = f"mount -t sysfs sysfs /sys && cat /sys/class/net/{ifname}/tap*/dev"
    with node.net:
        done = subprocess.run(["unshare", "--mount", "sh", "-c", show], capture_output=True, text=True, check=True)
    major, minor = map(int, done.stdout.strip().split(":"))
    path = f"{WORK}/{ifname}.device"
    os.mknod(path, 0o600 | 0o020000, os.makedev(major, minor))
    fd = os.open(path, os.O_RDWR)
    os.unlink(path)
    attach(fd, ifname)
    return fd


def carry(source, target):
    while True:
        try:
            os.write(target, os.read(source, 65536))
        except OSError as error:
            print(f"carry: {error}", file=sys.stderr)


@scenario("vlan", 7, "autora on a VLAN interface, its guests in the same VLAN; nothing leaves untagged", 15)
def vlan():
    need("vlan", "id 5")
    host, guest = Node("host", forwarding=True), Node("guest")
    veth(host, "trunk", guest, "trunk")
    host.ip(f"addr add {STABLE}/128 dev lo", "link add link trunk name br-v5 type vlan id 5", "link set br-v5 up")
    host.ip(f"addr add {PREFIX}1/64 dev br-v5")
    dump = guest.tcpdump("trunk", "icmp6 and ip6[40] == 134", log="untagged")
    guest.ip("link add link trunk name eth0 type vlan id 5", "link set eth0 up")
    host.autora("br-v5")
    check_guests(host, "br-v5", [guest])
    check("router advertisement" not in dump.text(), f"untagged: {dump.text()}")
