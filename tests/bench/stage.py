"""One daemon on one field, and the figures that are taken from it one after another."""

import contextlib
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass

from bench.contenders import DEFAULTS
from bench.field import Ears, Field
from bench.results import Results


@dataclass
class Stage:
    field: Field
    ears: Ears
    contender: object
    results: Results
    quick: bool
    say: object

    @property
    def size(self):
        return self.field.size

    def add(self, key, samples):
        self.results.add(key, self.contender.name, self.size, samples)

    def note(self, text):
        self.results.note(f"{self.contender.name}, N = {self.size}: {text}")

    def window(self, full, quick):
        """Seconds, or a count, that a trial makes shorter."""
        return quick if self.quick else full

    def attempt(self, measure, *arguments):
        """A figure that cannot be had is said so, and the others are taken all the same."""
        try:
            measure(self, *arguments)
        except (OSError, RuntimeError, ValueError, ZeroDivisionError, subprocess.SubprocessError) as error:
            what = f"{measure.__module__}.{measure.__name__}"
            self.say(f"{what}: {error}")
            self.note(f"{what} could not be measured: {error}")

    @contextlib.contextmanager
    def started(self, settings=DEFAULTS, count=None):
        """The daemon, started now; everything of it is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix="autora-bench-") as directory:
            os.chmod(directory, 0o777)
            self.ears.forget()
            herd = self.contender.start(self.field, directory, settings, count)
            try:
                yield herd
            finally:
                herd.kill()

    def await_first(self, herd, count=None):
        """{interface: time of its first advertisement}, when all have come or no more are expected."""
        count = self.size if count is None else count
        self.ears.wait_for(lambda: len(self.ears.first_by_guest(herd.begin)) >= count, self.contender.patience)
        first = self.ears.first_by_guest(herd.begin)
        if self.ears.wrong:
            raise RuntimeError(f"{self.contender.name}: wrong advertisements on {self.ears.wrong[:5]}")
        if not first:
            raise RuntimeError(f"{self.contender.name}: no advertisement at all: {herd.last_words()}")
        return first


def sleep_until(when):
    """By the wall clock."""
    time.sleep(max(0.0, when - time.time()))


def percentile(samples, share):
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
