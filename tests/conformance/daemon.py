"""What the cases need of any daemon: how it is configured, started, watched and stopped."""

import os
import signal
import tempfile
from dataclasses import dataclass

from lab.process import Program, cpu_seconds

PAGE_KIB = os.sysconf("SC_PAGE_SIZE") // 1024


@dataclass
class Settings:
    """What a case asks for; each adapter says it in its daemon's own words.  Seconds."""

    ifname: str = "tap-cf0"
    # Long by default: between the first advertisement and the second lie 16 s of silence (RFC 4861
    # 6.2.4), in which any advertisement is an answer.
    min_interval: int = 45
    max_interval: int = 60
    router_lifetime: int = 180
    valid: int = 86400
    preferred: int = 14400
    # autora: how often the state is read without any event.
    resync: int = 60
    # For daemons that are told the prefix instead of reading it from the interface.
    prefix: str = "2001:db8:1::"


class Adapter:
    """One daemon.  The class attributes are its defaults; a subclass says what differs."""

    name = ""
    # It answers a solicitation by unicast when the solicitation has a source address.
    unicast = False
    # Its prefixes are those of the interface's addresses.
    follows_addresses = True
    # Seconds after the first advertisement in which more of them come unasked.
    settle = 3.1
    # Seconds from the start to the first advertisement, at most.
    first = 4.0
    # The preferred lifetime can be configured.
    sets_preferred = True
    # So can the intervals.
    sets_intervals = True
    # It has no command that checks settings: with bad ones it runs and advertises nothing.
    refuses_by_silence = False
    # Case name: why it cannot be judged on it.
    not_applicable = {}

    def missing(self):
        """Why this daemon cannot be tested here, or None."""
        return None

    def version(self):
        raise NotImplementedError

    def command(self, settings, directory):
        """(argument vector, extra environment); files that it needs go into `directory`."""
        raise NotImplementedError

    def check_command(self, settings, directory):
        """A command that succeeds exactly if the daemon accepts the settings, or None."""
        return None

    def restart_signal(self):
        """What its service manager sends for a restart."""
        return signal.SIGTERM

    def comes_back(self, daemon):
        """Whether it has ended, to be started again by its service manager."""
        return False


class Running(Program):
    """One started daemon, in the router's namespace; killed with the process of its case."""

    def __init__(self, adapter, namespace, settings, directory=None):
        self.adapter, self.settings = adapter, settings
        self._holder = None
        if directory is None:
            self._holder = tempfile.TemporaryDirectory(prefix="ra-conformance-")
            directory = self._holder.name
            # FRR gives up root and must still write there.
            os.chmod(directory, 0o777)
        self.directory = directory
        super().__init__(namespace, os.path.join(directory, "log"))
        self.start()

    def start(self):
        """Start it (again) with the same settings and the same directory."""
        self.launch(*self.adapter.command(self.settings, self.directory), self.directory)

    def close(self):
        self.kill()
        if self._holder:
            self._holder.cleanup()

    def cpu(self):
        """Seconds of CPU that it has used."""
        return cpu_seconds(self.pid)

    def resident_kib(self):
        with open(f"/proc/{self.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * PAGE_KIB

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))
