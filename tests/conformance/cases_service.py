"""What a service manager does to autora, or somebody at a terminal: signals, its state, its log."""

import os
import re
import signal
import subprocess
import time

from conformance.case import MIN_DELAY_BETWEEN_RAS, NOISE, SLACK, Fail, case
from conformance.cases_answer import gaps
from conformance.cases_life import stopped
from conformance.daemon import Settings
from lab.process import die_with_parent

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)
OWN = "autora's own way of being a service"


@case("service-interrupt", "autora contract", "SIGINT withdraws as SIGTERM does", AUTORA, OWN, seconds=6)
def service_interrupt(bench):
    bench.start()
    bench.ready()
    when = bench.daemon.signal(signal.SIGINT)
    status = bench.daemon.wait(4)
    if status != 0:
        raise Fail(f"exit status {status}, not 0")
    bench.capture.drain()
    if not bench.capture.since(when, lifetime=0):
        raise Fail("no final RA")


@case("service-stop-start", "RFC 4861 6.2.6", "a start right after a stop keeps 3 s from the final RA", AUTORA, OWN, seconds=12)
def service_stop_start(bench):
    bench.start()
    bench.ready()
    stopped(bench)
    bench.daemon.start()
    bench.solicit("::")
    bench.expect(bench.daemon.started, 3.5 + SLACK, "after the start", lambda ra: ra.lifetime)
    if min(gaps(bench.capture.ras)) < MIN_DELAY_BETWEEN_RAS - NOISE:
        raise Fail(f"RAs {', '.join(f'{g:.2f}' for g in gaps(bench.capture.ras))} s apart")


DAMAGE = {
    "every digit a 9": lambda text: re.sub(rb"\d", b"9", text),
    "numbers past 64 bits": lambda text: re.sub(rb"\d+", b"99999999999999999999", text),
    "negative numbers": lambda text: re.sub(rb"\d+", b"-5", text),
    "no text": lambda text: bytes(range(255, 0, -1)),
    "empty": lambda text: b"",
}


@case("service-state", "autora contract", "a damaged state file delays the first RA by no more than 3 s", AUTORA, OWN, seconds=26)
def service_state(bench):
    daemon = bench.start()
    bench.first()
    bench.capture.listen_until(time.time() + 0.3)
    daemon.kill()
    files = [os.path.join(daemon.directory, name) for name in os.listdir(daemon.directory) if name != "log"]
    if not files:
        raise Fail("it keeps no state in $RUNTIME_DIRECTORY")
    for what, damage in DAMAGE.items():
        for path in files:
            with open(path, "rb") as file:
                text = file.read()
            with open(path, "wb") as file:
                file.write(damage(text))
        daemon.start()
        if not bench.capture.next_ra(daemon.started, 3.0 + 1.0):
            raise Fail(f"{what}: no RA within 4 s{bench.ended()}")
        bench.capture.listen_until(time.time() + 0.3)
        daemon.kill()


@case("service-log", "autora contract", "whoever reads its standard error goes away: it goes on advertising", AUTORA, OWN, seconds=14)
def service_log(bench):
    bench.make_lab()
    reader, writer = os.pipe()

    class Piped(type(bench.adapter)):
        """The log goes into a pipe instead of the file."""

        def command(self, settings, directory):
            argv, environment = super().command(settings, directory)
            return ["sh", "-c", f'exec "$@" 2>/proc/{os.getpid()}/fd/{writer}', "sh", *argv], environment

    bench.adapter = Piped()
    bench.start(**SHORT)
    bench.first()
    os.close(reader)
    # Something to log: it is not eligible, and eligible again.
    bench.link.conf("forwarding", 0)
    bench.capture.listen_until(time.time() + 4)
    bench.expect_after(
        lambda: bench.link.conf("forwarding", 1), 4.0 + SLACK, "after forwarding was on again", lambda ra: ra.lifetime
    )
    os.close(writer)


@case("service-directory", "autora contract", "without a runtime directory, or with one that is not there, it serves all the same", AUTORA, OWN, seconds=6)
def service_directory(bench):
    for directory in (None, "/nonexistent/runtime"):
        lab = bench.make_lab()
        argv, environment = bench.adapter.command(Settings(), directory or "")
        if directory is None:
            del environment["RUNTIME_DIRECTORY"]
            # root publishes in /run/autora then: not in the machine's.
            argv = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh", *argv]
        with lab.router:
            started = time.time()
            process = subprocess.Popen(argv, env=environment, stderr=subprocess.DEVNULL, preexec_fn=die_with_parent)
        try:
            if not bench.capture.next_ra(started, bench.adapter.first):
                raise Fail(f"no RA with RUNTIME_DIRECTORY {directory or 'unset'}")
        finally:
            process.kill()
            process.wait()
