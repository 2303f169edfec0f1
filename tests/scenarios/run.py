#!/usr/bin/python3
"""Run autora in the situations that it was made for, with real software on the other side as the judge.

    tests/scenarios/run.py                 all; ends with 'N passed, N failed'
    tests/scenarios/run.py slaac anyip     those whose name begins so
    tests/scenarios/run.py --list
    tests/scenarios/run.py -v NAME         with everything that the programs wrote

Needs root.  Each scenario runs in namespaces of its own (network, PID, mount) and leaves nothing behind.
"""

import argparse
import importlib
import os
import selectors
import signal
import subprocess
import sys
import time
import traceback

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from lab.process import AUTORA, TREE
from scenarios import stage

TOPICS = ["slaac", "clients", "renumbering", "delegation", "anyip", "uplink", "other_senders", "segment", "sublinks"]
TOPICS = [f"scenarios.{topic}" for topic in TOPICS]
# Exit statuses of a scenario's process.
PASSED, FAILED, NOT_HERE = 0, 1, 77
TIMEOUT = 150
PROGRAMS = ["tcpdump", "ip", "ping", "nft", "rdisc6", "radvd", "dnsmasq", "dhcpcd", "kea-dhcp6"]
PROGRAMS += ["/lib/systemd/systemd-networkd"]


def play(name):
    """The body of one scenario's process, the first of its PID namespace."""
    # A client configures the machine that it runs on, resolv.conf and all: not this one.
    for directory in ("/etc", "/var"):
        subprocess.run(["mount", "--bind", directory, directory], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)
    # This tree and the unpacked tools may stand in a place that is about to be covered.
    kept = [TREE, os.path.dirname(AUTORA), os.path.abspath(os.environ.get("AUTORA_TEST_CACHE", TREE))]
    kept = {path: os.open(path, os.O_PATH) for path in kept if os.path.isdir(path)}
    for directory in ("/run", "/tmp", "/var/lib/dhcpcd"):
        if os.path.isdir(directory):
            subprocess.run(["mount", "-t", "tmpfs", "tmpfs", directory], check=True)
    for path, handle in kept.items():
        if not os.path.isdir(path):
            os.makedirs(path)
            bind = ["mount", "--no-canonicalize", "--bind", f"/proc/self/fd/{handle}", path]
            subprocess.run(bind, check=True, pass_fds=[handle])
    os.makedirs(stage.WORK)
    # dhcpcd, radvd and tcpdump give up root and must still write there.
    os.chmod(stage.WORK, 0o1777)
    status = FAILED
    try:
        stage.SCENARIOS[name][0]()
        status = PASSED
    except stage.NotHere as missing:
        print(f"VERDICT {missing}", flush=True)
        return NOT_HERE
    except stage.Fail as failure:
        print(f"VERDICT {failure}", flush=True)
    except Exception as error:  # a fault of the test itself must show as one, and not as a pass
        print(f"VERDICT {type(error).__name__}: {error}\n{traceback.format_exc()}", flush=True)
    for log in sorted(os.listdir(stage.WORK)):
        path = os.path.join(stage.WORK, log)
        if os.path.isfile(path) and not log.endswith((".json", ".conf", ".pid")):
            print(f"--- {log}")
            with open(path, encoding="utf-8", errors="replace") as file:
                print(file.read()[-3000:])
    return status


class Runner:
    def __init__(self, names, jobs, verbose):
        self.waiting = sorted(names, key=lambda n: -stage.SCENARIOS[n][3])
        self.jobs, self.verbose = jobs, verbose
        self.running = selectors.DefaultSelector()
        self.passed, self.failed, self.absent = [], [], []

    def run(self):
        try:
            while self.waiting or self.running.get_map():
                while self.waiting and len(self.running.get_map()) < self.jobs:
                    self._start(self.waiting.pop(0))
                for key, _ in self.running.select(timeout=1):
                    self._read(key)
                self._overdue()
        finally:
            for key in self.running.get_map().values():
                key.data["process"].kill()

    def _start(self, name):
        argv = ["unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"]
        argv += [sys.executable, os.path.abspath(sys.argv[0]), "--play", name]
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        data = {"name": name, "process": process, "began": time.monotonic(), "text": b"", "late": False}
        self.running.register(process.stdout, selectors.EVENT_READ, data)

    def _read(self, key):
        data, chunk = key.data, os.read(key.fd, 65536)
        data["text"] += chunk
        if chunk:
            return
        self.running.unregister(key.fileobj)
        key.fileobj.close()
        self._record(data, data["process"].wait())

    def _overdue(self):
        for key in list(self.running.get_map().values()):
            if time.monotonic() - key.data["began"] > TIMEOUT:
                key.data["late"] = True
                key.data["process"].kill()

    def _record(self, data, status):
        name, seconds = data["name"], time.monotonic() - data["began"]
        text = data["text"].decode(errors="replace")
        verdict = next((line[8:] for line in text.splitlines() if line.startswith("VERDICT ")), "")
        if data["late"]:
            verdict = f"no end within {TIMEOUT} s"
        kind, where = {PASSED: ("passed", self.passed), NOT_HERE: ("not on this kernel", self.absent)}.get(
            status, ("FAILED", self.failed)
        )
        where.append(name)
        print(f"{seconds:6.1f} s  {name:24} {kind}{': ' + verdict if verdict else ''}", flush=True)
        if self.verbose or where is self.failed:
            print("".join(f"          | {line}\n" for line in text.splitlines()), end="", flush=True)


def main(title=__doc__.split("\n")[0], topics=TOPICS, programs=PROGRAMS):
    """tests/contrib runs its own topics in the same way."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("name", nargs="*", help="scenarios whose name begins so (default: all)")
    parser.add_argument("--jobs", type=int, default=30, help="scenarios at a time; they mostly wait (30)")
    parser.add_argument("--list", action="store_true", help="list the scenarios and end")
    parser.add_argument("--play", metavar="NAME", help=argparse.SUPPRESS)
    parser.add_argument("-v", "--verbose", action="store_true", help="show what each scenario saw")
    options = parser.parse_args()
    for topic in topics:
        importlib.import_module(topic)
    if options.play:
        return play(options.play)
    # A topic may import another one for what it shares.
    names = [n for n, (body, *_) in stage.SCENARIOS.items() if body.__module__ in topics]
    names = [n for n in names if not options.name or any(n.startswith(o) for o in options.name)]
    if options.list:
        for name in names:
            print(f"{name:24} {stage.SCENARIOS[name][1]}  {stage.SCENARIOS[name][2]}")
        return 0
    if not names or os.geteuid() != 0:
        print("no such scenario" if not names else "namespaces and packet sockets need root", file=sys.stderr)
        return 2
    missing = [p for p in programs if subprocess.run(["sh", "-c", f"command -v {p}"], stdout=subprocess.DEVNULL).returncode]
    if missing:
        print(f"not installed: {', '.join(missing)}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    runner = Runner(names, options.jobs, options.verbose)
    runner.run()
    print(f"{time.monotonic() - began:6.1f} s in all")
    if runner.absent:
        print(f"not on this kernel: {', '.join(runner.absent)}")
    print(f"{len(runner.passed)} passed, {len(runner.failed)} failed")
    return 1 if runner.failed else 0


if __name__ == "__main__":
    sys.exit(main())
