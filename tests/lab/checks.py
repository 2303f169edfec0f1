"""Counting checks, for tests that are one story and not many cases."""


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
