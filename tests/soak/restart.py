"""A restart, when the boot-time clock has run on meanwhile or stands back: a time namespace shifts it.

The daemon of before left the time of its last advertisement in the runtime directory.
"""

import signal
import tempfile
import time

from lab.namespace import Namespace
from soak.tap import Autora, Tap

NAME = "tap-time-1"
MIN_DELAY_BETWEEN_RAS = 3.0
# Upper bounds on a busy machine; lower ones, since the guest may read its first packet late.
SLACK, NOISE = 0.5, 0.1


def restarted(namespace, offset):
    """Two instances after each other; when each first advertisement came and when the second one was ready."""
    with tempfile.TemporaryDirectory(prefix="autora-restart-") as directory:
        tap = Tap(namespace, NAME)
        first = Autora(namespace, NAME, directory)
        before = tap.next_ra(5)
        first.signal(signal.SIGHUP)
        ended = first.end()
        shift = ("unshare", "--time", "--boottime", str(offset), "--fork", "--kill-child")
        second = Autora(namespace, NAME, directory, prefix=shift)
        ready = second.is_ready() and time.monotonic()
        after = tap.next_ra(10)
        tap.close()
        return before, after, ready, (ended, second.end())


def run(checks):
    namespace = Namespace()
    namespace.sysctl("conf/all/forwarding", 1)
    namespace.sysctl("conf/default/accept_dad", 0)
    namespace.ip("link set lo up")
    for offset, title in (
        (0, "restarted at once: 3 s after the last advertisement"),
        (1000, "restarted after a suspend of 1000 s: at once"),
        (-60, "restarted with a clock that stands back: 3 s after the start, no more and no less"),
    ):
        before, after, ready, status = restarted(namespace, offset)
        if not checks.check(before and after and ready and status == (75, 0), f"{title}: both serve and end", status):
            continue
        since_last, since_ready = after.time - before.time, after.time - ready
        seen = f"{since_last:.3f} s after the last one, {since_ready:.3f} s after the start"
        if offset > 0:
            good = since_ready < SLACK
        else:
            since = since_last if offset == 0 else since_ready
            good = MIN_DELAY_BETWEEN_RAS - (NOISE if offset == 0 else SLACK) <= since < MIN_DELAY_BETWEEN_RAS + SLACK
        checks.check(good, title, seen)
