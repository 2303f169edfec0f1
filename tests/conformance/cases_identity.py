"""An interface is more than its name or its index: taps are deleted, re-created, renamed and moved."""

import signal
import time

from conformance.case import SLACK, Fail, case
from lab.codec import link_local
from lab.links import OTHER_PREFIX, Link

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)
ENDS = "it serves an interface by name for as long as it runs"


def serve_again(bench, timeout):
    """Bring the re-created interface up; an RA must come, from a new process if the old one has ended."""
    link = bench.link
    link.conf("forwarding", 1)
    link.up()
    link.address()
    link.await_link_local()
    ready = time.time()
    # As a service manager does: a new process for the new interface.
    status = bench.daemon.wait(0.5)
    if status is not None:
        bench.daemon.start()
    ra = link.capture.next_ra(ready - 1, timeout)
    if not ra:
        raise Fail(f"no RA on the new interface within {timeout:g} s")
    if ra.src != link.ll:
        raise Fail(f"source {ra.src}, not that of the new interface")
    return status


@case("tap-recreated", "radvd 31, odhcpd 230", "a re-created interface of the same name is served again within 4 s", seconds=10)
def tap_recreated(bench):
    bench.start(**SHORT)
    bench.first()
    bench.link.delete()
    time.sleep(0.5)
    if bench.adapter.name == "autora" and bench.daemon.wait(0) != 0:
        raise Fail(f"exit status {bench.daemon.wait(0)} half a second after the interface was deleted, not 0")
    bench.link.mac = "02:00:5e:00:01:44"
    bench.link.ll = link_local(bench.link.mac)
    bench.link.create()
    serve_again(bench, 4.0)


@case("tap-recreated-unseen", "radvd 31, odhcpd 230", "the same when it was re-created before the daemon could look", seconds=10)
def tap_recreated_unseen(bench):
    bench.start(**SHORT)
    bench.first()
    bench.daemon.signal(signal.SIGSTOP)
    bench.link.delete()
    bench.link.create()
    bench.daemon.signal(signal.SIGCONT)
    status = serve_again(bench, 4.0)
    if bench.adapter.name == "autora" and status != 75:
        raise Fail(f"exit status {status}, not 75 (start me again)")


@case("tap-recreated-same-index", "radvd 25", "the same when even its index is the old one", seconds=10)
def tap_recreated_same_index(bench):
    bench.make_lab()
    index = bench.link.index
    bench.start(**SHORT)
    bench.first()
    bench.daemon.signal(signal.SIGSTOP)
    bench.link.delete()
    bench.link.create(index)
    assert bench.link.index == index
    bench.daemon.signal(signal.SIGCONT)
    serve_again(bench, 4.0)


@case("moved-and-back", "radvd 31", "an interface moved to another namespace and back is served again within 4 s", seconds=10)
def moved_and_back(bench):
    lab = bench.make_lab()
    home = lab.router.path
    bench.start(**SHORT)
    bench.first()
    name = bench.link.ifname
    bench.daemon.signal(signal.SIGSTOP)
    lab.router.run("ip", "link", "set", name, "netns", lab.guest.path)
    lab.guest.run("ip", "link", "set", name, "netns", home)
    bench.daemon.signal(signal.SIGCONT)
    serve_again(bench, 4.0)


@case("index-reused", "radvd 25, odhcpd 135", "nothing is sent on another interface that got the deleted one's index", seconds=12)
def index_reused(bench):
    lab = bench.make_lab()
    index = bench.link.index
    bench.start(**SHORT)
    bench.first()
    # Stopped, so that no event can warn it before its next send.
    bench.daemon.signal(signal.SIGSTOP)
    bench.link.delete()
    other = Link.__new__(Link)
    other.lab, other.ifname, other.peer = lab, "lan0", "guest1"
    other.mac, other.guest_mac = "02:00:5e:00:01:05", "02:00:5e:00:02:06"
    other.ll, other.guest_ll = link_local(other.mac), link_local(other.guest_mac)
    other.create(index)
    lab.links.insert(0, other)
    other.conf("forwarding", 1)
    other.up()
    other.address(OTHER_PREFIX)
    other.await_link_local()
    assert other.index == index
    bench.daemon.signal(signal.SIGCONT)
    began = time.time()
    for _ in range(4):
        bench.solicit()
        bench.forbid(began, time.time() + 1.7, "on an interface that it was not told to serve")


@case("renamed", "radvd 25", "an interface renamed away is no longer served", seconds=8)
def renamed(bench):
    lab = bench.make_lab()
    bench.start(**SHORT)
    bench.first()
    lab.router.run("ip", "link", "set", bench.link.ifname, "name", "lan0")
    when = time.time()
    if bench.adapter.name == "autora":
        status = bench.daemon.wait(0.1 + SLACK)
        if status != 0:
            raise Fail(f"exit status {status} within 0.1 s, not 0")
    bench.forbid(when + 0.1, when + 5, "on the renamed interface")


@case("moved", "autora contract", "an interface moved to another namespace ends the process within 0.1 s", AUTORA, ENDS, seconds=8)
def moved(bench):
    lab = bench.make_lab()
    bench.start(**SHORT)
    bench.first()
    # Stopped, so that a send can come before the news.
    lab.router.run("ip", "link", "set", bench.link.ifname, "netns", lab.guest.path)
    when = time.time()
    status = bench.daemon.wait(0.1 + SLACK)
    if status != 0:
        raise Fail(f"exit status {status} within 0.1 s, not 0")
    lab.guest.sysctl(f"conf/{bench.link.ifname}/forwarding", 1)
    lab.guest.ip(f"link set {bench.link.ifname} up", f"addr add 2001:db8:1::1/64 dev {bench.link.ifname} nodad")
    bench.forbid(when, when + 4.5, "from its new namespace")


@case("second-interface", "RFC 4861 6.2.2, v6LC.2.2.6 B", "solicitations on an interface that is not served get nothing", seconds=9)
def second_interface(bench):
    lab = bench.make_lab()
    other = lab.add_link(ifname="tap-cf1", peer="guest1", mac="02:00:5e:00:01:05", prefix=OTHER_PREFIX)
    bench.start(**SHORT)
    bench.first()
    for _ in range(3):
        other.sender.solicit(other.guest_ll)
        other.sender.solicit("::")
        bench.capture.listen_until(time.time() + 1.3)
    other.capture.drain()
    if other.capture.ras:
        raise Fail(f"on the other interface: {other.capture.ras[0]}")
    bench.expect(bench.solicit(), 4.0, "after a solicitation on its own interface")


@case("not-matching", "RFC 4861 6.2.2, v6LC.2.2.6 A", "an interface that the pattern does not name: status 78 and silence", AUTORA, "it has no pattern", seconds=5)
def not_matching(bench):
    lab = bench.make_lab(link=False)
    link = lab.add_link(ifname="eth-cf0")
    bench.start(ifname="eth-cf0")
    status = bench.daemon.wait(2)
    if status != 78:
        raise Fail(f"exit status {status}, not 78")
    link.sender.solicit(link.guest_ll)
    bench.forbid(0, time.time() + 1.5, "on an interface that the pattern does not name")


@case("claim", "autora contract", "a second autora for the interface ends with 78, the first goes on", AUTORA, "the claim is autora's", seconds=12)
def claim(bench):
    bench.start(**SHORT)
    bench.first()
    second = bench.start(**SHORT)
    status = second.wait(2)
    if status != 78:
        raise Fail(f"exit status {status} of the second, not 78")
    bench.expect(time.time(), 4.0 + SLACK, "from the first after the second ended")
    bench.daemon.kill()
    bench.daemons.reverse()
    second.start()
    # The claim dies with its process, however it died.
    bench.expect(second.started, 4.5, "after the first was killed and the second started again")
