"""A case and its bench: the set-up that cases share, and the ways in which they end."""

import time
from dataclasses import dataclass

from conformance.daemon import Running, Settings
from lab.links import Lab

# RFC 4861, 10.
MAX_INITIAL_RTR_ADVERT_INTERVAL = 16.0
MAX_INITIAL_RTR_ADVERTISEMENTS = 3
MAX_FINAL_RTR_ADVERTISEMENTS = 3
MIN_DELAY_BETWEEN_RAS = 3.0
MAX_RA_DELAY_TIME = 0.5
# How late a busy two-core machine may make an upper bound; lower bounds get no more than clock noise.
SLACK = 0.2
NOISE = 0.003

CASES = []


class Fail(Exception):
    """The daemon did something else than the rule asks; the text says what was seen."""


class NotApplicable(Exception):
    """The case has no meaning for this daemon; the text says why."""


@dataclass
class Case:
    name: str
    rule: str
    title: str
    body: object
    only: tuple
    why: str
    alone: bool
    seconds: int


def case(name, rule, title, only=(), why="", alone=False, seconds=8):
    """Register a case.

    only: the daemons that it applies to (all when empty), and why not to others.
    alone: it loads the machine, so nothing else may run beside it.
    seconds: about how long it takes; the longest start first."""

    def register(body):
        assert name not in [c.name for c in CASES], name
        CASES.append(Case(name, rule, title, body, only, why, alone, seconds))
        return body

    return register


class Bench:
    """One lab and the daemons started in it; `close` ends them."""

    def __init__(self, adapter):
        self.adapter = adapter
        self.lab = None
        self.daemons = []

    def make_lab(self, **how):
        self.lab = Lab(**how)
        return self.lab

    @property
    def link(self):
        return self.lab.link

    @property
    def capture(self):
        return self.link.capture

    @property
    def daemon(self):
        return self.daemons[0]

    def start(self, lab=True, directory=None, **settings):
        """Start the daemon on the lab's link (made here unless it exists)."""
        if lab and self.lab is None:
            self.make_lab()
        daemon = Running(self.adapter, self.lab.router, Settings(**settings), directory)
        self.daemons.append(daemon)
        return daemon

    def close(self):
        for daemon in self.daemons:
            daemon.close()

    def first(self, timeout=None):
        """The first advertisement of the daemon."""
        timeout = timeout or self.adapter.first + 1.0
        return self.expect(self.daemon.started, timeout, "after its start")

    def expect(self, since, timeout, what, wanted=lambda ra: True):
        """The first advertisement later than `since` that is wanted; the case fails without one."""
        found = self.capture.next_ra(since, timeout, wanted)
        if not found:
            seen = "; ".join(f"+{ra.time - since:.2f} s {ra}" for ra in self.capture.since(since)[-3:])
            raise Fail(f"no such advertisement within {timeout:g} s {what}{f' (seen: {seen})' if seen else ''}{self.ended()}")
        return found

    def expect_after(self, change, timeout, what, wanted=lambda ra: True):
        """Make a change and expect a wanted advertisement.

        The clock is read before: a daemon may be faster than the command that makes the change."""
        before = time.time()
        change()
        return self.expect(before, timeout, what, wanted)

    def ended(self):
        """What to add to a failure when the daemon does not run any more."""
        if self.daemon.alive():
            return ""
        words = (self.daemon.text().strip().splitlines() or ["without a word"])[-1].replace(f"{self.daemon.directory}/", "")
        return f"; it had ended with status {self.daemon.wait(0)}: {words}"

    def forbid(self, since, until, what, wanted=lambda ra: True):
        """Listen until `until`; the case fails if a wanted advertisement came later than `since`."""
        self.capture.listen_until(until)
        for ra in self.capture.ras:
            if since < ra.time <= until and wanted(ra):
                raise Fail(f"{what}: {ra} after {ra.time - since:.2f} s")

    def ready(self):
        """Wait for the first advertisement, the end of a start-up burst, and the rate limit."""
        first = self.first()
        self.capture.listen_until(first.time + self.adapter.settle)
        self.quiet()

    def quiet(self):
        """Until a solicitation can be answered at once: 3 s after the last advertisement (6.2.6)."""
        while self.capture.ras:
            due = self.capture.ras[-1].time + MIN_DELAY_BETWEEN_RAS + 0.05
            if time.time() >= due:
                return
            self.capture.listen_until(due)
            self.capture.drain()

    def answer(self, send):
        """What came within MAX_RA_DELAY_TIME of what `send` sends, the link having been quiet: (time, answer)."""
        self.quiet()
        sent = send()
        return sent, self.capture.next_ra(sent, MAX_RA_DELAY_TIME + SLACK)

    def solicit(self, src=None, **how):
        return self.link.sender.solicit(src or self.link.guest_ll, **how)
