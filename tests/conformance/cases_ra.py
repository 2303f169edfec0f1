"""What an advertisement holds: RFC 4861 4.2, 4.6.2 and 6.2.3, RFC 4191 2.2, RFC 8319."""

import ipaddress

from conformance.case import Fail, case
from lab.codec import ALL_NODES, ALL_NODES_MAC, OPT_PIO
from lab.links import PREFIX

INFINITY = 0xFFFFFFFF
AUTORA = ("autora",)
CONTRACT = "what autora promises beyond the RFC: one prefix option and nothing else"


def differ(ra, **expected):
    """The case fails on the first attribute that is not as expected."""
    for name, value in expected.items():
        seen = getattr(ra, name)
        if seen != value:
            raise Fail(f"{name} is {seen!r}, not {value!r}")


@case("ra-valid", "RFC 4861 6.1.2, v6LC.2.2.5", "every RA passes a host's checks, asked for and not", seconds=10)
def ra_valid(bench):
    bench.start()
    bench.ready()
    bench.answer(bench.solicit)
    bench.answer(lambda: bench.solicit("::"))
    for ra in bench.capture.ras:
        differ(ra, src=bench.link.ll, eth_src=bench.link.mac, hop_limit=255, checksum_ok=True, code=0)
        differ(ra, option_error="", frame_excess=0)
        if ra.dst != ALL_NODES and ra.dst != bench.link.guest_ll:
            raise Fail(f"sent to {ra.dst}")
        if ra.dst == ALL_NODES and ra.eth_dst != ALL_NODES_MAC:
            raise Fail(f"ff02::1 in a frame to {ra.eth_dst}")
        for pio in ra.prefixes:
            differ(pio, other_flags=0, reserved2=0)
        if ra.flags & 0x3F:
            raise Fail(f"reserved or preference bits set: flags {ra.flags:#04x}")


@case("ra-configured", "RFC 4861 6.2.3", "the configured lifetimes, prefix and flags are what is sent")
def ra_configured(bench):
    bench.start(router_lifetime=1234, valid=7777, preferred=3333)
    ra = bench.first()
    differ(ra, lifetime=1234, reachable=0, retrans=0, flags=0)
    pio = ra.prefix(PREFIX)
    if not pio:
        raise Fail(f"no option for {PREFIX}/64: {ra}")
    differ(pio, length=64, valid=7777, on_link=False, autonomous=True)
    if bench.adapter.sets_preferred:
        differ(pio, preferred=3333)


@case("ra-contract", "autora contract", "exactly 48 octets: hop limit 0, one prefix option, no other", AUTORA, CONTRACT, seconds=5)
def ra_contract(bench):
    bench.start()
    ra = bench.first()
    differ(ra, dst=ALL_NODES, icmp_length=48, cur_hop_limit=0, flags=0, reachable=0, retrans=0, traffic_class_flow=0)
    if [kind for kind, _ in ra.options] != [OPT_PIO]:
        raise Fail(f"options {[kind for kind, _ in ra.options]}")


@case("ra-multicast-only", "RFC 4861 6.2.6", "a solicitation with a source address is answered to ff02::1, where the rate is limited", seconds=8)
def ra_multicast_only(bench):
    bench.start()
    bench.ready()
    _, ra = bench.answer(bench.solicit)
    if not ra:
        raise Fail("no answer within 0.5 s")
    if not ra.multicast:
        raise Fail(f"answered to {ra.dst}: as many unicast RAs as a guest asks for (answer-amplification)")


@case("ra-maximum", "RFC 8319 4, RFC 4861 6.2.1, v6LC.2.2.7 D", "router lifetime 65535 s with intervals of 1350 to 1800 s", seconds=6)
def ra_maximum(bench):
    bench.start(min_interval=1350, max_interval=1800, router_lifetime=65535)
    differ(bench.first(), lifetime=65535)


@case("ra-infinity", "RFC 4861 4.6.2, v6LC.2.2.7 D", "prefix lifetimes of 0xffffffff: infinite", seconds=6)
def ra_infinity(bench):
    bench.start(valid=INFINITY, preferred=INFINITY)
    ra = bench.first()
    pio = ra.prefix(PREFIX)
    if not pio:
        raise Fail(f"no option for {PREFIX}/64: {ra}")
    differ(pio, valid=INFINITY, preferred=INFINITY)


def one_prefix(name, rule, title, prefix, host):
    @case(name, rule, title, seconds=5)
    def body(bench):
        lab = bench.make_lab(link=False)
        link = lab.add_link(ready=False)
        link.up()
        link.address(prefix, host)
        link.await_link_local()
        bench.start(prefix=prefix)
        ra = bench.first()
        # Host bits are zero on the wire too (4.6.2): compared as sent, not masked.
        if [str(ipaddress.IPv6Address(prefix))] != [p.prefix for p in ra.prefixes]:
            raise Fail(f"prefixes {[p.prefix for p in ra.prefixes]}")


one_prefix("ra-prefix-zeros", "v6LC.2.2.7 E", "the prefix 8000::/64 of an address that ends in host bits", "8000::", "aa:bbcc:ddee:ff01")
one_prefix("ra-prefix-site", "RFC 3879 4, v6LC.2.2.7 F", "a prefix of the former site-local range, which is global now", "fec0:0:0:5::", "1")
one_prefix("ra-prefix-ula", "RFC 4193", "a unique-local prefix", "fd12:3456:789a:5::", "1")


@case("ra-prefix-64-only", "RFC 4862 5.5.3", "beside a /64, addresses of /128, /56 and /96 add no prefix that a guest cannot use", seconds=6)
def ra_prefix_64_only(bench):
    lab = bench.make_lab()
    name = bench.link.ifname
    lab.router.ip(
        f"addr add 2001:db8:5::1/128 dev {name} nodad",
        f"addr add 2001:db8:6::1/56 dev {name} nodad",
        f"addr add 2001:db8:7::1/96 dev {name} nodad",
    )
    bench.start()
    ra = bench.first()
    odd = [f"{p.prefix}/{p.length}" for p in ra.prefixes if p.length != 64 and p.autonomous]
    if odd:
        raise Fail(f"for autoconfiguration: {', '.join(odd)}")
    if not ra.prefix(PREFIX):
        raise Fail(f"no {PREFIX}/64: {ra}")


@case("ra-one-prefix-of-many", "autora contract", "three addresses of one /64 are one prefix option", seconds=5)
def ra_one_prefix_of_many(bench):
    bench.make_lab()
    bench.link.address(host="2")
    bench.link.address(host="a:b:c:d")
    bench.start()
    ra = bench.first()
    if [p.prefix for p in ra.prefixes] != [PREFIX]:
        raise Fail(f"prefixes {[p.prefix for p in ra.prefixes]}")
