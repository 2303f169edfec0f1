#!/usr/bin/env python3
"""Records contrib/session.svg and contrib/session.txt: what README.md shows first.

    tests/session/record.py [PATH OF autora]

The commands below are run, and what they print is shown as it is. Everything
happens in namespaces of its own, with a /run and an /etc/default of its own,
which vanish with this program. Needs root (or user namespaces) and iproute2.
"""

import fcntl
import os
import pathlib
import pty
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[0] = str(ROOT / "tests")

from session.render import svg, text

COLUMNS = 120
LONGEST = 20
PROMPT = "hypervisor# "
GUEST = "vm-1"
TAP = "tap-vm-1"
PATTERN = "^tap-vm-[0-9]+$"

# What is typed, and what is waited for before the next: a command that succeeds.
ADVERTISED = f"ip -n {GUEST} -6 route show default | grep -q via"
SESSION = [
    ("# A tool for guests creates the guest's link with a routed /64", None),
    (f"ip link add {TAP} type veth peer name eth0 netns {GUEST}", None),
    (f"ip address add 2001:db8:1::1/64 dev {TAP}", None),
    (f"ip link set {TAP} up; ip -n {GUEST} link set eth0 up", f"! ip -6 address show dev {TAP} tentative | grep -q ."),
    ("# udev and systemd start autora", None),
    (f"autora --interface {TAP} &", ADVERTISED),
    ("# The result in the guest", None),
    (f"ip -n {GUEST} -6 -br address show dev eth0", None),
    (f"ip -n {GUEST} -6 route show default", f"! ip -n {GUEST} -6 address show dev eth0 tentative | grep -q ."),
    (f"ip netns exec {GUEST} ping -c 1 2001:db8:1::1 | grep from", None),
    ("autora status", None),
    ("# Forwarding is turned off, and autora check shows why the guest has no IPv6", None),
    (f"sysctl -qw net.ipv6.conf.{TAP}.forwarding=0", f"! {ADVERTISED}"),
    ("autora check", None),
    (f"sysctl -w net.ipv6.conf.{TAP}.forwarding=1", ADVERTISED),
    ("autora status", None),
]


def main():
    if sys.argv[1:2] == ["--inside"]:
        return inside(pathlib.Path(sys.argv[2]))
    autora = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "target/debug/autora").resolve()
    again = [sys.executable, __file__, "--inside", str(autora)]
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return subprocess.run(["unshare", *user, "--mount", "--net", *again], check=False).returncode


def inside(autora):
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(autora, f"{directory}/autora")
        os.environ["PATH"] = f"{directory}:{os.environ['PATH']}"
        prepare(directory)
        terminal = Terminal()
        try:
            for command, awaited in SESSION:
                terminal.type(command)
                if awaited:
                    terminal.until(awaited)
        finally:
            terminal.close()
    (ROOT / "contrib/session.txt").write_text(text(terminal.output), encoding="utf-8")
    (ROOT / "contrib/session.svg").write_text(svg(terminal.output, COLUMNS), encoding="utf-8")
    return 0


def prepare(directory):
    """A host that forwards and has a way out, the package's settings, and a guest without anything."""
    settings = f"{directory}/default"
    os.mkdir(settings)
    pathlib.Path(settings, "autora").write_text(f"AUTORA_INTERFACE_REGEX='{PATTERN}'\n", encoding="utf-8")
    for command in [
        "mount -t tmpfs tmpfs /run",
        f"mount --bind {settings} /etc/default",
        "ip link set lo up",
        "sysctl -qw net.ipv6.conf.all.forwarding=1",
        "ip link add eth0 type veth peer name provider",
        "ip link set eth0 up",
        "ip address add 2001:db8:ffff::2/64 dev eth0 nodad",
        "ip -6 route add default via 2001:db8:ffff::1 dev eth0",
        f"ip netns add {GUEST}",
    ]:
        subprocess.run(command.split(), check=True)


class Terminal:
    """A pseudo-terminal with a bash, and all that it showed."""

    def __init__(self):
        self.output = ""
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
        self.shell = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            stdin=subprocess.PIPE,
            stdout=theirs,
            stderr=theirs,
            text=True,
            # systemd gives an instance the pattern like this.
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "AUTORA_INTERFACE_REGEX": PATTERN},
        )
        os.close(theirs)

    def type(self, line):
        if line.startswith("#"):
            self.output += f"\x1b[2m{line}\x1b[0m\n"
            return
        self.output += f"\x1b[1m{PROMPT}{line}\x1b[0m\n"
        # A bell after it tells that it is done.
        self.shell.stdin.write(f"{line}\nprintf '\\a'\n")
        self.shell.stdin.flush()
        while "\a" not in self.output:
            if not self.read(LONGEST):
                raise SystemExit(f"not done within {LONGEST} s: {line}\n{self.output}")
        self.output = self.output.replace("\a", "")

    def until(self, command):
        """Waits until the command succeeds, and for what is printed on that."""
        deadline = time.monotonic() + LONGEST
        while subprocess.run(["bash", "-c", command], stderr=subprocess.DEVNULL, check=False).returncode:
            self.read(0.2)
            if time.monotonic() > deadline:
                raise SystemExit(f"not within {LONGEST} s: {command}\n{self.output}")
        while self.read(0.5):
            pass

    def read(self, seconds):
        ready, _, _ = select.select([self.ours], [], [], seconds)
        if ready:
            self.output += os.read(self.ours, 65536).decode().replace("\r\n", "\n")
        return bool(ready)

    def close(self):
        self.shell.stdin.write("kill $!; wait\n")
        self.shell.stdin.close()
        self.shell.wait(timeout=LONGEST)
        os.close(self.ours)


if __name__ == "__main__":
    sys.exit(main())
