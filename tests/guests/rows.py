"""The guests. A stack of another Debian runs in that Debian's root (see run.sh), in the guest's namespaces."""

import json
import os

from guests import course, firmware, state
from guests.course import NEVER, Guest, debian_version
from lab.process import TREE
from scenarios.stage import NotHere, scenario

BUILT = os.environ.get("AUTORA_GUESTS_BUILT") or os.path.join(TREE, "target", "guests")
# Where run.sh has found or made the root of each Debian: trixie=/path bookworm=/path.
ROOTS = dict(pair.split("=", 1) for pair in os.environ.get("AUTORA_GUESTS_ROOTS", "").split())
DEBIAN = {"bookworm": "Debian 12", "trixie": "Debian 13", "forky": "Debian forky"}
# Rows that a regular run leaves out.
SLOW = set()


def row(name, guest, regular=True):
    """Register one guest. What it measures is printed as one line of JSON, for the table."""

    def body():
        way = course.Course(guest)
        try:
            way.run()
        finally:
            print("CELLS " + json.dumps({"name": guest.name, "version": guest.version(), "cells": way.cells}), flush=True)
        wrong = way.judge()
        if wrong:
            raise course.Fail("; ".join(wrong))
        print(f"VERDICT {way.summary()}", flush=True)

    if not regular:
        SLOW.add(name)
    scenario(name, 0, guest.name, 45)(body)


class Kernel(Guest):
    """The kernel's own autoconfiguration, with these settings of the interface."""

    def __init__(self, name, expect=None, **settings):
        super().__init__(name, expect)
        self.settings = settings

    def prepare(self):
        for name, value in self.settings.items():
            try:
                self.node.sysctl(f"conf/eth0/{name}", value)
            except FileNotFoundError as missing:
                raise NotHere(f"this kernel has no {name}") from missing

    def start(self):
        self.node.ip("link set eth0 up")

    def state(self):
        return state.kernel(self.node.net, "eth0")


class Program(Guest):
    """A program that is a whole stack, on a tap."""

    def __init__(self, name, built, version, expect=None):
        super().__init__(name, expect, on_tap=True)
        self.built, self._version, self.started = os.path.join(BUILT, built), version, None

    def prepare(self):
        if not os.path.exists(self.built):
            raise NotHere(f"{self.built} was not built")

    def start(self):
        self.started = self.wire.node.start(self.built, "guest", log="stack")

    def state(self):
        return state.printed(self.started.text()) if self.started else state.State()

    def version(self):
        return self._version()


class InRoot(Guest):
    """A client of a Debian's root. It sees this network namespace, no udev, and a /run and /etc of its own.

    files: path in the root → text. commands: what runs, as a shell would read it; the last one is the client."""

    files, commands, package = {}, "", ""

    def __init__(self, suite, expect=None):
        super().__init__(f"{self.title} ({DEBIAN[suite]})", expect)
        self.suite, self.root = suite, ROOTS.get(suite)

    def prepare(self):
        if not self.root:
            raise NotHere(f"no root of {self.suite}")

    def start(self):
        writes = "".join(
            f"mkdir -p root{os.path.dirname(p)}; cat >root{p} <<'EOF'\n{text}EOF\n" for p, text in self.files.items()
        )
        private = (
            "mkdir /run/space; mount -t tmpfs tmpfs /run/space; cd /run/space; mkdir upper work root\n"
            f"mount -t overlay overlay -o lowerdir={self.root},upperdir=upper,workdir=work root\n"
            "mount -t proc proc root/proc; mount --bind /sys root/sys; mount --rbind /dev root/dev\n"
            "mount -t tmpfs tmpfs root/run; mkdir root/run/dbus root/run/lock\n"
            # It may open this as its own user; where no udev has run, the device is root's alone.
            "mkdir root/run/tun; mount -t tmpfs tmpfs root/run/tun; mknod -m 666 root/run/tun/tun c 10 200\n"
            "mount --bind root/run/tun/tun root/dev/net/tun\n"
            "rm -f root/etc/machine-id; tr -d - </proc/sys/kernel/random/uuid >root/etc/machine-id\n" + writes
        )
        self.started = self.node.start(
            "chroot", "/run/space/root", "sh", "-c", f"set -e\n{self.commands}", log="client", private=private
        )

    def state(self):
        return state.kernel(self.node.net, "eth0")

    def version(self):
        return debian_version(self.root, self.package)


NETWORKD_RUN = "mkdir -p /run/systemd/netif; chown -R systemd-network: /run/systemd/netif\nexport SYSTEMD_LOG_LEVEL=debug\n"
DBUS = "dbus-daemon --system --fork\n"
NM_CONF = "[main]\nplugins=keyfile\nauth-polkit=false\ndns=none\n[logging]\nlevel=INFO\n"


class Networkd(InRoot):
    title, package = "systemd-networkd", "systemd"
    files = {
        "/etc/systemd/network/eth0.network": "[Match]\nName=eth0\n[Network]\nIPv6AcceptRA=yes\n",
    }
    commands = NETWORKD_RUN + "exec /lib/systemd/systemd-networkd"


class NetworkManager(InRoot):
    title, package = "NetworkManager", "network-manager"
    files = {
        "/etc/NetworkManager/NetworkManager.conf": NM_CONF,
        "/etc/NetworkManager/system-connections/eth0.nmconnection": (
            "[connection]\nid=eth0\nuuid=5d1d7b9e-52a1-4b43-8d2b-6b3bba2c7a30\ntype=ethernet\ninterface-name=eth0\n"
            "[ipv4]\nmethod=disabled\n[ipv6]\nmethod=auto\n"
        ),
    }
    commands = DBUS + "chmod 600 /etc/NetworkManager/system-connections/*\nexec NetworkManager --no-daemon --log-level=INFO"


class Dhcpcd(InRoot):
    """With Debian's own configuration but for IPv4, which has nothing to do here."""

    title, package = "dhcpcd", "dhcpcd-base"
    commands = "echo noipv4 >>/etc/dhcpcd.conf\nexec dhcpcd -B -d --nodev -c /bin/true eth0"


class Connman(InRoot):
    title, package = "ConnMan", "connman"
    files = {"/var/lib/connman/eth.config": "[service_eth]\nType=ethernet\nIPv4=off\nIPv6=auto\n"}
    commands = DBUS + "exec connmand -n -d -i eth0 --nobacktrace --nodnsproxy"


class Ifupdown(InRoot):
    title, package = "ifupdown `inet6 auto`", "ifupdown"
    files = {"/etc/network/interfaces": "iface eth0 inet6 auto\n"}
    commands = "mkdir -p /run/network\nexec ifup -v eth0"


class NetplanNetworkd(InRoot):
    title, package = "netplan, networkd", "netplan.io"
    files = {"/etc/netplan/eth0.yaml": "network: {version: 2, renderer: networkd, ethernets: {eth0: {accept-ra: true}}}\n"}
    commands = "chmod 600 /etc/netplan/*; netplan generate\n" + Networkd.commands


class NetplanNetworkManager(InRoot):
    title, package = "netplan, NetworkManager", "netplan.io"
    files = {
        "/etc/NetworkManager/NetworkManager.conf": NM_CONF,
        "/etc/netplan/eth0.yaml": "network: {version: 2, renderer: NetworkManager, ethernets: {eth0: {dhcp6: true}}}\n",
    }
    commands = "chmod 600 /etc/netplan/*; netplan generate\n" + DBUS + "exec NetworkManager --no-daemon --log-level=INFO"


def smoltcp_version():
    with open(os.path.join(TREE, "tests", "guests", "smoltcp", "Cargo.lock"), encoding="ascii") as file:
        return file.read().split('name = "smoltcp"\nversion = "', 1)[1].split('"', 1)[0]


row("kernel", Kernel("Linux"))
row("kernel-privacy", Kernel("Linux, `use_tempaddr=2`", use_tempaddr=2))
row("kernel-min-lifetime", Kernel("Linux, `accept_ra_min_lft=180`", accept_ra_min_lft=180))
row("kernel-forwards", Kernel("Linux that forwards, `accept_ra=2`", forwarding=1, accept_ra=2))
# It has no deprecated addresses, and treats the /64 as on-link whatever L says.
ONE_PREFIX = {"add_new": NEVER, "add_old": NEVER, "del_new": NEVER, "del_old": NEVER, "behind": "yes"}
row(
    "smoltcp",
    Program("smoltcp, built for one prefix (its default)", "one/release/smoltcp-guest", smoltcp_version, ONE_PREFIX),
)
FOUR_PREFIXES = {"add_old": NEVER, "del_old": NEVER, "behind": "yes"}
row("smoltcp-four", Program("smoltcp, built for four", "four/release/smoltcp-guest", smoltcp_version, FOUR_PREFIXES))
row("lwip", Program("lwIP as Debian builds it", "lwip", lambda: debian_version("", "liblwip0")))
row(
    "netstack",
    Program("gVisor's netstack", "netstack", lambda: debian_version("", "golang-gvisor-gvisor-dev")),
    regular=False,
)
row("networkd", Networkd("trixie"))
# It takes its addresses away and adds them again when another one joins them, so all are tentative once more.
TENTATIVE_AGAIN = {f"{order}_{what}": 4.0 for order in ("add", "del") for what in ("none", "only")}
row("networkmanager", NetworkManager("trixie", TENTATIVE_AGAIN))
row("dhcpcd", Dhcpcd("trixie"))
for suite in "bookworm", "forky":
    row(f"networkd-{suite}", Networkd(suite), regular=False)
    row(f"networkmanager-{suite}", NetworkManager(suite, TENTATIVE_AGAIN), regular=False)
    row(f"dhcpcd-{suite}", Dhcpcd(suite), regular=False)
row("connman", Connman("trixie"), regular=False)
row("ifupdown", Ifupdown("trixie"), regular=False)
row("netplan-networkd", NetplanNetworkd("trixie"), regular=False)
row("netplan-networkmanager", NetplanNetworkManager("trixie", TENTATIVE_AGAIN), regular=False)
# Neither tells of deprecated addresses.
SILENT = {"add_old": NEVER, "del_old": NEVER}
row("uefi", firmware.Uefi("UEFI shell (OVMF)", {**SILENT, "behind": "yes"}), regular=False)
# GRUB never takes a route back.
row("grub", firmware.Grub("GRUB", {**SILENT, "forwarding_0": NEVER, "stop": NEVER}), regular=False)
