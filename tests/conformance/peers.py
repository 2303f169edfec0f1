"""The other router advertisement daemons that Debian has, set up as close to the same task as they allow."""

import os
import shutil
import signal

from conformance.daemon import Adapter
from lab.process import first_line


def _write(directory, name, text):
    path = os.path.join(directory, name)
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
    return path


class Radvd(Adapter):
    name = "radvd"
    unicast = True
    binary = "/usr/sbin/radvd"

    def missing(self):
        return None if os.path.exists(self.binary) else "package radvd is not installed"

    def version(self):
        return first_line(self.binary, "--version").removeprefix("Version:").strip()

    def config(self, settings):
        return f"""interface {settings.ifname} {{
    AdvSendAdvert on;
    IgnoreIfMissing on;
    MinRtrAdvInterval {settings.min_interval};
    MaxRtrAdvInterval {settings.max_interval};
    AdvDefaultLifetime {settings.router_lifetime};
    AdvCurHopLimit 0;
    AdvSourceLLAddress off;
    prefix ::/64 {{
        AdvOnLink off;
        AdvAutonomous on;
        AdvValidLifetime {settings.valid};
        AdvPreferredLifetime {settings.preferred};
    }};
}};
"""

    def command(self, settings, directory):
        config = _write(directory, "radvd.conf", self.config(settings))
        return [self.binary, "-n", "-m", "stderr", "-C", config, "-p", f"{directory}/radvd.pid"], {}

    # `-c` reads no more than the syntax; bounds are checked when it starts.
    refuses_by_silence = True


class Dnsmasq(Adapter):
    name = "dnsmasq"
    unicast = True
    binary = "/usr/sbin/dnsmasq"
    # There is no option for it: the preferred lifetime is the valid one.
    sets_preferred = False
    # It looks at its interfaces once a second, and then waits for a random while.
    first = 8.0
    not_applicable = {
        "send-drop": "in its first minute it advertises every 5 to 20 s, whatever is configured (see interval)",
    }

    def missing(self):
        return None if os.path.exists(self.binary) else "package dnsmasq-base is not installed"

    def version(self):
        return first_line(self.binary, "--version").split()[2]

    def command(self, settings, directory):
        return [
            self.binary,
            "--keep-in-foreground",
            "--log-facility=-",
            "--conf-file=/dev/null",
            "--port=0",
            "--bind-interfaces",
            f"--interface={settings.ifname}",
            "--user=root",
            f"--pid-file={directory}/dnsmasq.pid",
            f"--dhcp-leasefile={directory}/leases",
            "--enable-ra",
            f"--dhcp-range=::,constructor:{settings.ifname},ra-only,off-link,64,{settings.valid}",
            f"--ra-param={settings.ifname},{settings.max_interval},{settings.router_lifetime}",
        ], {}


class Bird(Adapter):
    name = "BIRD"
    binary = "/usr/sbin/bird"

    def missing(self):
        return None if os.path.exists(self.binary) else "package bird2 is not installed"

    def version(self):
        return first_line(self.binary, "--version").split()[-1]

    def config(self, settings):
        return f"""log stderr all;
router id 192.0.2.1;
protocol device {{ scan time 1; }}
protocol radv {{
    interface "{settings.ifname}" {{
        min ra interval {settings.min_interval};
        max ra interval {settings.max_interval};
        default lifetime {settings.router_lifetime};
        current hop limit 0;
        prefix ::/0 {{
            onlink no;
            autonomous yes;
            valid lifetime {settings.valid};
            preferred lifetime {settings.preferred};
        }};
    }};
}}
"""

    def command(self, settings, directory):
        config = _write(directory, "bird.conf", self.config(settings))
        return [self.binary, "-f", "-c", config, "-s", f"{directory}/bird.ctl", "-P", f"{directory}/bird.pid"], {}

    def check_command(self, settings, directory):
        return [self.binary, "-p", "-c", _write(directory, "bird.conf", self.config(settings))]


class Frr(Adapter):
    name = "FRR"
    binary = "/usr/lib/frr/zebra"
    follows_addresses = False
    # Its start is a burst: five advertisements 1 s apart.
    settle = 7.2

    def missing(self):
        return None if os.path.exists(self.binary) else "package frr is not installed"

    def version(self):
        return first_line(self.binary, "--version").split()[-1]

    def config(self, settings):
        return f"""hostname conformance
interface {settings.ifname}
 ipv6 nd ra-interval {settings.max_interval}
 ipv6 nd ra-lifetime {settings.router_lifetime}
 ipv6 nd ra-hop-limit 0
 ipv6 nd prefix {settings.prefix}/64 {settings.valid} {settings.preferred} off-link
 no ipv6 nd suppress-ra
"""

    def command(self, settings, directory):
        config = _write(directory, "zebra.conf", self.config(settings))
        return [
            self.binary,
            "-f", config,
            "-i", f"{directory}/zebra.pid",
            "-z", f"{directory}/zserv.api",
            "--vty_socket", directory,
            "-A", "127.0.0.1",
            "-P", "0",
            "--log", "stdout",
        ], {}  # fmt: skip


class Networkd(Adapter):
    name = "networkd"
    unicast = True
    binary = "/lib/systemd/systemd-networkd"
    follows_addresses = False
    # They are a third to the whole of RouterLifetimeSec=, of 10 min at most; the first three of 16 s.
    sets_intervals = False
    not_applicable = {
        **dict.fromkeys(
            ("interval", "interval-random", "interval-own", "minimum", "answer-resets-timer"),
            "its intervals cannot be configured",
        ),
        **dict.fromkeys(
            ("disable-ipv6", "send-drop"),
            "its intervals cannot be configured: the next RA comes when it is due, up to 16 s or the router lifetime later",
        ),
        "late-ipv6": "it switches IPv6 on itself when it starts, and advertises then",
        "ambiguous": "its prefixes are configured, not read from the interface",
        "not-matching": "it runs on, for interfaces to come that its configuration matches",
    }

    def missing(self):
        return None if os.path.exists(self.binary) else "package systemd with systemd-networkd is not installed"

    def version(self):
        # systemd 252 (252.39-1~deb12u2)
        return first_line(self.binary, "--version").split()[2].strip("()").split("-")[0]

    def config(self, settings):
        return f"""[Match]
Name={settings.ifname}

[Link]
ActivationPolicy=manual

[Network]
LinkLocalAddressing=ipv6
KeepConfiguration=static
IPv6AcceptRA=no
IPv6SendRA=yes

[IPv6SendRA]
RouterLifetimeSec={settings.router_lifetime}
UplinkInterface=:none
EmitDNS=no
EmitDomains=no

[IPv6Prefix]
Prefix={settings.prefix}/64
OnLink=no
AddressAutoconfiguration=yes
ValidLifetimeSec={self._lifetime(settings.valid)}
PreferredLifetimeSec={self._lifetime(settings.preferred)}
"""

    @staticmethod
    def _lifetime(seconds):
        return "infinity" if seconds == 0xFFFFFFFF else seconds

    def command(self, settings, directory):
        # A /run of its own: no bus, no journal, nothing of the machine's networkd.  With a read-only /sys,
        # as in a container, it does not wait for udev.
        run = os.path.join(directory, "run")
        for name in ("systemd/network", "systemd/netif"):
            os.makedirs(os.path.join(run, name), exist_ok=True)
        shutil.chown(os.path.join(run, "systemd/netif"), "systemd-network", "systemd-network")
        _write(os.path.join(run, "systemd/network"), "conformance.network", self.config(settings))
        mounts = f"mount --bind {run} /run && mount -t tmpfs tmpfs /etc/systemd && mount -t sysfs -o ro sysfs /sys"
        # The user and the capabilities of its unit.  Started as root it would give that up itself, and lose
        # with it the signal that ends it with its case.
        capabilities = "+net_admin,+net_bind_service,+net_broadcast,+net_raw"
        return [
            "unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh",
            "setpriv", "--reuid=systemd-network", "--regid=systemd-network", "--clear-groups",
            f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}", "--pdeathsig=KILL",
            self.binary,
        ], {"SYSTEMD_LOG_TARGET": "console"}  # fmt: skip

    def restart_signal(self):
        # RestartKillSignal= of its unit.
        return signal.SIGUSR2


PEERS = (Radvd(), Dnsmasq(), Bird(), Frr(), Networkd())
