"""What the command line refuses and what it accepts: RFC 4861 6.2.1, RFC 8319 4."""

import os
import re
import subprocess
import tempfile
from dataclasses import replace

from conformance.case import Bench, Fail, NotApplicable, case
from conformance.daemon import Settings

AUTORA = ("autora",)
CONTRACT = "autora's own options"

# What is out of bounds, and the bound (RFC 4861 6.2.1 unless it says otherwise).
BOUNDS = {
    "maximum interval 3 s": ({"min_interval": 3, "max_interval": 3}, "at least 4 s"),
    "minimum interval 2 s": ({"min_interval": 2, "max_interval": 10}, "at least 3 s"),
    "minimum interval 8 s of 10 s": ({"min_interval": 8, "max_interval": 10}, "at most 0.75 of the maximum"),
    "router lifetime 59 s below the interval": ({"router_lifetime": 59}, "0 or at least the maximum interval"),
    "router lifetime 65536 s": ({"router_lifetime": 65536}, "16 bits; RFC 8319 4"),
    "preferred lifetime above the valid one": ({"valid": 100, "preferred": 101}, "at most the valid lifetime"),
}


def run_in(command, environment=None):
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=5,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", **(environment or {})},
    )


def advertises(bench, change):
    """Whether the daemon, started with these settings on a link of its own, sends anything."""
    trial = Bench(bench.adapter)
    try:
        trial.start(**change)
        return bool(trial.capture.next_ra(trial.daemon.started, 1.5))
    finally:
        trial.close()


@case("bounds", "RFC 4861 6.2.1, RFC 8319 4", "settings out of bounds are refused", seconds=10)
def bounds(bench):
    accepted = []
    with tempfile.TemporaryDirectory() as directory:
        for what, (change, bound) in BOUNDS.items():
            if bench.adapter.refuses_by_silence:
                if advertises(bench, change):
                    accepted.append(f"{what} ({bound})")
                continue
            command = bench.adapter.check_command(replace(Settings(), **change), directory)
            if command is None:
                raise NotApplicable("it has no way to check a configuration without running")
            done = run_in(command)
            if bench.adapter.name == "autora" and done.returncode not in (2, 78):
                raise Fail(f"{what}: exit status {done.returncode}, not 2 or 78")
            if done.returncode == 0:
                accepted.append(f"{what} ({bound})")
    if accepted:
        raise Fail("accepted: " + ", ".join(accepted))


def autora(bench, *options, environment=None):
    return run_in([bench.adapter.binary, *options], environment)


@case("refusals", "autora contract", "each refusal: status 2 or 78, the option or value named, no panic", AUTORA, CONTRACT, seconds=2)
def refusals(bench):
    wrong = []
    base = ["--interface=tap-cf0", "--interface-regex=^tap-"]
    for options, named in (
        (["--min-ra-interval=20"], "20"),
        (["--min-ra-interval=-5s"], "-5s"),
        (["--min-ra-interval="], "min-ra-interval"),
        (["--max-ra-interval=99999999999999999999999s"], "max-ra-interval"),
        (["--max-ra-interval=1801s"], "max-ra-interval"),
        (["--max-ra-interval=3s", "--min-ra-interval=3s"], "max-ra-interval"),
        (["--min-ra-interval=46s"], "min-ra-interval"),
        (["--router-lifetime=59s"], "router-lifetime"),
        (["--router-lifetime=65536s"], "router-lifetime"),
        (["--router-lifetime=90500ms"], "router-lifetime"),
        (["--pio-valid-lifetime=10s", "--pio-preferred-lifetime=11s"], "pio-preferred-lifetime"),
        (["--pio-valid-lifetime=4294967296s"], "pio-valid-lifetime"),
        (["--pio-valid-lifetime=1e9s"], "1e9s"),
        (["--interface-regex=("], "interface-regex"),
        (["--interface-regex=^eth-"], "tap-cf0"),
        (["--interface=a/b"], "a/b"),
        (["--interface=" + "x" * 16], "x" * 16),
        (["--interface="], "interface"),
        (["--log-level=loud"], "loud"),
        (["--unheard-of"], "unheard-of"),
    ):
        # A later option would be a repetition for the parser, so the base gives way.
        keep = [b for b in base if b.split("=")[0] not in [o.split("=")[0] for o in options]]
        done = autora(bench, *keep, *options)
        text = " ".join(options)
        if done.returncode not in (2, 78):
            wrong.append(f"{text}: status {done.returncode}")
        elif named not in done.stderr:
            wrong.append(f"{text}: {named} is not named in {done.stderr.strip()!r}")
        elif done.returncode == 78 and done.stderr.strip().count("\n"):
            wrong.append(f"{text}: {done.stderr.strip().count(chr(10)) + 1} lines")
        elif "panicked" in done.stderr:
            wrong.append(f"{text}: panicked")
    if wrong:
        raise Fail("; ".join(wrong))


@case("no-interface", "autora contract", "an interface that does not exist: status 66; match NAME: 0, 1 or 78", AUTORA, CONTRACT, seconds=2)
def no_interface(bench):
    bench.make_lab()
    with bench.lab.router:
        done = autora(bench, "--interface=tap-none", "--interface-regex=^tap-")
        if done.returncode != 66:
            raise Fail(f"exit status {done.returncode}, not 66: {done.stderr.strip()}")
    for options, status in ((["^tap-"], 0), (["^vm-"], 1), (["("], 78)):
        done = autora(bench, "match", "tap-cf0", environment={"AUTORA_INTERFACE_REGEX": options[0]})
        if done.returncode != status:
            raise Fail(f"match with {options[0]}: status {done.returncode}, not {status}")


@case("environment", "autora contract", "variables configure it, and the command line wins", AUTORA, CONTRACT, seconds=5)
def environment(bench):
    bench.make_lab()
    variables = {
        "AUTORA_INTERFACE": "tap-cf0",
        "AUTORA_INTERFACE_REGEX": "^tap-cf[0-9]$",
        "AUTORA_MIN_RA_INTERVAL": "30s",
        "AUTORA_MAX_RA_INTERVAL": "1m",
        "AUTORA_ROUTER_LIFETIME": "1h",
        "AUTORA_PIO_VALID_LIFETIME": "1d",
        "AUTORA_PIO_PREFERRED_LIFETIME": "1h30m",
    }

    class FromEnvironment(type(bench.adapter)):
        def command(self, settings, directory):
            return [self.binary, "--pio-valid-lifetime=2h"], {**variables, "RUNTIME_DIRECTORY": directory}

    bench.adapter = FromEnvironment()
    bench.start()
    ra = bench.first()
    seen = (ra.lifetime, ra.prefixes[0].valid, ra.prefixes[0].preferred)
    if seen != (3600, 7200, 5400):
        raise Fail(f"router, valid and preferred lifetimes {seen}, not (3600, 7200, 5400)")


@case("dry-run", "autora contract", "--dry-run without privilege: what would be sent, and nothing on the wire", AUTORA, CONTRACT, seconds=5)
def dry_run(bench):
    bench.make_lab()
    if not os.path.exists("/usr/bin/setpriv"):
        raise NotApplicable("setpriv (util-linux) is missing")
    # root without any capability: the file stays readable wherever the tree is.
    command = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", bench.adapter.binary]
    with bench.lab.router:
        done = run_in([*command, "--dry-run", "--interface-regex=^tap-"])
    if done.returncode:
        raise Fail(f"exit status {done.returncode}: {done.stderr.strip()}")
    text = done.stdout + done.stderr
    # Type 134, code 0, any checksum, hop limit 0, no flags, router lifetime 180 s.
    for needed in ("tap-cf0", "2001:db8:1::", bench.link.ll, "8600[0-9a-f]{4}000000b4"):
        if not re.search(needed, text.replace(" ", "")):
            raise Fail(f"{needed} is not in the report: {text.strip()[:400]!r}")
    with bench.lab.router:
        done = run_in([*command, "--interface=tap-cf0", "--interface-regex=^tap-"])
    if done.returncode != 77:
        raise Fail(f"without --dry-run and CAP_NET_RAW: exit status {done.returncode}, not 77")
    bench.capture.drain()
    if bench.capture.ras:
        raise Fail(f"on the wire: {bench.capture.ras[0]}")
