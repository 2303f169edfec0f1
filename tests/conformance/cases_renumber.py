"""Prefixes that change, run out or go away: RFC 4192, RFC 9096 3.3 and 3.5, RFC 4862 5.5.3.

A guest follows what it is told: an old prefix that is merely no longer mentioned stays its preferred
source for as long as it was last promised.
"""

import time

from conformance.case import Fail, NotApplicable, case
from lab.links import OTHER_PREFIX, PREFIX

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)
TWO_HOURS = 7200
CONTRACT = "it advertises every prefix that it finds; autora promises exactly one"


def start(bench, **how):
    if not bench.adapter.follows_addresses:
        raise NotApplicable("its prefixes are configured, not read from the interface")
    bench.make_lab(link=False)
    link = bench.lab.add_link(ready=False)
    link.up()
    link.address(**how)
    link.await_link_local()
    bench.start(**SHORT)
    bench.first()
    bench.capture.listen_until(time.time() + 0.5)
    return link


def ask_for(bench, seconds):
    """Solicitations every second, for daemons that would otherwise be silent for longer than the case lasts."""
    until = time.time() + seconds
    while time.time() < until:
        bench.solicit("::")
        bench.capture.listen_until(min(until, time.time() + 1.0))


def mentions(bench, since, prefix):
    return [(ra, ra.prefix(prefix)) for ra in bench.capture.since(since) if ra.prefix(prefix)]


def check_withdrawn(bench, since, prefix, remaining=86400, within=8.0):
    """The prefix is deprecated on the wire, usefully: preferred 0, valid bounded, and A still set."""
    told = mentions(bench, since, prefix)
    if not told:
        raise Fail(f"{prefix}/64 is not mentioned again: guests prefer it for as long as it was promised")
    for ra, pio in told:
        if pio.preferred:
            raise Fail(f"{prefix}/64 still preferred for {pio.preferred} s, {ra.time - since:.2f} s after it was gone")
        if pio.valid > min(TWO_HOURS, remaining):
            raise Fail(f"{prefix}/64 promised for {pio.valid} s more, of {min(TWO_HOURS, remaining)} s at most")
        if not pio.autonomous:
            raise Fail(f"{prefix}/64 with the A flag clear: guests ignore the option (RFC 4862 5.5.3)")
    if told[0][0].time - since > within:
        raise Fail(f"withdrawn only after {told[0][0].time - since:.1f} s")


def check_advertised(bench, since, prefix):
    told = mentions(bench, since, prefix)
    if not told or not any(pio.preferred for _, pio in told):
        raise Fail(f"{prefix}/64 is not advertised as preferred")


def check_one_each(bench, since):
    """autora puts exactly one prefix option into each RA, renumbering or not."""
    if bench.adapter.name == "autora":
        odd = [ra for ra in bench.capture.since(since) if len(ra.prefixes) != 1]
        if odd:
            raise Fail(f"{len(odd[0].prefixes)} prefix options in one RA: {odd[0]}")


@case("renumber-replaced", "RFC 9096 3.5, radvd 91, systemd 29651", "the address is replaced by one of another /64: old deprecated, new preferred", seconds=16)
def renumber_replaced(bench):
    link = start(bench)
    when = time.time()
    link.no_address()
    link.address(OTHER_PREFIX)
    ask_for(bench, 11)
    check_advertised(bench, when, OTHER_PREFIX)
    check_withdrawn(bench, when, PREFIX)
    check_one_each(bench, when)


@case("renumber-removed", "RFC 9096 3.5", "the address is removed and none follows: its prefix is deprecated", seconds=14)
def renumber_removed(bench):
    link = start(bench)
    when = time.time()
    link.no_address()
    ask_for(bench, 8)
    check_withdrawn(bench, when, PREFIX)


@case("renumber-remaining", "RFC 9096 3.3, RFC 4862 5.5.3", "a replaced address that had 1,000 s left: no more than that is promised", seconds=16)
def renumber_remaining(bench):
    link = start(bench, valid=1000, preferred=900)
    when = time.time()
    link.no_address()
    link.address(OTHER_PREFIX)
    ask_for(bench, 9)
    check_withdrawn(bench, when, PREFIX, remaining=1000)


@case("renumber-graceful", "RFC 4192 2.2 to 2.6", "old address deprecated beside a new one: each is advertised as what it is", seconds=16)
def renumber_graceful(bench):
    link = start(bench)
    link.address(OTHER_PREFIX)
    bench.lab.router.ip(f"addr change {PREFIX}1/64 dev {link.ifname} valid_lft 5000 preferred_lft 0")
    when = time.time()
    ask_for(bench, 11)
    check_advertised(bench, when, OTHER_PREFIX)
    # A first RA may have been under way between the two commands.
    check_withdrawn(bench, when + 0.05, PREFIX, remaining=5000)
    check_one_each(bench, when)


@case("renumber-back", "RFC 4192", "replaced and put back: the first prefix ends preferred, the second deprecated", seconds=24)
def renumber_back(bench):
    link = start(bench)
    link.no_address()
    link.address(OTHER_PREFIX)
    ask_for(bench, 7)
    when = time.time()
    link.no_address(OTHER_PREFIX)
    link.address(PREFIX)
    ask_for(bench, 11)
    told = mentions(bench, when + 0.05, PREFIX)
    if not told:
        raise Fail(f"{PREFIX}/64 is not advertised again")
    if any(pio.preferred == 0 for _, pio in told):
        raise Fail(f"{PREFIX}/64 is deprecated on the wire although its address is back")
    check_withdrawn(bench, when + 0.05, OTHER_PREFIX)


@case("lifetime-remaining", "RFC 9096 3.3", "lifetimes never exceed what is left of the interface's address", seconds=14)
def lifetime_remaining(bench):
    start(bench, valid=300, preferred=100)
    # Added before the daemon started: what is left at any RA is at most this, counted from here.
    base = bench.daemon.started
    ask_for(bench, 9)
    for ra, pio in mentions(bench, base, PREFIX):
        spent = ra.time - base
        # The kernel tells whole seconds, so up to one more may be left than was added.
        if pio.valid > 300 - spent + 1 or pio.preferred > 100 - spent + 1:
            raise Fail(f"valid {pio.valid} s and preferred {pio.preferred} s, {spent:.1f} s into 300 and 100 s")
    last = mentions(bench, base, PREFIX)[-1][1]
    if last.valid < 280 or last.preferred < 80:
        raise Fail(f"valid {last.valid} s and preferred {last.preferred} s: much less than was left")


@case("lifetime-expiry", "RFC 9096 3.3", "an address that runs out takes its prefix with it; one that is renewed does not", seconds=22)
def lifetime_expiry(bench):
    link = start(bench, valid=12, preferred=6)
    base = bench.daemon.started
    renewed = time.time()
    bench.lab.router.ip(f"addr change {PREFIX}1/64 dev {link.ifname} valid_lft 400 preferred_lft 300")
    ask_for(bench, 4.5)
    if not any(pio.preferred > 200 for _, pio in mentions(bench, renewed, PREFIX)):
        raise Fail("a renewal of the address is not advertised within 4.5 s")
    bench.lab.router.ip(f"addr change {PREFIX}1/64 dev {link.ifname} valid_lft 8 preferred_lft 4")
    short = time.time()
    ask_for(bench, 12)
    for ra, pio in mentions(bench, short + 0.05, PREFIX):
        if pio.preferred > max(0, 4 - (ra.time - short)) + 1 or pio.valid > max(0, 8 - (ra.time - short)) + 1:
            raise Fail(f"valid {pio.valid} s and preferred {pio.preferred} s, {ra.time - short:.1f} s into 8 and 4 s")
    assert base < renewed


@case("renumber-guest", "RFC 4862 5.5.3, RFC 9096 3.5", "a Linux guest prefers its new address within 8 s of a replacement", seconds=14)
def renumber_guest(bench):
    if not bench.adapter.follows_addresses:
        raise NotApplicable("its prefixes are configured, not read from the interface")
    lab = bench.make_lab()
    for name in ("autoconf", "accept_ra"):
        lab.guest.sysctl(f"conf/guest0/{name}", 1)

    def of(prefix):
        shown = lab.guest.ip_json("addr", "show", "dev", "guest0")[0]["addr_info"]
        return next((a for a in shown if a and a["local"].startswith(prefix[:-1])), None)

    bench.start(**SHORT)
    bench.first()
    # Its kernel may have been too busy with the new link for the very first RA.
    asked = time.time()
    while not of(PREFIX):
        ask_for(bench, 1)
        if time.time() - asked > 6:
            raise Fail("the guest has no address of the first prefix")
    bench.link.no_address()
    bench.link.address(OTHER_PREFIX)
    ask_for(bench, 8)
    old, new = of(PREFIX), of(OTHER_PREFIX)
    if not new or new.get("deprecated"):
        raise Fail("the guest has no preferred address of the new prefix")
    if old and not old.get("deprecated"):
        raise Fail(f"the guest's old address is still preferred, for {old['preferred_life_time']} s")


@case("ambiguous", "autora contract", "a second usable /64: silence without a withdrawal, until one of them goes", AUTORA, CONTRACT, seconds=18)
def ambiguous(bench):
    link = start(bench)
    link.address(OTHER_PREFIX)
    when = time.time()
    bench.solicit("::")
    bench.forbid(when + 0.05, when + 6, "with two usable /64s")
    one = time.time()
    bench.lab.router.ip(f"addr change {OTHER_PREFIX}1/64 dev {link.ifname} valid_lft 3600 preferred_lft 0")
    ra = bench.expect(one, 4.5, "after the second was deprecated", lambda ra: ra.prefix(PREFIX))
    if not ra.prefix(PREFIX).preferred:
        raise Fail("the first /64 is advertised as deprecated")
    told = mentions(bench, one, OTHER_PREFIX)
    if any(pio.preferred for _, pio in told):
        raise Fail("the deprecated /64 is advertised as preferred")
