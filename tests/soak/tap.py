"""A tap that lives as long as the descriptor of its guest's side, and a daemon that says when it is ready."""

import os
import select
import signal
import socket
import time

from lab import codec
from lab.process import AUTORA, Program
from lab.tun import open_tun


class Tap:
    """Made with a given index, if there is one; `close` deletes it."""

    def __init__(self, namespace, name, index=None):
        self.fd = open_tun(namespace, name, index=index, flags=os.O_NONBLOCK)
        namespace.ip(f"link set {name} up", f"addr add 2001:db8:1::1/64 dev {name} nodad")

    def next_ra(self, timeout):
        """The next advertisement that the guest receives, or None."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self.fd], [], [], left)[0]:
                break
            ra = codec.parse_ra(os.read(self.fd, 65536), time.monotonic())
            if ra:
                return ra
        return None

    def empty(self):
        """Throw away what the guest has not read."""
        while select.select([self.fd], [], [], 0)[0]:
            os.read(self.fd, 65536)

    def close(self):
        os.close(self.fd)


class Autora(Program):
    """One instance, started in a namespace as systemd would."""

    def __init__(self, namespace, name, directory, *options, prefix=()):
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = os.path.join(directory, "notify")
        if os.path.exists(path):
            os.unlink(path)
        self.ready.bind(path)
        super().__init__(namespace, os.path.join(directory, "log"))
        argv = [*prefix, AUTORA, "--interface", name, "--interface-regex", "^tap-", *options]
        self.launch(argv, {"NOTIFY_SOCKET": path, "RUNTIME_DIRECTORY": directory})

    def is_ready(self, timeout=5.0):
        """Whether it says READY=1 in time."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            self.ready.settimeout(left)
            try:
                if b"READY=1" in self.ready.recv(4096):
                    return True
            except TimeoutError:
                break
        return False

    def end(self, timeout=5.0):
        """Its exit status; None, and killed, if it does not end."""
        ended = os.pidfd_open(self.pid)
        deadline = time.monotonic() + timeout
        readable = []
        while ended not in readable and (left := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([ended, self.ready], [], [], left)
            if self.ready in readable:
                # Its barrier is a descriptor that has to be received, and closed by that.
                self.ready.recv(4096)
        os.close(ended)
        if ended not in readable:
            self.process.kill()
            self.process.wait()
        self.ready.close()
        return self.process.wait() if ended in readable else None

    def kill(self):
        self.signal(signal.SIGKILL)
        return self.end()
