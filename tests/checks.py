"""Counting checks, for tests that are one story and not many cases."""

import ctypes
import os
import signal

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
HERE = os.path.dirname(os.path.abspath(__file__))
AUTORA = os.environ.get("AUTORA") or os.path.join(HERE, "..", "target", "release", "autora")
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def die_with_parent():
    """For `preexec_fn`: nothing outlives the test, not even if it is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Checks:
    def __init__(self):
        self.passed = self.failed = 0

    def check(self, good, title, seen=""):
        """One line; `seen` is what was measured."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{'ok  ' if good else 'FAILED  '}{title}{f': {seen}' if seen else ''}", flush=True)
        return bool(good)

    def close(self):
        """The closing line and the exit status."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0


def cpu_seconds(pid):
    """What a process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS
