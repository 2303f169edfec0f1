"""Links of other kinds, names and sizes than one veth with one address."""

import os
import select
import signal
import struct
import time

from conformance.case import MAX_RA_DELAY_TIME, SLACK, Fail, case
from conformance.cases_renumber import ask_for, mentions
from lab import codec
from lab.capture import solicitation
from lab.links import OTHER_PREFIX, PREFIX
from lab.tun import IFF_TUN, open_tun

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)
NAMED = "it serves what its configuration names, uplink or not"


@case("kind-bridge", "shared segments", "a bridge with two guests: both hear every RA, each solicitation is answered", seconds=10)
def kind_bridge(bench):
    lab = bench.make_lab(link=False)
    lab.router.ip(f"link add tap-cf0 address {codec.mac_text(codec.mac_bytes('02:00:5e:00:01:0b'))} type bridge")
    ports = [
        lab.add_link(ready=False, ifname="port0", peer="guest0", mac="02:00:5e:00:01:21"),
        lab.add_link(ready=False, ifname="port1", peer="guest1", mac="02:00:5e:00:01:22", guest_mac="02:00:5e:00:02:07"),
    ]
    lab.router.sysctl("conf/tap-cf0/forwarding", 1)
    for port in ports:
        lab.router.ip(f"link set {port.ifname} master tap-cf0")
        port.up()
    lab.router.ip("link set tap-cf0 up", f"addr add {PREFIX}1/64 dev tap-cf0 nodad")
    bench.start()
    bench.ready()
    for port in ports:
        bench.quiet()
        port.capture.drain()
        sent = port.sender.solicit(port.guest_ll, options=codec.sllao(port.guest_mac))
        if not port.capture.next_ra(sent, MAX_RA_DELAY_TIME + SLACK):
            raise Fail(f"the guest on {port.ifname} was not answered within 0.5 s")
    for port in ports:
        port.capture.drain()
    heard = [len([ra for ra in port.capture.ras if ra.multicast]) for port in ports]
    if heard[0] != heard[1]:
        raise Fail(f"{heard[0]} and {heard[1]} multicast RAs were heard")
    if {ra.eth_src for ra in bench.capture.ras} != {"02:00:5e:00:01:0b"}:
        raise Fail(f"from {bench.capture.ras[0].eth_src}, not the bridge's MAC")


def read_ra(fd, timeout):
    """(time, source) of the next RA that comes out of the tunnel, or None."""
    deadline = time.time() + timeout
    while True:
        ready, _, _ = select.select([fd], [], [], max(0.0, deadline - time.time()))
        if not ready:
            return None
        packet = os.read(fd, 2048)
        if len(packet) > 56 and packet[0] >> 4 == 6 and packet[6] == codec.ICMPV6 and packet[40] == codec.ND_RA:
            return time.time(), packet


@case("kind-tun", "links without link-layer addresses", "a tun: an RA at once, and an answer to a solicitation", seconds=10)
def kind_tun(bench):
    if not os.path.exists("/dev/net/tun"):
        raise RuntimeError("/dev/net/tun is missing")
    lab = bench.make_lab(link=False)
    fd = open_tun(lab.router, "tap-cf0", IFF_TUN, flags=os.O_NONBLOCK)
    lab.router.sysctl("conf/tap-cf0/forwarding", 1)
    lab.router.ip("link set tap-cf0 up", "addr add fe80::7/64 dev tap-cf0 nodad", f"addr add {PREFIX}1/64 dev tap-cf0 nodad")
    bench.start()
    first = read_ra(fd, bench.adapter.first + 1)
    if not first:
        raise Fail("no RA")
    if len(first[1]) != 40 + struct.unpack("!H", first[1][4:6])[0]:
        raise Fail(f"{len(first[1])} octets for a payload of {struct.unpack('!H', first[1][4:6])[0]}")
    while read_ra(fd, max(0.0, first[0] + bench.adapter.settle + 0.1 - time.time())):
        pass
    message = codec.icmp("fe80::9", codec.ALL_ROUTERS, codec.ND_RS, 0, bytes(4))
    for _ in range(2):
        os.write(fd, codec.ipv6("fe80::9", codec.ALL_ROUTERS, message))
        if read_ra(fd, MAX_RA_DELAY_TIME + SLACK):
            return
        time.sleep(2.5)
    raise Fail("a solicitation was not answered within 0.5 s")


@case("kind-mac-live", "RFC 4861 6.2.8", "the MAC is changed while the interface is up: the next RA comes from it", seconds=8)
def kind_mac_live(bench):
    lab = bench.make_lab()
    bench.start(**SHORT)
    first = bench.first()
    bench.capture.listen_until(first.time + 0.3)
    mac = "02:00:5e:00:01:78"
    lab.router.ip(f"link set {bench.link.ifname} address {mac}")
    changed = time.time()
    ask_for(bench, 4)
    ra = bench.expect(changed, 1.0, "after the change")
    if ra.eth_src != mac:
        raise Fail(f"in a frame from {ra.eth_src}")


@case("kind-name", "names with dots", "an interface called tap-0123.45_678", seconds=5)
def kind_name(bench):
    lab = bench.make_lab(link=False)
    lab.add_link(ifname="tap-0123.45_678")
    bench.start(ifname="tap-0123.45_678")
    bench.first()


@case("kind-many-addresses", "netlink dumps of many parts", "1,000 addresses of one /64 are one prefix; the thousand and first, of another, is seen", seconds=10)
def kind_many_addresses(bench):
    lab = bench.make_lab()
    name = bench.link.ifname
    lab.router.ip(*(f"addr add {PREFIX}{n:x}/64 dev {name} nodad" for n in range(2, 1002)))
    bench.start(**SHORT)
    ra = bench.first()
    if {p.prefix for p in ra.prefixes} != {PREFIX}:
        raise Fail(str(ra))
    if bench.adapter.name == "autora":
        lab.router.ip(f"addr add {OTHER_PREFIX}1/64 dev {name} nodad")
        bench.forbid(time.time() + 0.05, time.time() + 4.5, "with two usable /64s")


@case("kind-many-routes", "netlink dumps of many parts", "behind 5,000 other routes a default route out of the interface is seen: silence", AUTORA, NAMED, seconds=8)
def kind_many_routes(bench):
    lab = bench.make_lab()
    other = lab.add_link(ifname="lan0", peer="guest1", mac="02:00:5e:00:01:05", prefix=OTHER_PREFIX)
    name = bench.link.ifname
    lab.router.ip(
        *(f"route add 2001:db8:{0x1000 + n:x}::/48 via {OTHER_PREFIX}9 dev {other.ifname}" for n in range(5000)),
        f"route add default via fe80::99 dev {name} metric 100000",
    )
    bench.start(**SHORT)
    began = time.time()
    for _ in range(3):
        bench.solicit("::")
        bench.forbid(began, time.time() + 1.3, "on an uplink")
    lab.router.ip(f"route del default dev {name}")
    bench.expect(began, 4.0, "after the route was gone")


@case("kind-overflow", "ENOBUFS of the netlink socket", "events that it could not receive: what they led to is advertised", seconds=14)
def kind_overflow(bench):
    lab = bench.make_lab()
    name = bench.link.ifname
    bench.start(**SHORT)
    bench.first()
    bench.daemon.signal(signal.SIGSTOP)
    burst = []
    for n in range(3000):
        burst += [f"addr add {PREFIX}bad/64 dev {name} nodad", f"addr del {PREFIX}bad/64 dev {name}"]
    lab.router.ip(*burst, f"addr del {PREFIX}1/64 dev {name}", f"addr add {OTHER_PREFIX}1/64 dev {name} nodad")
    bench.daemon.signal(signal.SIGCONT)
    when = time.time()
    ask_for(bench, 8)
    if not bench.adapter.follows_addresses:
        if not bench.capture.since(when):
            raise Fail("no RA")
        return
    if not any(pio.preferred for _, pio in mentions(bench, when, OTHER_PREFIX)):
        raise Fail("the new prefix is not advertised within 8 s")
    stale = [ra.time - when for ra, pio in mentions(bench, when + 0.05, PREFIX) if pio.preferred]
    if stale:
        raise Fail(f"the old prefix is still preferred after {stale[-1]:.1f} s")


@case("kind-two-guests", "RFC 4861 6.2.6", "solicitations of two guests 0.1 s apart: one answer", seconds=6)
def kind_two_guests(bench):
    bench.start()
    bench.ready()
    bench.quiet()
    macs = ("02:00:5e:00:02:31", "02:00:5e:00:02:32")
    began = time.time()
    for mac in macs:
        bench.link.sender.send(solicitation(mac, codec.link_local(mac)))
        bench.capture.listen_until(time.time() + 0.1)
    bench.capture.listen_until(began + 3.8)
    answers = bench.capture.since(began)
    # The second may come just after the answer to the first, and then waits for its 3 s.
    if not 1 <= len(answers) <= 2 or any(not ra.multicast for ra in answers):
        raise Fail(f"{len(answers)} answers")
