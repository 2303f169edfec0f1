"""Sends that the kernel refuses for a while: strace puts an error in the place of each send on the packet socket."""

import os
import subprocess
import tempfile
import time

from lab.namespace import Namespace
from lab.process import cpu_seconds, die_with_parent
from soak.tap import Autora, Tap

SECONDS = float(os.environ.get("AUTORA_SOAK_SECONDS", "10"))
NAME = "tap-fail-1"
MAX_INTERVAL = 4
SLACK = 0.5
# Of one CPU; the tracer's own stops are counted in.
CPU_SHARE = 0.01


def serving_socket(namespace):
    """The inode of the packet socket that hears IPv6 and sends; the claim's has another protocol."""
    with namespace, open("/proc/thread-self/net/packet", encoding="ascii") as file:
        rows = [line.split() for line in file][1:]
    return next(row[8] for row in rows if row[3] in ("0003", "86dd"))


def refuse(pid, inode, error):
    """strace, attached: from now on each send on that socket fails."""
    command = ["strace", "--quiet=all", "--attach", str(pid), "--output=/dev/null", "--trace-path", f"socket:[{inode}]"]
    # The call in its place has to be one that the process may make.
    command += [f"--inject=sendto,sendmsg:error={error}:syscall=getpid"]
    tracer = subprocess.Popen(command, preexec_fn=die_with_parent)
    while not is_traced(pid) and tracer.poll() is None:
        time.sleep(0.01)
    return tracer


def is_traced(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return "TracerPid:\t0\n" not in file.read()


def refused(checks, namespace, error, directory):
    tap = Tap(namespace, NAME)
    options = ("--min-ra-interval", "3s", "--max-ra-interval", f"{MAX_INTERVAL}s", "--router-lifetime", "60s")
    daemon = Autora(namespace, NAME, directory, *options)
    title = f"{SECONDS:g} s of {error} on send"
    if checks.check(daemon.is_ready() and tap.next_ra(5), f"{title}: it serves before"):
        before, cpu = daemon.text().count("\n"), cpu_seconds(daemon.pid)
        tracer = refuse(daemon.pid, serving_socket(namespace), error)
        tap.empty()
        heard = tap.next_ra(SECONDS)
        checks.check(not heard and daemon.process.poll() is None, f"{title}: nothing is sent, and it does not end")
        lines, cpu = daemon.text().count("\n") - before, cpu_seconds(daemon.pid) - cpu
        checks.check(lines == 1, f"{title}: one line of log", lines)
        checks.check(cpu <= CPU_SHARE * SECONDS, f"{title}: no spin", f"{cpu:.2f} s of CPU")
        tracer.terminate()
        tracer.wait()
        freed = time.monotonic()
        after = tap.next_ra(MAX_INTERVAL + 5)
        late = after.time - freed if after else None
        good = after and late <= MAX_INTERVAL + SLACK
        checks.check(good, f"{title}: an advertisement within one maximum interval", f"{late:.2f} s" if after else "none")
    tap.close()
    checks.check(daemon.end() == 0, f"{title}: it ends with its interface")


def run(checks):
    namespace = Namespace()
    namespace.sysctl("conf/all/forwarding", 1)
    namespace.sysctl("conf/default/accept_dad", 0)
    namespace.ip("link set lo up")
    for error in ("EPERM", "ENOBUFS"):
        with tempfile.TemporaryDirectory(prefix="autora-failures-") as directory:
            refused(checks, namespace, error, directory)
