"""Which source an advertisement has: RFC 4861 4.2, 6.1.2 and 6.2.8, RFC 4862 5.4."""

import time

from conformance.case import SLACK, Fail, case
from lab.capture import Capture
from lab.codec import ND_NS, ND_RA, link_local
from lab.links import PREFIX

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)
OTHER = "fe80::1"
TENTATIVE = "the RFCs forbid only the source; autora also waits with the prefix"


def invalid_source(ra):
    return not ra.src.startswith("fe80:")


def solicit_for(bench, seconds):
    """Solicitations once a second, from both kinds of source."""
    until = time.time() + seconds
    while time.time() < until:
        bench.solicit("::")
        bench.solicit()
        bench.capture.listen_until(time.time() + 1.0)


@case("source-second-added", "radvd 131, odhcpd PR 297", "another link-local address does not change the source", seconds=12)
def source_second_added(bench):
    bench.start(**SHORT)
    first = bench.first()
    bench.lab.router.ip(f"addr add {OTHER}/64 dev {bench.link.ifname} nodad")
    added = time.time()
    solicit_for(bench, 9)
    seen = bench.capture.since(added)
    if not seen:
        raise Fail("no RA after it was added")
    wrong = [ra for ra in seen if ra.src != first.src]
    if wrong:
        raise Fail(f"{len(wrong)} of {len(seen)} from {wrong[0].src}, not {first.src}: to a guest that is another router")


@case("source-removed", "RFC 4861 6.2.8", "the source is removed: within 4 s the other one advertises, and nothing bears the old one", seconds=12)
def source_removed(bench):
    lab = bench.make_lab()
    bench.start(**SHORT)
    first = bench.first()
    lab.router.ip(f"addr add {OTHER}/64 dev {bench.link.ifname} nodad")
    bench.capture.listen_until(first.time + 3.5)
    old = bench.capture.ras[-1].src
    removed = time.time()
    lab.router.ip(f"addr del {old}/64 dev {bench.link.ifname}")
    new = OTHER if old != OTHER else bench.link.ll
    bench.solicit("::")
    bench.expect(removed, 4.0, f"from {new} after {old} was removed", lambda ra: ra.src == new and ra.lifetime)
    solicit_for(bench, 5)
    kept = [ra for ra in bench.capture.since(removed + 0.05) if ra.src == old and ra.lifetime]
    if kept:
        raise Fail(f"still from {old} {kept[0].time - removed:.2f} s after it was removed")


@case("source-none", "RFC 4861 6.1.2", "without a link-local address nothing is sent, and then everything is again", seconds=14)
def source_none(bench):
    lab = bench.make_lab()
    bench.start(**SHORT)
    bench.first()
    lab.router.ip(f"addr del {bench.link.ll}/64 dev {bench.link.ifname}")
    removed = time.time()
    solicit_for(bench, 6)
    wrong = [ra for ra in bench.capture.since(removed) if invalid_source(ra)]
    if wrong:
        raise Fail(f"from {wrong[0].src}: every host drops it")
    if bench.capture.since(removed + 0.02):
        raise Fail("from a link-local address that is not there")
    back = time.time()
    lab.router.ip(f"addr add {bench.link.ll}/64 dev {bench.link.ifname} nodad")
    bench.solicit("::")
    bench.expect(back, 4.0 + SLACK, "after the address was back")


@case("source-tentative", "RFC 4862 5.4", "nothing is sent before duplicate address detection is over", seconds=7)
def source_tentative(bench):
    lab = bench.make_lab(dad=True, link=False)
    link = lab.add_link(ready=False)
    lab.guest.ip(f"link set {link.peer} up")
    probes = Capture(lab.guest, link.peer, (ND_NS, ND_RA))
    lab.router.ip(f"link set {link.ifname} up")
    link.address()
    bench.start(**SHORT)
    asked = time.time()
    while time.time() < asked + 0.9:
        bench.solicit("::")
        bench.capture.listen_until(time.time() + 0.1)
    ra = bench.expect(asked, 4.5, "after detection had time to end")
    probes.drain()
    probe = [when for when, raw in probes.frames if raw[54] == ND_NS and raw[22:38] == bytes(16)]
    if invalid_source(ra):
        raise Fail(f"from {ra.src}")
    # RetransTimer (1 s) after the one probe the address is unique (5.4); timers of the kernel are coarse.
    if not probe or ra.time - probe[0] < 0.98:
        raise Fail(f"{ra.time - probe[0]:.2f} s after the probe for {ra.src}" if probe else "no probe was seen")


@case("source-duplicate", "RFC 4862 5.4.5", "a link-local address that the guest has too is never the source", seconds=9)
def source_duplicate(bench):
    lab = bench.make_lab(dad=True, link=False)
    link = lab.add_link(ready=False)
    lab.guest.ip(f"link set {link.peer} up", f"addr add {link.ll}/64 dev {link.peer} nodad")
    lab.router.ip(f"link set {link.ifname} addrgenmode none", f"link set {link.ifname} up")
    # Else the guest may hear the probe before it can object.
    link.await_running()
    lab.router.ip(f"addr add {link.ll}/64 dev {link.ifname}")
    link.address()
    bench.start(**SHORT)
    solicit_for(bench, 6)
    if bench.capture.ras:
        raise Fail(str(bench.capture.ras[0]))


@case("prefix-duplicate", "autora contract", "a prefix whose only address failed duplicate detection is not advertised", AUTORA, TENTATIVE, seconds=9)
def prefix_duplicate(bench):
    lab = bench.make_lab(dad=True, link=False)
    link = lab.add_link(ready=False)
    lab.guest.ip(f"link set {link.peer} up", f"addr add {PREFIX}1/64 dev {link.peer} nodad")
    lab.router.ip(f"link set {link.ifname} up")
    link.await_link_local()
    link.await_running()
    link.address(how="")
    bench.start(**SHORT)
    solicit_for(bench, 5)
    if bench.capture.ras:
        raise Fail(str(bench.capture.ras[0]))


@case("source-changed-mac", "RFC 4861 6.2.8", "a new MAC and link-local address: RAs bear both within 4 s", seconds=12)
def source_changed_mac(bench):
    lab = bench.make_lab()
    bench.start(**SHORT)
    bench.first()
    mac = "02:00:5e:00:01:77"
    new = link_local(mac)
    lab.router.ip(
        f"link set {bench.link.ifname} down",
        f"link set {bench.link.ifname} address {mac}",
        f"link set {bench.link.ifname} up",
    )
    bench.link.await_link_local()
    changed = time.time()
    bench.link.address()
    bench.solicit("::")
    ra = bench.expect(changed, 4.5, f"from {new}", lambda ra: ra.src == new and ra.prefixes)
    if ra.eth_src != mac:
        raise Fail(f"in a frame from {ra.eth_src}")
