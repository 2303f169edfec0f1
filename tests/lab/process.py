"""Programs that tests start, and that never outlive them."""

import ctypes
import os
import signal
import subprocess
import time

TREE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# The program under test.
AUTORA = os.path.abspath(os.environ.get("AUTORA") or os.path.join(TREE, "target", "release", "autora"))

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def die_with_parent():
    """For `preexec_fn`: nothing outlives the test, not even if it is killed."""
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def first_line(*command):
    """The first line that a command prints, on whichever stream."""
    done = subprocess.run(command, capture_output=True, text=True)
    return next((line for line in (done.stdout + done.stderr).splitlines() if line.strip()), "")


def cpu_seconds(pid):
    """What a process has used so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


class Program:
    """One program in a namespace, and what it writes into `log`."""

    def __init__(self, namespace, log):
        self.namespace, self.log = namespace, log

    def launch(self, argv, environment=None, directory=None):
        """Start it (again)."""
        self.argv = list(argv)
        with self.namespace, open(self.log, "ab") as log:
            self.started = time.time()
            self.process = subprocess.Popen(
                self.argv,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=directory,
                preexec_fn=die_with_parent,
            )
        return self

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process.poll() is None

    def signal(self, number):
        """Send a signal; returns the time just before."""
        before = time.time()
        self.process.send_signal(number)
        return before

    def wait(self, timeout):
        """Its exit status, or None when it still runs after `timeout`."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def kill(self):
        if self.alive():
            self.process.kill()
        self.process.wait()

    def text(self):
        """What it has written."""
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()
