"""When advertisements are sent unasked: RFC 4861 6.2.4."""

from conformance.case import (
    MAX_INITIAL_RTR_ADVERT_INTERVAL,
    MAX_INITIAL_RTR_ADVERTISEMENTS,
    MIN_DELAY_BETWEEN_RAS,
    NOISE,
    SLACK,
    Fail,
    case,
)
from conformance.cases_answer import gaps
from conformance.daemon import Running, Settings
from lab.links import OTHER_PREFIX


@case("initial", "RFC 4861 6.2.4, v6LC.2.2.7 B", "the first three at most 16 s apart, with intervals of 198 to 600 s", seconds=36)
def initial(bench):
    bench.start(min_interval=198, max_interval=600, router_lifetime=1800)
    last = bench.first()
    for number in range(2, MAX_INITIAL_RTR_ADVERTISEMENTS + 1):
        last = bench.expect(last.time, MAX_INITIAL_RTR_ADVERT_INTERVAL + SLACK, f"after the one before, for RA {number}")
    close = [gap for gap in gaps(bench.capture.ras) if gap < MIN_DELAY_BETWEEN_RAS - NOISE]
    if close:
        raise Fail(f"two within {min(close):.3f} s")


@case("initial-then-interval", "RFC 4861 6.2.4", "after the initial ones the configured interval holds", seconds=60)
def initial_then_interval(bench):
    # The short initial interval is for the first few only.
    bench.start(min_interval=198, max_interval=600, router_lifetime=1800)
    first = bench.first()
    until = first.time + 56
    bench.capture.listen_until(until)
    seen = [ra.time - first.time for ra in bench.capture.ras]
    if len(seen) > MAX_INITIAL_RTR_ADVERTISEMENTS + 1:
        raise Fail(f"{len(seen)} RAs in 56 s: after {', '.join(f'{t:.0f}' for t in seen)} s")


@case("interval", "RFC 4861 6.2.4, v6LC.2.2.7 A", "intervals between the minimum of 4 s and the maximum of 6 s", seconds=56)
def interval(bench):
    bench.start(min_interval=4, max_interval=6)
    first = bench.first()
    bench.capture.listen_until(first.time + 50)
    seen = gaps(bench.capture.ras)
    wrong = [gap for gap in seen if gap < 4 - NOISE or gap > 6 + SLACK]
    if wrong or len(seen) < 7:
        raise Fail(f"{len(wrong)} of {len(seen)} outside: {', '.join(f'{g:.2f}' for g in seen)} s")


@case("interval-random", "RFC 4861 6.2.4", "the interval is drawn anew each time", seconds=56)
def interval_random(bench):
    bench.start(min_interval=4, max_interval=6)
    first = bench.first()
    bench.capture.listen_until(first.time + 50)
    seen = gaps(bench.capture.ras)[1:]
    # Eight uniform draws from a range of 2 s within 0.4 s of one another: once in 20,000 runs.
    if len(seen) < 6 or max(seen) - min(seen) < 0.4:
        raise Fail(f"intervals {', '.join(f'{g:.3f}' for g in seen)} s")


@case("interval-own", "RFC 4861 6.2.4", "two routers started at once do not stay in step", seconds=22)
def interval_own(bench):
    lab = bench.make_lab()
    other = lab.add_link(ifname="tap-cf1", peer="guest1", mac="02:00:5e:00:01:05", prefix=OTHER_PREFIX)
    bench.start(min_interval=4, max_interval=6)
    bench.daemons.append(
        Running(bench.adapter, lab.router, Settings(ifname="tap-cf1", min_interval=4, max_interval=6, prefix=OTHER_PREFIX))
    )
    bench.capture.listen_until(bench.daemon.started + 20)
    other.capture.drain()
    pairs = list(zip(gaps(bench.capture.ras), gaps(other.capture.ras)))
    if len(pairs) < 2:
        raise Fail(f"{len(bench.capture.ras)} and {len(other.capture.ras)} RAs in 20 s")
    if all(abs(a - b) < 0.02 for a, b in pairs):
        raise Fail(f"the same intervals in both: {', '.join(f'{a:.2f}' for a, _ in pairs)} s")


@case("minimum", "RFC 4861 6.2.1, v6LC.2.2.7 C", "the shortest intervals, 3 to 4 s, with router lifetime 0", seconds=24)
def minimum(bench):
    bench.start(min_interval=3, max_interval=4, router_lifetime=0)
    first = bench.first()
    bench.capture.listen_until(first.time + 18)
    seen = gaps(bench.capture.ras)
    wrong = [gap for gap in seen if gap < 3 - NOISE or gap > 4 + SLACK]
    if wrong or len(seen) < 4:
        raise Fail(f"{len(wrong)} of {len(seen)} outside: {', '.join(f'{g:.2f}' for g in seen)} s")
    if any(ra.lifetime != 0 for ra in bench.capture.ras):
        raise Fail(f"router lifetime {first.lifetime}")
    if not first.prefixes:
        raise Fail("no prefix: a router that is no default router still configures addresses (6.2.3)")
