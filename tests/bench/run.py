#!/usr/bin/python3
"""Measure autora and its peers side by side, and write the table and the plots.

    tests/bench/run.py                  everything, about 17 minutes: writes RESULTS.md and plots/
    tests/bench/run.py --quick          a trial with short windows, into target/bench
    tests/bench/run.py --only scale --n 10 --n 100
                                        parts of it (see --help), into target/bench

Needs root, cargo, a C compiler, strace, iproute2 and Debian's radvd, dnsmasq-base and bird2, which it installs
if they are missing.  All traffic stays in namespaces of its own.
"""

import argparse
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))

sys.path[0] = os.path.dirname(HERE)

PARTS = ("scale", "calls", "path", "booted")
SETUP = """. "$1/../setup.sh"
install_tools ip=iproute2 radvd=radvd dnsmasq=dnsmasq-base bird=bird2 strace=strace dh=debhelper dpkg-buildpackage=dpkg-dev
need_rust cargo"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="short windows, few samples")
    parser.add_argument("--only", action="append", choices=PARTS, help="this part (repeatable)")
    parser.add_argument("--n", action="append", type=int, help="numbers of interfaces (10, 100, 1000)")
    parser.add_argument("--daemon", action="append", help="of the daemons only this one (repeatable)")
    return parser.parse_args()


def main():
    options = arguments()
    if os.geteuid() != 0:
        print("network namespaces and packet sockets need root", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    subprocess.run(["bash", "-ec", SETUP, "setup", HERE], check=True)
    began = time.monotonic()

    def say(text):
        print(f"{time.monotonic() - began:5.0f} s  {text}", flush=True)

    from bench import plan

    whole = not (options.quick or options.only or options.n or options.daemon)
    results = plan.measure(
        say, options.only or PARTS, options.n or [10, 100, 1000], options.daemon, options.quick
    )
    report = plan.write(results, HERE if whole else None, time.monotonic() - began)
    say(f"written: {report}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
