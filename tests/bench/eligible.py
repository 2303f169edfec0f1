"""Interfaces that become eligible: the /64 arrives."""

import random
import time

from bench.stage import percentile, sleep_until

PATIENCE = 6.0


def measure(stage, herd):
    """Some interfaces lose their /64, and get it back when their daemon has been silent for long enough."""
    others = range(1, stage.size)
    numbers = sorted(random.Random(2).sample(others, min(stage.window(200, 20), len(others))))
    for number in numbers:
        stage.field.address(number, add=False)
    # Up to three last words come 3 s apart, and 3 s after them nothing may (RFC 4861, 6.2.6).
    time.sleep(12.5)
    # Nor amid the third advertisements of all the others, 32 s after the start.
    sleep_until(herd.begin + stage.window(34, 0))
    given = {}
    for number in numbers:
        given[number] = stage.field.address(number)
        time.sleep(0.01)
    begin = min(given.values())

    def answered():
        first = {}
        for when, number, _ in stage.ears.since(begin, with_prefix=True):
            if number in given and when >= given[number]:
                first.setdefault(number, when)
        return first

    stage.ears.wait_for(lambda: len(answered()) == len(given), PATIENCE)
    delays = [(when - given[number]) * 1000 for number, when in answered().items()]
    if len(delays) < len(given):
        stage.note(f"{len(given) - len(delays)} of {len(given)} new prefixes not advertised within {PATIENCE:g} s")
    # Those that never came are the slowest.
    delays += [PATIENCE * 1000] * (len(given) - len(delays))
    stage.add("eligible_median", percentile(delays, 0.5))
    stage.add("eligible_p99", percentile(delays, 0.99))
