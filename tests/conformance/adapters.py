"""The daemons by name.  autora is the one this suite is for; the peers stand in peers.py."""

import os
import signal
import subprocess

from conformance.daemon import Adapter
from conformance.peers import PEERS
from lab.process import AUTORA, TREE, first_line


class Autora(Adapter):
    name = "autora"
    # The first advertisement goes out as soon as the link-local address is valid.
    first = 2.0

    def __init__(self):
        self.binary = AUTORA

    def missing(self):
        if not os.access(self.binary, os.X_OK):
            return f"no {self.binary}: build it (cargo build --release) or set AUTORA"
        return None

    def version(self):
        words = first_line(self.binary, "--version").split()
        commit = subprocess.run(
            ["git", "-C", TREE, "rev-parse", "--short", "HEAD"], capture_output=True, text=True
        ).stdout.strip()
        return f"{words[-1] if words else '?'}{f' ({commit})' if commit else ''}"

    def options(self, settings):
        return [
            f"--interface={settings.ifname}",
            "--interface-regex=^tap-",
            f"--min-ra-interval={settings.min_interval}s",
            f"--max-ra-interval={settings.max_interval}s",
            f"--router-lifetime={settings.router_lifetime}s",
            f"--pio-valid-lifetime={settings.valid}s",
            f"--pio-preferred-lifetime={settings.preferred}s",
            f"--forwarding-resync-interval={settings.resync}s",
        ]

    def command(self, settings, directory):
        return [self.binary, *self.options(settings)], {"RUNTIME_DIRECTORY": directory}

    def check_command(self, settings, directory):
        # Refused settings end it before it looks for the interface; accepted ones end it there (66).
        return [self.binary, *self.options(settings)]

    def restart_signal(self):
        return signal.SIGHUP

    def comes_back(self, daemon):
        # Its unit starts it again after this status. It ends with it as soon as IPv6 is there.
        return daemon.wait(1) == 75


ALL = {adapter.name: adapter for adapter in (Autora(), *PEERS)}
