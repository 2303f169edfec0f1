#!/usr/bin/python3
"""Run the conformance cases against router advertisement daemons and print the table.

    tests/conformance/run.py                  autora only; ends with 'N passed, N failed'
    tests/conformance/run.py --all            autora and its peers
    tests/conformance/run.py radvd BIRD       those
    tests/conformance/run.py --only rs-drop   the cases whose name begins so
    tests/conformance/run.py --all --write tests/conformance/RESULTS.md

Needs root; every case makes its own network namespaces and leaves none behind.
"""

import argparse
import os
import signal
import sys
import time
import traceback
from multiprocessing import Pipe, Process, connection

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from conformance import adapters, report
from conformance.case import CASES, Bench, Fail, NotApplicable
from conformance.load import load_cases
from lab.process import die_with_parent

TIMEOUT = 240


def judge(case, adapter):
    """(verdict, detail) of one case in this process: 'pass', 'fail', 'n/a' or 'error'."""
    reason = adapter.not_applicable.get(case.name)
    if case.only and adapter.name not in case.only:
        reason = reason or case.why
    if reason:
        return "n/a", reason
    bench = Bench(adapter)
    try:
        case.body(bench)
        return "pass", ""
    except Fail as failure:
        log = bench.daemons[0].text()[-1000:] if bench.daemons else ""
        return "fail", str(failure), log
    except NotApplicable as why:
        return "n/a", str(why)
    except Exception:  # a fault of the suite itself must show as one, and not as a pass
        return "error", traceback.format_exc()
    finally:
        bench.close()


def child(case, adapter, pipe):
    die_with_parent()
    # A terminal's interrupt goes to the parent, which ends its children; they clean up then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    pipe.send(judge(case, adapter))


class Pool:
    """Runs one process per case and daemon, so that a case's namespaces and daemons end with it."""

    def __init__(self, jobs, verbose):
        self.jobs, self.verbose = jobs, verbose
        self.results = {}
        self.running = {}

    def run(self, work):
        waiting = sorted(work, key=lambda pair: (pair[0].alone, -pair[0].seconds))
        try:
            while waiting or self.running:
                while waiting and len(self.running) < self.jobs and not self._must_wait(waiting[0][0]):
                    self._start(*waiting.pop(0))
                self._collect()
        finally:
            for process, *_ in self.running.values():
                process.terminate()
            for process, *_ in self.running.values():
                process.join()

    def _must_wait(self, case):
        alone = case.alone or any(running.alone for _, running, *_ in self.running.values())
        return alone and bool(self.running)

    def _start(self, case, adapter):
        ours, theirs = Pipe(duplex=False)
        process = Process(target=child, args=(case, adapter, theirs))
        process.start()
        theirs.close()
        self.running[ours] = (process, case, adapter, time.monotonic())

    def _collect(self):
        for pipe in connection.wait(list(self.running), timeout=1.0):
            process, case, adapter, began = self.running.pop(pipe)
            try:
                result = pipe.recv()
            except EOFError:
                result = ("error", "the case's process died")
            process.join()
            self._record(case, adapter, result, time.monotonic() - began)
        for pipe, (process, case, adapter, began) in list(self.running.items()):
            if time.monotonic() - began > TIMEOUT:
                del self.running[pipe]
                process.kill()
                process.join()
                self._record(case, adapter, ("error", f"no end within {TIMEOUT} s"), TIMEOUT)

    def _record(self, case, adapter, result, seconds):
        verdict, detail, *log = result
        self.results[case.name, adapter.name] = (verdict, detail)
        if self.verbose or verdict in ("fail", "error"):
            print(f"{seconds:6.1f} s  {adapter.name:8} {case.name:28} {verdict}  {detail}", file=sys.stderr)
            if log and log[0] and self.verbose:
                print("".join(f"          | {line}\n" for line in log[0].splitlines()), end="", file=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("daemon", nargs="*", help=f"of {', '.join(adapters.ALL)} (default: autora)")
    parser.add_argument("--all", action="store_true", help="every daemon that is installed")
    parser.add_argument("--only", action="append", default=[], help="cases whose name begins so (repeatable)")
    parser.add_argument("--jobs", type=int, default=40, help="cases at a time; they mostly wait (40)")
    parser.add_argument("--write", metavar="FILE", help="also keep the table in FILE")
    parser.add_argument("--list", action="store_true", help="list the cases and end")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each case as it ends")
    return parser.parse_args()


def main():
    options = arguments()
    load_cases()
    cases = [c for c in CASES if not options.only or any(c.name.startswith(o) for o in options.only)]
    if options.list:
        for c in cases:
            print(f"{c.name:28} {c.rule:32} {c.title}")
        return 0
    unknown = [name for name in options.daemon if name not in adapters.ALL]
    if unknown or not cases:
        print(f"no such {'daemon: ' + ', '.join(unknown) if unknown else 'case'}", file=sys.stderr)
        return 2
    if os.geteuid() != 0:
        print("network namespaces and packet sockets need root", file=sys.stderr)
        return 2
    names = list(adapters.ALL) if options.all else options.daemon or ["autora"]
    chosen = []
    for adapter in (adapters.ALL[name] for name in names):
        reason = adapter.missing()
        if not reason:
            chosen.append(adapter)
        elif options.all and adapter.name != "autora":
            print(f"{adapter.name} is left out: {reason}", file=sys.stderr)
        else:
            print(f"{adapter.name}: {reason}", file=sys.stderr)
            return 2
    # As an interrupt: the cases clean up.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    began = time.monotonic()
    pool = Pool(options.jobs, options.verbose)
    pool.run([(c, a) for c in cases for a in chosen])
    text = report.table(cases, chosen, pool.results, time.monotonic() - began)
    print(text)
    if options.write:
        with open(options.write, "w", encoding="utf-8") as file:
            file.write(text)
    counted = [verdict for verdict, _ in pool.results.values()]
    bad = counted.count("fail") + counted.count("error")
    print(f"{counted.count('pass')} passed, {bad} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
