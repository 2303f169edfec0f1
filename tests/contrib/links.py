"""contrib/examples/systemd-networkd/static and ifupdown: the tool makes the tap, autora serves the guest behind it."""

import os
import shutil

from contrib.taps import plug
from lab.links import PREFIX
from scenarios.clients import networkd
from scenarios.stage import EXAMPLES, STABLE, WORK, Node, check, configured, scenario, veth, wait

INTERFACES = os.path.join(EXAMPLES, "ifupdown", "interfaces")


def a_host():
    host = Node("host", forwarding=True)
    host.ip(f"addr add {STABLE}/128 dev lo")
    return host


def serve(host, guest, ifname, prefix):
    host.autora(ifname)
    configured(guest, "eth0", prefix, timeout=30)
    check(guest.pings(STABLE), "the guest does not reach the host")


@scenario("networkd-static", "systemd-networkd", "networkd makes the tap and gives it its /64", 15)
def networkd_static():
    host, guest = a_host(), Node("guest")
    directory = os.path.join(EXAMPLES, "systemd-networkd", "static")
    program = networkd(host, directory)
    made = lambda: any(link["ifname"] == "tap-vm-1" for link in host.net.ip_json("link"))  # noqa: E731
    wait("networkd has made the tap", made, 10)
    wait("the tap has its address", lambda: host.addresses("tap-vm-1", PREFIX), 10)
    plug(host, "tap-vm-1", guest)
    serve(host, guest, "tap-vm-1", PREFIX)
    for section in ("Unknown section", "Unknown key"):
        check(section not in program.text(), program.text())


@scenario("ifupdown", "ifupdown", "ifup makes the tap, the bridge, and configures what others made", 15)
def ifupdown():
    host, guest, second = a_host(), Node("guest"), Node("second")

    def call(program, ifname):
        # Not this machine's own scripts in /etc/network.
        argv = (shutil.which(program), "--no-scripts", f"--state-dir={WORK}/ifstate", "-i", INTERFACES, ifname)
        return host.run(*argv)

    veth(host, "tap-vm-2", second, "eth0")
    for ifname, prefix in {"tap-vm-1": PREFIX, "tap-vm-2": "2001:db8:2::", "br-vm-3": "2001:db8:3::"}.items():
        call("ifup", ifname)
        check([a["local"] for a in host.addresses(ifname, prefix)] == [f"{prefix}1"], f"{ifname} has no /64")
        accept_ra = host.run("cat", f"/proc/sys/net/ipv6/conf/{ifname}/accept_ra").strip()
        check(accept_ra == "0", f"accept_ra of {ifname} is {accept_ra}")
    plug(host, "tap-vm-1", guest)
    serve(host, guest, "tap-vm-1", PREFIX)
    serve(host, second, "tap-vm-2", "2001:db8:2::")
    for ifname in ("tap-vm-2", "br-vm-3"):
        call("ifdown", ifname)
    left = [link["ifname"] for link in host.net.ip_json("link")]
    check("br-vm-3" not in left, f"ifdown leaves {left}")
    check(not host.addresses("tap-vm-2", "2001:db8:2::"), "ifdown leaves the address")
