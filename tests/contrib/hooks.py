"""contrib/examples/libvirt and proxmox: a new guest's tap gets its /64, and autora serves it."""

import os
import shutil
import signal
import subprocess

from contrib.taps import plug
from scenarios.stage import (
    EXAMPLES,
    STABLE,
    Fail,
    Node,
    advertisements,
    check,
    configured,
    scenario,
    veth,
    wait,
    write,
)

HOOK = os.path.join(EXAMPLES, "libvirt", "autora-prefix")
SNIPPET = os.path.join(EXAMPLES, "proxmox", "autora-prefix.sh")
MAP = "/etc/libvirt/autora-prefixes"
WEB = "2001:db8:1:1::"
OTHER = "2001:db8:1:9::"
ROUTED = "<interface type='ethernet'><target dev='{}'/><model type='virtio'/></interface>"
UNNAMED = "<interface type='ethernet'><model type='virtio'/></interface>"
BRIDGED = "<interface type='bridge'><source bridge='br0'/><model type='virtio'/></interface>"
# A sysfs shows the interfaces of the network namespace in which it is mounted.
SYSFS = "mount -t sysfs sysfs /sys"
# What was done to a tap; 1 stands for no link-local address.
CONF = {"accept_ra": "0", "disable_ipv6": "0", "addr_gen_mode": "0", "forwarding": "1"}


def a_host():
    """It forwards, but leaves new interfaces without IPv6 of their own, as NetworkManager and Proxmox do."""
    host = Node("host", forwarding=True)
    host.ip(f"addr add {STABLE}/128 dev lo")
    for name, value in (("forwarding", 0), ("addr_gen_mode", 1), ("disable_ipv6", 1)):
        host.sysctl(f"conf/default/{name}", value)
    return host


def conf(host, ifname):
    return {name: host.run("cat", f"/proc/sys/net/ipv6/conf/{ifname}/{name}").strip() for name in CONF}


def untouched(host, ifname):
    """What must not change: other interfaces, and the host as a whole."""
    return conf(host, ifname), conf(host, "default"), host.run("ip", "-6", "address", "show", "dev", ifname)


def state(host):
    return host.run("sh", "-c", "ip -d -6 address; ip -6 route; grep -r . /proc/sys/net/ipv6/conf/tap*; true")


def settle(host, ifname):
    wait(f"{ifname} has its link-local address", lambda: host.link_local(ifname), 5)
    wait("no address is tentative", lambda: not any(a.get("tentative") for a in host.addresses(ifname)), 5)


def private_libvirt():
    """This process has a mount namespace of its own; libvirt's directories in it are empty."""
    for directory in ("/etc/libvirt", "/var/lib/libvirt", "/var/log/libvirt", "/var/cache/libvirt"):
        if not os.path.isdir(directory):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", os.path.dirname(directory)], check=True)
            os.makedirs(directory)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)


def domain(name, *interfaces, kind="qemu"):
    return (
        f"<domain type='{kind}'><name>{name}</name><memory unit='MiB'>16</memory>"
        "<os><type arch='x86_64' machine='q35'>hvm</type></os>"
        f"<devices>{''.join(interfaces)}</devices></domain>\n"
    )


def live_xml(name, *interfaces):
    """A guest's XML as libvirt prints it when it runs: by its driver for tests, which starts nothing."""
    path = write("domain.xml", domain(name, *interfaces, kind="test"))
    script = f"create {path}; dumpxml {name}"
    said = subprocess.run(["virsh", "-q", "-c", "test:///default", script], capture_output=True, text=True)
    if said.returncode:
        raise Fail(f"virsh: {said.stderr}")
    return said.stdout[said.stdout.index("<domain") :]


def hook(host, xml, guest, operation="started", expected=0):
    with host.net:
        argv = [HOOK, guest, operation, "begin", "-"]
        done = subprocess.run(argv, input=xml, capture_output=True, text=True, env={"PATH": "/usr/sbin:/usr/bin"})
    check(done.returncode == expected, f"{argv}: {done.returncode} {done.stderr}")
    check(done.stdout == "" and "Traceback" not in done.stderr, f"{argv}: {done.stdout} {done.stderr}")
    return done.stderr


@scenario("libvirt-hook", "libvirt", "the hook with XML from libvirt, a real tap, and a Linux guest behind it", 30)
def libvirt_hook():
    private_libvirt()
    host, guest = a_host(), Node("guest")
    plug(host, "tap-vm-1", guest)
    veth(host, "uplink0", Node("world"), "eth0")
    before = untouched(host, "uplink0")
    shutil.copy(os.path.join(EXAMPLES, "libvirt", "prefixes"), MAP)
    xml = live_xml("web", ROUTED.format("tap-vm-1"), BRIDGED)
    for operation in ("prepare", "start", "migrate", "stopped", "release"):
        hook(host, xml, "web", operation)
    check(not host.addresses("tap-vm-1", WEB), "it acted before the tap exists, or after it is gone")
    hook(host, xml, "web")
    check(conf(host, "tap-vm-1") == CONF, f"{conf(host, 'tap-vm-1')}")
    check(untouched(host, "uplink0") == before, "it touched something else than the guest's tap")
    settle(host, "tap-vm-1")
    done = state(host)
    hook(host, xml, "web", "reconnect")
    check(state(host) == done, "a second call changes something")
    host.autora("tap-vm-1")
    configured(guest, "eth0", WEB, timeout=30)
    check(guest.pings(STABLE), "the guest does not reach the host")
    # The map is edited, and libvirtd restarted.
    (old,) = guest.slaac("eth0", WEB)
    give(f"web {OTHER}/64\n")
    hook(host, xml, "web", "reconnect")
    configured(guest, "eth0", OTHER)
    wait("the old address is deprecated", lambda: all(a.get("deprecated") for a in guest.slaac("eth0", WEB)), 8)
    check(guest.pings(STABLE), "the guest does not reach the host from its new address")
    check(host.pings(old["local"]), "the guest's old address does not work any more")
    done = state(host)
    hook(host, xml, "web", "reconnect")
    check(state(host) == done, "a second call changes something")
    # The old /64 is given to another guest: it must be there only.
    give(f"web {OTHER}/64\ndb {WEB}/64\n")
    hook(host, xml, "web", "reconnect")
    check(not host.addresses("tap-vm-1", WEB), "two guests have one /64")
    # And back, within the valid lifetime.
    give(f"web {WEB}/64\n")
    hook(host, xml, "web", "reconnect")
    wait("the old /64 is the new one", lambda: not any(a.get("deprecated") for a in guest.slaac("eth0", WEB)), 8)


def give(text):
    """What the map says from now on."""
    with open(MAP, "w", encoding="utf-8") as file:
        file.write(text)


@scenario("libvirt-map", "libvirt", "what the hook takes and refuses in its map", 5)
def libvirt_map():
    private_libvirt()
    host = a_host()
    host.ip("tuntap add dev tap-vm-1 mode tap", "tuntap add dev tap-vm-2 mode tap")
    one = ROUTED.format("tap-vm-1")
    xml = live_xml("web", one)
    number = int(xml.split("id='")[1].split("'")[0])

    def with_map(text, expected=0, xml=xml, guest="web"):
        give(text)
        host.ip("address flush dev tap-vm-1 scope global")
        return hook(host, xml, guest, expected=expected)

    def found():
        return [a["local"] for a in host.addresses("tap-vm-1") if a["scope"] == "global"]

    check("No such file" in hook(host, xml, "web", expected=1), "a map that is missing")
    hook(host, live_xml("plain", BRIDGED), "plain")
    with_map("# nobody\n\nother 2001:db8:1::/64\n")
    check(found() == [], f"a guest that is not named: {found()}")
    with_map("* 2001:db8:ff00::/56\n")
    check(found() == [f"2001:db8:ff00:{number:x}::1"], f"the subnet of id {number}: {found()}")
    with_map("web 2001:db8:2::/64  # its own\n* 2001:db8:ff00::/56\n")
    check(found() == ["2001:db8:2::1"], f"its own line comes first: {found()}")
    with_map("other 2001:db8:2::/48\nweb 2001:db8:2::/64\n")
    check(found() == ["2001:db8:2::1"], f"another guest's mistake is no reason: {found()}")
    both = live_xml("web", one, BRIDGED, ROUTED.format("tap-vm-2"))
    with_map("web 2001:db8:2::/64 2001:db8:3::/64\n", xml=both)
    check(found() == ["2001:db8:2::1"] and host.addresses("tap-vm-2", "2001:db8:3::"), "a guest with two taps")
    for text, word in {
        "web 2001:db8:2::/64\nweb 2001:db8:3::/64\n": "line 2: web has line 1 already",
        "web 2001:db8:2::/64 2001:db8:3::/64\n": "1 routed taps (tap-vm-1) and 2 prefixes",
        "web 2001:db8:2::/64\nother 2001:db8:2::/64\n": "is that of other",
        "web 2001:db8:2::/56\n": "is not a /64",
        "web 2001:db8:2::1/64\n": "has host bits set",
        "web 192.0.2.0/24\n": "line 1",
        "* 2001:db8:2::/64\n": "shorter than /64",
        f"* 2001:db8:ff00::/{64 - number.bit_length() + 1}\n": f"has no subnet {number}",
        f"* 2001:db8:ff00::/56\nother 2001:db8:ff00:{number:x}::/64\n": "is that of other",
    }.items():
        said = with_map(text, expected=1)
        check(word in said and found() == [], f"{text!r} gives {said!r} and {found()}")
    said = with_map("gone 2001:db8:9::/64\n", 1, live_xml("gone", ROUTED.format("tap-vm-9")), "gone")
    check("tap-vm-9: there is no such interface" in said, said)
    # A guest that runs stays as it is, whatever the map says.
    with_map("web 2001:db8:2::/64\n")
    give("web 2001:db8:2::/56\n")
    check("is not a /64" in hook(host, xml, "web", "reconnect"), "it says nothing about the map")
    check(found() == ["2001:db8:2::1"], f"a map that is wrong changes a guest that runs: {found()}")


@scenario("libvirt-daemon", "libvirt", "libvirtd itself: guests in QEMU that start, are saved, renumbered and end", 45)
def libvirt_daemon():
    private_libvirt()
    host = a_host()
    # Debian's libvirtd does not start without the account that the package libvirt-daemon-system makes.
    for file, line in (("passwd", "libvirt-qemu:x:64055:64055::/:/bin/false\n"), ("group", "libvirt-qemu:x:64055:\n")):
        with open(f"/etc/{file}", encoding="utf-8") as known:
            private = write(file, known.read() + line)
        subprocess.run(["mount", "--bind", private, f"/etc/{file}"], check=True)
    os.makedirs("/etc/libvirt/hooks/qemu.d")
    shutil.copy(HOOK, "/etc/libvirt/hooks/qemu.d/")
    write("/etc/libvirt/qemu.conf", 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\ncgroup_controllers = []\n'
          'remember_owner = 0\nnamespaces = []\nstdio_handler = "file"\n')  # fmt: skip
    write("/etc/libvirt/libvirtd.conf", 'auth_unix_rw = "none"\nunix_sock_group = "root"\n')
    write(MAP, f"web {WEB}/64\nbroken 2001:db8:9::/48\n")
    # QEMU is nobody's child, and ends only when its zombie is collected: the shell does that as process 1.
    shell = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
             f"{SYSFS}; while libvirtd; do :; done")  # fmt: skip
    daemon = host.start(*shell, log="libvirtd")

    def virsh(*argv, expected=0):
        with host.net:
            done = subprocess.run(["virsh", "-q", "-c", "qemu:///system", *argv], capture_output=True, text=True)
        if done.returncode != expected:
            raise Fail(f"virsh {' '.join(argv)}: {done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def answers():
        with host.net:
            return subprocess.run(["virsh", "-q", "-c", "qemu:///system", "uri"], capture_output=True).returncode == 0

    def has(tap, *prefixes):
        """Each /64 of the tap by its first address, which is deprecated in all but the last."""
        found = [(a["local"], bool(a.get("deprecated"))) for a in host.addresses(tap) if a["scope"] == "global"]
        return sorted(found) == sorted((f"{prefix}1", prefix != prefixes[-1]) for prefix in prefixes)

    def restart():
        (pid,) = (int(line) for line in host.run("pgrep", "-x", "libvirtd").split())
        os.kill(pid, signal.SIGTERM)
        wait("libvirtd has ended", lambda: not os.path.exists(f"/proc/{pid}"), 15)
        wait("libvirtd answers", answers, 15)

    def serve(tap, prefix):
        """An instance, which has advertised the /64 there."""
        check(has(tap, prefix), f"the hook has not been called: {host.addresses(tap)}")
        check(conf(host, tap) == CONF, f"{conf(host, tap)}")
        settle(host, tap)
        dump = host.tcpdump(tap, "icmp6 and ip6[40] == 134")
        autora = host.autora(tap, regex="^(tap|vnet)")
        ra = wait("autora advertises to the guest", lambda: advertisements(dump), 8)[0]
        check([p["prefix"] for p in ra["prefixes"]] == [f"{prefix}/64"], f"{ra}")
        return autora

    def ends(autora):
        check(autora.process.wait(5) == 0, "autora's exit status when the tap goes")

    wait("libvirtd answers", lambda: daemon.alive() and answers(), 15)
    virsh("define", write("domain.xml", domain("web", ROUTED.format("tap-vm-1"))))
    for _ in range(2):
        virsh("start", "web")
        autora = serve("tap-vm-1", WEB)
        router = host.link_local("tap-vm-1")
        virsh("destroy", "web")
        ends(autora)
    # A guest that is saved goes on as if nothing had been: with the same router, on a tap that is another one.
    virsh("start", "web")
    autora = serve("tap-vm-1", WEB)
    virsh("managedsave", "web")
    ends(autora)
    virsh("start", "web")
    autora = serve("tap-vm-1", WEB)
    check(host.link_local("tap-vm-1") == router, "the router of a restored guest has another address")
    for command in ("suspend", "resume"):
        virsh(command, "web")
        check(has("tap-vm-1", WEB) and autora.alive(), f"{command} changes the tap")
    # The map is edited: nothing happens until libvirtd is restarted.
    give(f"web {OTHER}/64\n")
    check(has("tap-vm-1", WEB), "the tap follows a file")
    restart()
    wait("the tap is renumbered", lambda: has("tap-vm-1", WEB, OTHER), 10)
    check(autora.alive(), "the instance has ended")
    # What is wrong does not end a guest that runs: libvirt attaches the next interface when the hook is done.
    give("web 2001:db8:9::/48\n")
    restart()
    virsh("attach-device", "web", write("interface.xml", ROUTED.format("tap-vm-2")))
    check(has("tap-vm-1", WEB, OTHER), "a map that is wrong changes a guest that runs")
    # For that the hook is called by hand, as it explains.
    give(f"web {OTHER}/64 2001:db8:3::/64\n")
    check(has("tap-vm-2"), "libvirt calls the hook for an interface that is attached")
    hook(host, virsh("dumpxml", "web"), "web", "reconnect")
    second = serve("tap-vm-2", "2001:db8:3::")
    virsh("destroy", "web")
    ends(autora)
    ends(second)
    give("unnamed 2001:db8:4::/64\nbroken 2001:db8:9::/48\n")
    virsh("create", write("domain.xml", domain("unnamed", UNNAMED)))
    autora = serve("vnet0", "2001:db8:4::")
    virsh("destroy", "unnamed")
    ends(autora)
    said = virsh("create", write("domain.xml", domain("broken", ROUTED.format("tap-vm-2"))), expected=1)
    check("2001:db8:9::/48 is not a /64" in said, f"the operator reads: {said}")
    check(virsh("list", "--name").strip() == "", "a guest runs though it was refused")


@scenario("proxmox-hook", "proxmox", "the hookscript in Proxmox's phases, a tap on a bridge, and a Linux guest", 12)
def proxmox_hook():
    host, guest = a_host(), Node("guest")

    def call(vmid, phase, expected=0):
        with host.net:
            argv = ["unshare", "--mount", "sh", "-c", f'{SYSFS}; exec "$@"', "sh", SNIPPET, str(vmid), phase]
            done = subprocess.run(argv, capture_output=True, text=True)
        check(done.returncode == expected, f"{phase}: {done.returncode} {done.stdout}{done.stderr}")
        return done.stderr

    def on_bridge(bridge):
        """As Proxmox leaves a new tap."""
        host.ip("link set tap100i0 up promisc on", f"link set tap100i0 master {bridge}")

    for bridge in ("vmbr0", "vmbr9", "fwbr100i0"):
        host.ip(f"link add {bridge} type bridge", f"link set {bridge} up")
    veth(host, "eno1", Node("world"), "eth0")
    host.ip("link set eno1 master vmbr0")
    call(100, "pre-start")
    plug(host, "tap100i0", guest)
    # An uplink's bridge would let the guest's traffic and other people's advertisements through.
    on_bridge("vmbr0")
    check("vmbr0 with eno1" in call(100, "post-start", expected=1), "a bridge with an uplink is not refused")
    on_bridge("fwbr100i0")
    check("firewall=0" in call(100, "post-start", expected=1), "the firewall's bridge is not refused")
    check(not host.addresses("tap100i0"), "it configured a tap that it refused")
    on_bridge("vmbr9")
    before = untouched(host, "vmbr9")
    call(100, "post-start")
    check(conf(host, "tap100i0") == CONF, f"{conf(host, 'tap100i0')}")
    check(untouched(host, "vmbr9") == before, "it touched something else than the guest's tap")
    settle(host, "tap100i0")
    done = state(host)
    call(100, "post-start")
    check(state(host) == done, "a second call changes something")
    host.autora("tap100i0", regex="^tap[0-9]+i0$")
    configured(guest, "eth0", "2001:db8:1:100::", timeout=30)
    check(guest.pings(STABLE), "the guest does not reach the host")
    for phase in ("pre-stop", "post-stop", "pre-migrate"):
        call(100, phase)
    check(state(host).count("2001:db8:1:100::1/64") == 1, "a later phase changed the tap")
    check("four digits" in call(10000, "pre-start", expected=1), "an id that does not fit is not refused")
    check("there is no tap101i0" in call(101, "post-start", expected=1), "a guest without net0 is not refused")
    host.sysctl("conf/all/forwarding", 0)
    check("does not forward" in call(100, "pre-start", expected=1), "a host that does not forward is not refused")
