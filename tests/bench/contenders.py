"""The daemons as they are set up for many interfaces, from the settings that the conformance suite judges them by."""

import os
from dataclasses import dataclass, replace

from bench import build
from bench.field import tap
from bench.herd import Herd
from conformance import adapters
from conformance.daemon import Settings
from conformance.peers import Radvd

adapters.ALL["autora"].binary = build.PACKAGED

DEFAULTS = Settings(min_interval=20, max_interval=60)
SHORTEST = replace(DEFAULTS, min_interval=3, max_interval=4)


class RadvdForAll(Radvd):
    """One process with an interface block for each."""

    def __init__(self, count):
        self.count = count

    def config(self, settings):
        return "".join(Radvd.config(self, replace(settings, ifname=tap(i))) for i in range(self.count))


@dataclass(frozen=True)
class Contender:
    """A daemon, as one process for each interface or as one for all."""

    name: str
    adapter: str
    each: bool
    # Seconds that its first advertisements on 1000 interfaces may take, and how often that is measured.
    patience: float
    starts: int
    # Each process reads all interfaces upon each event: at 1000 one event keeps the machine busy for seconds, so
    # that only a few can be asked of it.
    quadratic: bool = False

    def missing(self):
        return adapters.ALL[self.adapter].missing()

    def commands(self, count, directory, settings):
        """(argument vectors, extra environment) for the first `count` interfaces."""
        adapter = adapters.ALL[self.adapter]
        if not self.each:
            if self.adapter == "radvd":
                adapter = RadvdForAll(count)
            command, environment = adapter.command(replace(settings, ifname=tap("*")), directory)
            return [command], environment
        commands, environment = [], {}
        for i in range(count):
            # Instances of autora share a directory, as they do under systemd.
            own = directory if self.adapter == "autora" else os.path.join(directory, str(i))
            os.makedirs(own, exist_ok=True)
            command, environment = adapter.command(replace(settings, ifname=tap(i)), own)
            commands.append(command)
        if self.adapter == "autora":
            environment = {**build.unit_environment(), **environment}
        return commands, environment

    def start(self, field, directory, settings=DEFAULTS, count=None):
        """Start it on the first `count` interfaces of the field."""
        commands, environment = self.commands(field.size if count is None else count, directory, settings)
        return Herd(field.host, commands, directory, environment)


AUTORA = Contender("autora", "autora", True, 10, 5)
RADVD = Contender("radvd", "radvd", False, 40, 2)
RADVDS = Contender("radvd × N", "radvd", True, 60, 1, quadratic=True)
DNSMASQ = Contender("dnsmasq", "dnsmasq", False, 90, 1)
BIRD = Contender("BIRD", "BIRD", False, 40, 1)
ALL = (AUTORA, RADVD, RADVDS, DNSMASQ, BIRD)
