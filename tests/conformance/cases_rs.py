"""Which solicitations are answered and which are not: RFC 4861 6.1.1, RFC 6980, and what an IP stack checks.

Each case has a link of its own.  The daemon's second advertisement is due 16 s after the first, so that
what comes within 0.5 s of a solicitation is its answer.  A daemon that advertises more often than that
may do so by chance just then: an unwanted answer counts when it comes twice.
"""

from conformance.case import Fail, case
from lab.codec import (
    ALL_ROUTERS,
    ALL_ROUTERS_MAC,
    EXT_DEST,
    EXT_FRAGMENT,
    EXT_HOP_BY_HOP,
    ICMPV6,
    ND_RS,
    OPT_NONCE,
    OPT_SLLAO,
    fragment_header,
    frame,
    icmp,
    ipv6,
    link_local,
    option,
    options_header,
    sllao,
)
from lab.links import GUEST_MAC

OTHER_MAC = "02:00:5e:00:09:09"


def unanswered(bench, send):
    """What `send` sends gets no answer, and a good solicitation right after it does."""
    bench.ready()
    for attempt in (1, 2):
        sent, ra = bench.answer(lambda: send(bench))
        if not ra:
            break
        if attempt == 2:
            raise Fail(f"answered after {ra.time - sent:.3f} s, twice")
    for attempt in (1, 2):
        if bench.answer(bench.solicit)[1]:
            return
    raise Fail("a good solicitation after it was not answered either")


def answered(bench, send):
    """What `send` sends is answered within MAX_RA_DELAY_TIME."""
    bench.ready()
    _, ra = bench.answer(lambda: send(bench))
    if not ra:
        raise Fail("no answer within 0.5 s")


def drops(name, rule, title, send, prepare=None):
    @case(f"rs-drop-{name}", rule, f"dropped: {title}")
    def body(bench):
        bench.make_lab()
        if prepare:
            prepare(bench)
        bench.start()
        unanswered(bench, send)


def accepts(name, rule, title, send):
    @case(f"rs-accept-{name}", rule, f"answered: {title}")
    def body(bench):
        bench.start()
        answered(bench, send)


# RFC 4861 6.1.1 --------------------------------------------------------------------------------------

drops("hop-limit", "RFC 4861 6.1.1, v6LC.2.2.4 A", "hop limit 254", lambda b: b.solicit(hop_limit=254))
drops("checksum", "RFC 4861 6.1.1, v6LC.2.2.4 B", "a wrong checksum", lambda b: b.solicit(bad_checksum=True))
drops("code", "RFC 4861 6.1.1, v6LC.2.2.4 C", "code 1", lambda b: b.solicit(code=1))
drops("short", "RFC 4861 6.1.1, v6LC.2.2.4 D", "6 octets of ICMPv6", lambda b: b.solicit(cut=6))
drops(
    "option-zero",
    "RFC 4861 6.1.1, v6LC.2.2.4 E",
    "an option of length 0",
    lambda b: b.solicit(options=bytes([OPT_SLLAO, 0]) + bytes(6)),
)
drops(
    "option-zero-later",
    "RFC 4861 6.1.1",
    "a good option, then an unknown one of length 0",
    lambda b: b.solicit(options=sllao(GUEST_MAC) + bytes([200, 0]) + bytes(6)),
)
drops(
    "option-past-end",
    "RFC 4861 6.1.1",
    "an option that ends past the packet",
    lambda b: b.solicit(options=bytes([OPT_SLLAO, 2]) + bytes(6)),
)
drops("trailing", "RFC 4861 6.1.1", "one octet after the last option", lambda b: b.solicit(trailing=b"\x01"))
drops(
    "unspecified-sllao",
    "RFC 4861 6.1.1, v6LC.2.2.4 F",
    "source `::` with a source link-layer address",
    lambda b: b.solicit("::", options=sllao(GUEST_MAC)),
)
drops(
    "unspecified-sllao-second",
    "RFC 4861 6.1.1",
    "source `::` with a source link-layer address as the second option",
    lambda b: b.solicit("::", options=option(OPT_NONCE, b"noncey") + sllao(GUEST_MAC)),
)

accepts("plain", "RFC 4861 6.2.6, v6LC.2.2.9 A", "no option at all", lambda b: b.solicit(options=b""))
accepts("unspecified", "RFC 4861 6.2.6, v6LC.2.2.6 B", "source `::`", lambda b: b.solicit("::"))
accepts("reserved", "RFC 4861 6.1.1", "reserved bits set", lambda b: b.solicit(reserved=0xFFFFFFFF))
accepts(
    "unknown-option",
    "RFC 4861 6.1.1",
    "unknown options before and after the known one",
    lambda b: b.solicit(options=option(200, b"?" * 14) + sllao(GUEST_MAC) + option(253, b"x" * 6)),
)
accepts(
    "unspecified-nonce",
    "RFC 4861 6.1.1",
    "source `::` with an option that is no link-layer address",
    lambda b: b.solicit("::", options=option(OPT_NONCE, b"noncey")),
)
accepts(
    "long",
    "RFC 4861 6.1.1",
    "1,208 octets of options",
    lambda b: b.solicit(options=b"".join(option(200, bytes(6)) for _ in range(150)) + sllao(GUEST_MAC)),
)
accepts("global-source", "RFC 4861 4.1", "a global source address", lambda b: b.solicit("2001:db8:1::77"))
accepts(
    "unicast",
    "RFC 4861 6.1.1",
    "sent to the router's own link-local address",
    lambda b: b.solicit(dst=b.link.ll, dst_mac=b.link.mac),
)
accepts(
    "padded",
    "RFC 2464 3",
    "link-layer padding after the packet (no part of it)",
    lambda b: b.solicit(padding=b"\xff" * 22),
)
accepts("priority-tag", "IEEE 802.1Q 6.9", "priority-tagged (VLAN 0): of the link's own network", lambda b: b.solicit(vlan=0xE000))
accepts(
    "extension-header",
    "RFC 8200 4",
    "behind a hop-by-hop options header",
    lambda b: b.solicit(extension=(EXT_HOP_BY_HOP, options_header(ICMPV6))),
)

accepts(
    "extension-destination",
    "RFC 8200 4",
    "behind a destination options header",
    lambda b: b.solicit(extension=(EXT_DEST, options_header(ICMPV6))),
)
accepts(
    "extension-chain",
    "RFC 8200 4",
    "behind a hop-by-hop and two destination options headers",
    lambda b: b.solicit(
        extension=(EXT_HOP_BY_HOP, options_header(EXT_DEST) + options_header(EXT_DEST) + options_header(ICMPV6))
    ),
)

# RFC 6980 5 ------------------------------------------------------------------------------------------


def atomic(dst=None):
    def send(bench):
        how = {"dst": bench.link.ll, "dst_mac": bench.link.mac} if dst == "unicast" else {}
        return bench.solicit(extension=(EXT_FRAGMENT, fragment_header(ICMPV6)), **how)

    return send


def in_fragments(bench):
    """One good solicitation in two fragments of 16 and 8 octets."""
    link, dst = bench.link, ALL_ROUTERS
    message = icmp(link.guest_ll, dst, ND_RS, 0, bytes(4) + sllao(link.guest_mac) + option(200, bytes(6)))
    sent = []
    for part, offset, more in ((message[:16], 0, True), (message[16:], 16, False)):
        payload = fragment_header(ICMPV6, offset, more) + part
        packet = ipv6(link.guest_ll, dst, payload, EXT_FRAGMENT)
        sent.append(link.sender.send(frame(link.guest_mac, ALL_ROUTERS_MAC, packet)))
    return sent[0]


drops("atomic-fragment", "RFC 6980 5, v6LC.2.2.26 B", "an atomic fragment to ff02::2", atomic())
drops("atomic-unicast", "RFC 6980 5, v6LC.2.2.26 B", "an atomic fragment to the router's address", atomic("unicast"))
drops("fragments", "RFC 6980 5, v6LC.2.2.27 B", "a solicitation in two fragments", in_fragments)
drops(
    "atomic-behind-options",
    "RFC 6980 5",
    "an atomic fragment behind a destination options header",
    lambda b: b.solicit(extension=(EXT_DEST, options_header(EXT_FRAGMENT) + fragment_header(ICMPV6))),
)

# What the kernel checks for a raw socket, and a packet socket must check for itself --------------------

drops("cut-frame", "RFC 8200 3", "a payload length beyond the frame", lambda b: b.solicit(claim=8))
drops("vlan", "IEEE 802.1Q", "tagged with VLAN 5, so of another network", lambda b: b.solicit(vlan=5))
drops("vlan-priority", "IEEE 802.1Q", "tagged with VLAN 4094 and a priority", lambda b: b.solicit(vlan=0xEFFE))
drops("multicast-source", "RFC 4291 2.7", "a multicast source address", lambda b: b.solicit("ff02::1", options=b""))
drops("loopback-source", "RFC 4291 2.5.3", "source `::1`", lambda b: b.solicit("::1", options=b""))


def promiscuous(bench):
    """As a capture on the router, or its being a bridge port, makes the interface."""
    bench.lab.router.ip(f"link set {bench.link.ifname} promisc on")


drops(
    "other-host",
    "RFC 8200 3",
    "addressed to another node of the link, seen in promiscuous mode",
    lambda b: b.solicit(dst=link_local(OTHER_MAC), dst_mac=OTHER_MAC),
    promiscuous,
)
drops(
    "other-mac",
    "RFC 2464 6",
    "to ff02::2 inside a frame for another station, seen in promiscuous mode",
    lambda b: b.solicit(dst_mac=OTHER_MAC),
    promiscuous,
)
