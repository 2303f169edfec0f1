#!/usr/bin/python3
"""Put guests of every kind behind autora, a row each, and make the table of what they did. Called by run.sh.

    tests/guests/run.sh                    the quick rows; ends with 'N passed, N failed'
    tests/guests/run.sh --all              all rows
    tests/guests/run.sh --write            all rows, and docs/guests.md from what they did
    tests/guests/run.sh kernel lwip        those whose name begins so
    tests/guests/run.sh -v NAME            with everything that the programs wrote

Each row runs as the scenarios of tests/scenarios do, in namespaces of its own.
"""

import argparse
import json
import os
import sys
import time

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from guests import rows, table, trouble
from lab.process import TREE
from scenarios import run
from scenarios.stage import SCENARIOS


class Rows(run.Runner):
    """Keeps what the rows print for the table."""

    def __init__(self, *how):
        super().__init__(*how)
        self.rows = {}

    def _record(self, data, status):
        for line in data["text"].decode(errors="replace").splitlines():
            if line.startswith("CELLS "):
                self.rows[data["name"]] = json.loads(line[6:])
        super()._record(data, status)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", nargs="*", help="rows whose name begins so")
    parser.add_argument("--all", action="store_true", help="all rows, not only the quick ones")
    parser.add_argument("--write", action="store_true", help="all rows, and write docs/guests.md")
    parser.add_argument("--jobs", type=int, default=12, help="rows at a time; they mostly wait (12)")
    parser.add_argument("--list", action="store_true", help="list the rows and end")
    parser.add_argument("--play", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("-v", "--verbose", action="store_true", help="show what each row saw")
    options = parser.parse_args()
    if options.play:
        return run.play(options.play)
    names = list(SCENARIOS)
    if options.name:
        names = [n for n in names if any(n.startswith(o) for o in options.name)]
    elif not (options.all or options.write):
        names = [n for n in names if n not in rows.SLOW]
    if options.list:
        print("\n".join(f"{n:24} {SCENARIOS[n][2]}" for n in names))
        return 0
    if not names or os.geteuid() != 0:
        print("no such row" if not names else "namespaces and packet sockets need root", file=sys.stderr)
        return 2
    began = time.monotonic()
    runner = Rows(names, options.jobs, options.verbose)
    runner.run()
    print(f"{time.monotonic() - began:6.1f} s in all")
    if runner.absent:
        print(f"not on this machine: {', '.join(runner.absent)}")
    if options.write:
        kinds = [runner.rows[n] for n in SCENARIOS if n in runner.rows]
        table.write(os.path.join(TREE, "docs", "guests.md"), kinds, trouble.shown(runner.passed))
    print(f"{len(runner.passed)} passed, {len(runner.failed)} failed")
    return 1 if runner.failed or not runner.passed else 0


if __name__ == "__main__":
    sys.exit(main())
