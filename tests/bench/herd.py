"""Many processes started at once, and what /proc tells of them."""

import contextlib
import os
import re
import signal
import subprocess
import time

from bench import build
from lab.process import die_with_parent

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class Herd:
    """Processes of one launcher (tools/launch.c), which ends them when this one ends."""

    def __init__(self, namespace, commands, directory, environment=None):
        self.log = os.path.join(directory, "log")
        with namespace, open(self.log, "ab") as log:
            self.launcher = subprocess.Popen(
                [build.tool("launch")],
                env={**ENVIRONMENT, **(environment or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=directory,
                text=True,
                preexec_fn=die_with_parent,
            )
        self.launcher.stdin.write("".join(" ".join(command) + "\n" for command in commands) + "\n")
        self.launcher.stdin.flush()
        begin, end, *pids = map(int, self.launcher.stdout.readline().split())
        # Wall clock: before the first start, after the last.
        self.begin, self.launched = begin / 1e9, end / 1e9
        self.pids = pids

    def members(self):
        """The started processes and those that they started in turn, as radvd does."""
        found = []
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                group = int(_read(f"/proc/{name}/stat").rsplit(")", 1)[1].split()[2])
                if group == self.launcher.pid and int(name) != group:
                    found.append(int(name))
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def terminate(self):
        os.killpg(self.launcher.pid, signal.SIGTERM)

    def kill(self):
        self.launcher.stdin.close()
        self.launcher.wait()
        self.launcher.stdout.close()
        # The launcher does not wait for what it kills.
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and any(os.path.exists(f"/proc/{pid}") for pid in self.pids):
            time.sleep(0.01)

    def alive(self):
        return sum(os.path.exists(f"/proc/{pid}/exe") for pid in self.pids)

    def cpu(self):
        """Nanoseconds on a processor, of each process."""
        return [int(_read(f"/proc/{pid}/schedstat").split()[0]) for pid in self.pids]

    def wakeups(self):
        """How often each process has gone to sleep of its own accord."""
        return [_number("voluntary_ctxt_switches", _read(f"/proc/{pid}/status")) for pid in self.pids]

    def memory(self, field):
        """KiB of each process by a line of smaps_rollup: Private_Dirty, Pss."""
        return [_number(field, _read(f"/proc/{pid}/smaps_rollup")) for pid in self.members()]

    def last_words(self):
        with contextlib.suppress(OSError), open(self.log, encoding="utf-8", errors="replace") as file:
            return " | ".join(file.read().strip().splitlines()[-3:])
        return ""


def _read(path):
    with open(path, encoding="ascii", errors="replace") as file:
        return file.read()


def _number(key, text):
    found = re.search(rf"^{key}:\s*(\d+)", text, re.MULTILINE)
    if not found:
        raise RuntimeError(f"no {key}: the process has ended")
    return int(found.group(1))


def kernel_memory():
    """KiB of the kernel by kind."""
    text = _read("/proc/meminfo")
    return {kind: _number(kind, text) for kind in ("Slab", "PageTables", "KernelStack")}
