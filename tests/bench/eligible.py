"""Interfaces that become eligible: the /64 arrives."""

import random
import time

from stage import percentile

PATIENCE = 6.0


class Newcomers:
    """Some interfaces lose their /64, and get it back when their daemon has been silent for long enough."""

    def __init__(self, stage):
        self.stage = stage
        numbers = range(1, stage.size)
        self.numbers = sorted(random.Random(2).sample(numbers, min(stage.window(200, 20), len(numbers))))
        for number in self.numbers:
            stage.field.address(number, add=False)
        self.taken = time.time()

    def measure(self):
        # Up to three last words come 3 s apart, and 3 s after them nothing may (RFC 4861, 6.2.6).
        time.sleep(max(0.0, self.taken + 12.5 - time.time()))
        ears = self.stage.ears
        given = {}
        for number in self.numbers:
            given[number] = self.stage.field.address(number)
            time.sleep(0.01)
        begin = min(given.values())

        def answered():
            first = {}
            for when, number, _ in ears.since(begin, with_prefix=True):
                if number in given and when >= given[number]:
                    first.setdefault(number, when)
            return first

        ears.wait_for(lambda: len(answered()) == len(given), PATIENCE)
        delays = [(when - given[number]) * 1000 for number, when in answered().items()]
        if len(delays) < len(given):
            self.stage.note(f"{len(given) - len(delays)} of {len(given)} new prefixes not advertised within {PATIENCE:g} s")
        # Those that never came are the slowest.
        delays += [PATIENCE * 1000] * (len(given) - len(delays))
        self.stage.add("eligible_median", percentile(delays, 0.5))
        self.stage.add("eligible_p99", percentile(delays, 0.99))
