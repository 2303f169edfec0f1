"""Changes that come faster than advertisements may follow, or while nothing can be sent.

What a router still meant to say must give way to what is true when it may speak again.
"""

import signal
import time

from conformance.case import MIN_DELAY_BETWEEN_RAS, NOISE, Fail, NotApplicable, case
from conformance.cases_answer import gaps
from conformance.cases_life import stopped
from conformance.cases_renumber import ask_for, check_advertised, check_one_each, check_withdrawn, mentions, start
from lab.links import OTHER_PREFIX, PREFIX

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)
THIRD_PREFIX = "2001:db8:3::"
WAITS = "how it ends is its service manager's business"


@case("blip-forwarding", "RFC 4861 6.2.5", "forwarding off for 0.2 s: a default router to its guests soon after, for good", seconds=12)
def blip_forwarding(bench):
    bench.start(**SHORT)
    bench.first()
    bench.capture.listen_until(time.time() + 0.5)
    bench.link.conf("forwarding", 0)
    time.sleep(0.2)
    bench.link.conf("forwarding", 1)
    on = time.time()
    ask_for(bench, 8)
    last_zero = max((ra.time for ra in bench.capture.since(on + 0.05, lifetime=0)), default=None)
    if last_zero:
        raise Fail(f"withdrawn {last_zero - on:.2f} s after forwarding was on again")
    if not bench.capture.since(on):
        raise Fail("no RA within 8 s")


@case("blip-address", "RFC 4192", "an address removed and put back within 0.1 s: its prefix is never deprecated", seconds=12)
def blip_address(bench):
    link = start(bench)
    link.no_address()
    link.address()
    back = time.time()
    ask_for(bench, 8)
    told = mentions(bench, back + 0.05, PREFIX)
    if any(not pio.preferred for _, pio in told):
        raise Fail("deprecated although it is back")
    check_advertised(bench, back, PREFIX)


@case("blip-carrier", "RFC 4861 6.2.6; flapping links", "a carrier that flaps for 10 s: 3 s between RAs, and one within 3.5 s of the end", seconds=18)
def blip_carrier(bench):
    bench.start()
    first = bench.first()
    while time.time() < first.time + 10:
        bench.link.guest_down()
        bench.capture.listen_until(time.time() + 0.3)
        bench.link.guest_up()
        bench.capture.listen_until(time.time() + 0.2)
    bench.link.guest_down()
    last = time.time()
    bench.link.guest_up()
    bench.expect(last, 3.5, "after the carrier had come for good")
    if min(gaps(bench.capture.ras)) < MIN_DELAY_BETWEEN_RAS - NOISE:
        raise Fail(f"RAs {min(gaps(bench.capture.ras)):.3f} s apart")


@case("blip-burst", "RFC 4861 6.2.4", "with intervals of 198 to 600 s a changed prefix is told at once; new and old twice within 40 s", seconds=80)
def blip_burst(bench):
    if not bench.adapter.follows_addresses:
        raise NotApplicable("its prefixes are configured, not read from the interface")
    bench.start(min_interval=198, max_interval=600, router_lifetime=1800)
    first = bench.first()
    # The initial advertisements are over after 32 s.
    bench.capture.listen_until(first.time + 36)
    when = time.time()
    bench.link.no_address()
    bench.link.address(OTHER_PREFIX)
    bench.expect(when, 3.5, "with the new prefix", lambda ra: ra.prefix(OTHER_PREFIX))
    bench.capture.listen_until(when + 40)
    new = [pio for _, pio in mentions(bench, when, OTHER_PREFIX) if pio.preferred]
    old = [pio for _, pio in mentions(bench, when, PREFIX) if not pio.preferred and pio.autonomous]
    # One of each may be lost; the next interval may be ten minutes long.
    if len(new) < 2 or len(old) < 2:
        raise Fail(f"the new prefix was told {len(new)} times within 40 s, the old one's end {len(old)} times")


@case("renumber-twice", "RFC 9096 3.5", "replaced twice within 5 s: both old prefixes end deprecated", seconds=26)
def renumber_twice(bench):
    link = start(bench)
    when = time.time()
    link.no_address()
    link.address(OTHER_PREFIX)
    # Long enough for the second prefix to have been advertised.
    if not bench.capture.wait(lambda: any(p.preferred for _, p in mentions(bench, when, OTHER_PREFIX)), 8):
        raise Fail("the second prefix is not advertised within 8 s")
    again = time.time()
    link.no_address(OTHER_PREFIX)
    link.address(THIRD_PREFIX)
    ask_for(bench, 15)
    check_advertised(bench, again, THIRD_PREFIX)
    check_withdrawn(bench, when, PREFIX, within=12)
    check_withdrawn(bench, again + 0.05, OTHER_PREFIX, within=12)
    check_one_each(bench, when)


def renumber_restart(name, number, how):
    @case(f"renumber-{name}", "RFC 9096 3.5", f"replaced between {how} and the next start: the old prefix is deprecated", seconds=16)
    def body(bench):
        link = start(bench)
        # Time to note down what it told.
        bench.capture.listen_until(time.time() + 0.3)
        bench.daemon.signal(number or bench.adapter.restart_signal())
        if bench.daemon.wait(5) is None:
            raise Fail("still running 5 s after the signal")
        link.no_address()
        link.address(OTHER_PREFIX)
        when = time.time()
        bench.daemon.start()
        ask_for(bench, 11)
        check_advertised(bench, when, OTHER_PREFIX)
        check_withdrawn(bench, when, PREFIX)
        check_one_each(bench, when)


renumber_restart("restart", None, "a restart's end")
renumber_restart("crash", signal.SIGKILL, "a SIGKILL")
renumber_restart("stop", signal.SIGTERM, "a stop")


@case("renumber-unheard", "RFC 9096 3.5", "replaced while the guest is away: it is told of both when it is back", seconds=24)
def renumber_unheard(bench):
    link = start(bench)
    bench.capture.listen_until(time.time() + 3)
    link.guest_down()
    time.sleep(0.3)
    link.no_address()
    link.address(OTHER_PREFIX)
    bench.capture.listen_until(time.time() + 4)
    when = time.time()
    link.guest_up()
    ask_for(bench, 11)
    check_advertised(bench, when, OTHER_PREFIX)
    check_withdrawn(bench, when, PREFIX)


@case("renumber-deprecated", "RFC 4192 2.4, RFC 4862 5.5.4", "the only address is deprecated, and later preferred again: so is its prefix", seconds=20)
def renumber_deprecated(bench):
    link = start(bench)
    when = time.time()
    bench.lab.router.ip(f"addr change {PREFIX}1/64 dev {link.ifname} valid_lft 5000 preferred_lft 0")
    ask_for(bench, 8)
    check_withdrawn(bench, when + 0.05, PREFIX, remaining=5000)
    again = time.time()
    bench.lab.router.ip(f"addr change {PREFIX}1/64 dev {link.ifname} valid_lft forever preferred_lft forever")
    ask_for(bench, 5)
    told = mentions(bench, again + 0.05, PREFIX)
    if not told or not all(pio.preferred for _, pio in told):
        raise Fail("not advertised as preferred again")


@case("renumber-countdown", "RFC 4862 5.5.3", "a withdrawn prefix's valid lifetime runs down from one RA to the next", seconds=20)
def renumber_countdown(bench):
    link = start(bench, valid=600, preferred=500)
    when = time.time()
    link.no_address()
    ask_for(bench, 14)
    told = mentions(bench, when, PREFIX)
    if not told:
        raise Fail("the prefix is not mentioned again")
    for ra, pio in told:
        # Repeating 600 s each time would keep the address for ever.
        if pio.valid > 600 - (ra.time - bench.daemon.started) + 1.5:
            raise Fail(f"valid for {pio.valid} s, {ra.time - when:.1f} s after an address with less than 600 s was removed")


def stop_without(name, title, prepare):
    @case(name, "autora contract", title, AUTORA, WAITS, seconds=10)
    def body(bench):
        bench.start(**SHORT)
        bench.first()
        bench.capture.listen_until(time.time() + 0.3)
        prepare(bench)
        began = time.time()
        stopped(bench, 7.0)
        if time.time() - began > 4.5:
            raise Fail(f"it took {time.time() - began:.1f} s")


def no_sending(bench):
    rule = f"type filter hook egress device {bench.link.ifname} priority 0; policy drop;"
    bench.lab.router.run("nft", "add", "table", "netdev", "wall")
    bench.lab.router.run("nft", "add", "chain", "netdev", "wall", "out", "{", rule, "}")


stop_without("stop-no-carrier", "SIGTERM without a carrier ends it within 4.5 s", lambda b: b.link.guest_down())
stop_without("stop-drop", "SIGTERM while no packet can be sent ends it within 4.5 s", no_sending)
stop_without(
    "stop-admin-down",
    "SIGTERM with the interface down ends it within 4.5 s",
    lambda b: b.lab.router.ip(f"link set {b.link.ifname} down"),
)


@case("stop-uplink", "autora contract", "a stop of what has become an uplink meanwhile: not one RA", AUTORA, WAITS, seconds=8)
def stop_uplink(bench):
    bench.start(**SHORT)
    first = bench.first()
    bench.link.conf("accept_ra", 2)
    bench.capture.listen_until(first.time + 3.2)
    began = time.time()
    stopped(bench)
    bench.forbid(began, time.time() + 0.5, "on an uplink, at the stop")


@case("stop-asked", "RFC 4861 6.2.5 and 6.2.6", "solicitations while the final RA waits for its 3 s: lifetime 0, and the 3 s are kept", seconds=8)
def stop_asked(bench):
    bench.start(**SHORT)
    first = bench.first()
    bench.capture.listen_until(first.time + 0.3)
    began = bench.daemon.signal(signal.SIGTERM)
    while bench.daemon.wait(0.2) is None:
        bench.solicit("::")
        if time.time() - began > 6:
            raise Fail("still running 6 s after SIGTERM")
    bench.solicit("::")
    bench.capture.listen_until(time.time() + 1)
    late = bench.capture.since(began)
    if not late or late[-1].lifetime:
        raise Fail("no final RA")
    if any(ra.lifetime for ra in late):
        raise Fail(f"{late[0]} after SIGTERM")
    if min(gaps(bench.capture.ras)) < MIN_DELAY_BETWEEN_RAS - NOISE:
        raise Fail(f"RAs {min(gaps(bench.capture.ras)):.3f} s apart")
