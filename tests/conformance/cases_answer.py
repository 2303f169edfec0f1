"""When solicitations are answered: RFC 4861 6.2.6, and what a guest can make a router send."""

import time

from conformance.case import MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS, NOISE, SLACK, Fail, case
from lab.capture import solicitation
from lab.codec import link_local


def gaps(ras):
    return [later.time - earlier.time for earlier, later in zip(ras, ras[1:])]


@case("answer-delay", "RFC 4861 6.2.6, v6LC.2.2.9 A", "answers are delayed by a random time of 0 to 0.5 s", seconds=45)
def answer_delay(bench):
    # An interval of 30 min leaves only the first three advertisements unasked for.
    bench.start(min_interval=1350, max_interval=1800, router_lifetime=9000)
    bench.ready()
    delays = []
    for _ in range(11):
        sent, ra = bench.answer(bench.solicit)
        if not ra:
            raise Fail(f"solicitation {len(delays) + 1} was not answered within 0.5 s")
        delays.append(ra.time - sent)
    # Uniform delays all below 0.15 s, or all within 0.15 s of one another: less than once in 10,000 runs.
    if max(delays) < 0.15 or max(delays) - min(delays) < 0.15:
        raise Fail(f"not random: {', '.join(f'{d * 1000:.0f}' for d in delays)} ms")


@case("answer-rate", "RFC 4861 6.2.6, v6LC.2.2.9 B", "20 solicitations a second from `::`: multicast answers 3 s apart", seconds=18)
def answer_rate(bench):
    bench.start()
    first = bench.first()
    until = first.time + 13
    while time.time() < until:
        bench.solicit("::")
        bench.capture.listen_until(time.time() + 0.05)
    answers = [ra for ra in bench.capture.since(first.time - 1) if ra.multicast]
    close = [gap for gap in gaps(answers) if gap < MIN_DELAY_BETWEEN_RAS - NOISE]
    if close:
        raise Fail(f"{len(close)} of {len(answers)} multicast RAs sooner than 3 s after another, {min(close):.3f} s the soonest")
    if len(answers) < 4:
        raise Fail(f"only {len(answers)} RAs in 13 s of solicitations: the flood starves the answers")


@case("answer-amplification", "RFC 4861 6.2.6; unicast floods", "60 solicitations of 20 sources in 3 s: at most two answers in all", seconds=10)
def answer_amplification(bench):
    bench.start()
    bench.ready()
    began = time.time()
    for i in range(60):
        mac = f"02:00:5e:00:03:{i % 20:02x}"
        bench.link.sender.send(solicitation(mac, link_local(mac)))
        bench.capture.listen_until(began + (i + 1) * 0.05)
    bench.capture.listen_until(began + 3.9)
    answers = bench.capture.since(began)
    if not answers:
        raise Fail("no answer at all")
    if len(answers) > 2:
        raise Fail(f"{len(answers)} RAs in 3.9 s")


@case("answer-after-ra", "RFC 4861 6.2.6", "a solicitation just after an RA is answered 3.0 to 3.5 s after that RA", seconds=12)
def answer_after_ra(bench):
    bench.start()
    bench.ready()
    sent, ra = bench.answer(lambda: bench.solicit("::"))
    if not ra:
        raise Fail("no answer within 0.5 s")
    bench.capture.listen_until(ra.time + 0.2)
    sent = bench.solicit("::")
    following = bench.expect(sent, 4.0, "after the second solicitation")
    gap = following.time - ra.time
    if not MIN_DELAY_BETWEEN_RAS - NOISE <= gap <= MIN_DELAY_BETWEEN_RAS + MAX_RA_DELAY_TIME + SLACK:
        raise Fail(f"answered {gap:.3f} s after the RA before")


@case("answer-resets-timer", "RFC 4861 6.2.4", "an answer by multicast starts the interval anew", seconds=16)
def answer_resets_timer(bench):
    bench.start(min_interval=6, max_interval=8)
    bench.ready()
    sent, answer = bench.answer(lambda: bench.solicit("::"))
    if not answer:
        raise Fail("no answer within 0.5 s")
    following = bench.expect(answer.time, 9.0, "after the answer")
    gap = following.time - answer.time
    if gap < 6 - NOISE or gap > 8 + SLACK:
        raise Fail(f"with intervals of 6 to 8 s the next RA came {gap:.3f} s after the answer")


@case("answer-every", "RFC 4861 6.2.6", "each of six solicitations 3.6 s apart is answered", seconds=26)
def answer_every(bench):
    # Four of them come after the 16 s of the initial advertisements: an answer must not need a timer
    # that was armed for something else.
    bench.start()
    bench.ready()
    for number in range(6):
        bench.quiet()
        sent = bench.solicit(("::", None)[number % 2])
        if not bench.capture.next_ra(sent, MAX_RA_DELAY_TIME + SLACK):
            raise Fail(f"solicitation {number + 1} was not answered within 0.5 s")
        bench.capture.listen_until(sent + 3.6)


@case("answer-after-noise", "RFC 4861 6.2.6", "1,000 bad solicitations at once do not hide the good one 0.6 s after them", seconds=8)
def answer_after_noise(bench):
    # They fill a small receive buffer, and may be read at a limited rate, but they must not stay in the way.
    bench.start()
    bench.ready()
    bad = solicitation(bench.link.guest_mac, bench.link.guest_ll, code=1)
    began = bench.link.sender.send(bad)
    for _ in range(999):
        bench.link.sender.send(bad)
    bench.capture.listen_until(time.time() + 0.6)
    # An answer to what was lost among them, which may have been good, delays the next.
    since_answer = MIN_DELAY_BETWEEN_RAS if bench.capture.since(began) else 0
    sent = bench.solicit()
    if not bench.capture.next_ra(sent, since_answer + MAX_RA_DELAY_TIME + SLACK):
        raise Fail(f"the good solicitation was not answered within {since_answer + MAX_RA_DELAY_TIME} s")


@case("answer-same-source", "RFC 4861 6.2.3", "answers and unasked RAs have one source and one content", seconds=24)
def answer_same_source(bench):
    bench.start()
    first = bench.first()
    bench.ready()
    _, answer = bench.answer(lambda: bench.solicit("::"))
    if not answer:
        raise Fail("no answer within 0.5 s")
    unasked = bench.expect(answer.time, 17.5, "after the answer: the initial ones are at most 16 s apart (6.2.4)")
    for ra in (answer, unasked):
        for name in ("src", "eth_src", "lifetime", "flags", "cur_hop_limit", "options"):
            if getattr(ra, name) != getattr(first, name):
                raise Fail(f"{name} was {getattr(first, name)} first and {getattr(ra, name)} later")
