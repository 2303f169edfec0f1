#!/usr/bin/python3
"""What a change can break without anybody noticing: the figures of few instances against the limits of figures.py.

    python3 tests/bench/build.py        as any user
    tests/bench/budgets.py              about a minute; as root; ends with 'N passed, N failed'

The rest of the figures needs a thousand interfaces or a quiet machine: run.py has them.
"""

import os
import sys
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from bench import check, idle, size, start
from bench.contenders import AUTORA
from bench.field import Ears, Field
from bench.figures import FIGURES
from bench.results import Results, named, shown
from bench.stage import Stage, sleep_until
from lab.checks import Checks

INSTANCES = 20
# In it each instance has its second advertisement, 16 s after the first.
WINDOW = 25
# Of figures that have no limit of their own.
LIMITS = {"syscalls": 16}
BUDGETS = ("size", "private_dirty", "event_wakeups", "idle_more", "syscalls", "sends", "allocations", "check")


def measure(results):
    field = Field(INSTANCES)
    ears = Ears(field)
    try:
        stage = Stage(field, ears, AUTORA, results, True, print)
        check.look(field, results, True)
        with stage.started() as herd:
            stage.await_first(herd)
            time.sleep(1.0)
            start.private(results, AUTORA.name, INSTANCES, herd)
            begin, wakeups = time.time(), sum(herd.wakeups())
            idle.strangers(stage, herd)
            sleep_until(begin + WINDOW)
            more = sum(herd.wakeups()) - wakeups - ears.count(begin, time.time())
            stage.add("idle_more", more * 60 / WINDOW / INSTANCES)
        check.calls(stage)
        check.allocations(stage)
    finally:
        ears.close()
        field.close()


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("network namespaces and packet sockets need root", file=sys.stderr)
        sys.exit(2)
    found = Results()
    size.measure(found)
    measure(found)
    checks = Checks()
    for key in BUDGETS:
        cell = found.get(key, AUTORA.name, found.sizes(key)[-1])
        limit = LIMITS.get(key, FIGURES[key].limit)
        checks.check(cell.median <= limit, f"{named(FIGURES[key])}: at most {limit}", shown(cell))
    sys.exit(checks.close())
