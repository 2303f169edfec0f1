"""Starting, stopping, restarting, and ceasing to be a router: RFC 4861 6.2.2 and 6.2.5."""

import signal
import subprocess
import time

from conformance.case import (
    MAX_FINAL_RTR_ADVERTISEMENTS,
    MIN_DELAY_BETWEEN_RAS,
    NOISE,
    SLACK,
    Fail,
    NotApplicable,
    case,
)
from conformance.cases_answer import gaps
from lab.capture import Capture
from lab.codec import ALL_NODES, ND_NS, ip_bytes

SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
AUTORA = ("autora",)


def stopped(bench, timeout=5.0):
    """Send SIGTERM and wait for the end; the time of the signal."""
    when = bench.daemon.signal(signal.SIGTERM)
    status = bench.daemon.wait(timeout)
    if status is None:
        raise Fail(f"still running {timeout:g} s after SIGTERM")
    if bench.adapter.name == "autora" and status != 0:
        raise Fail(f"exit status {status} after SIGTERM, not 0")
    return when


@case("stop-final", "RFC 4861 6.2.5, v6LC.2.2.8", "one to three final RAs with router lifetime 0 at SIGTERM", seconds=6)
def stop_final(bench):
    bench.start()
    bench.ready()
    when = stopped(bench)
    bench.capture.listen_until(time.time() + 0.3)
    final = bench.capture.since(when)
    if not final or final[-1].lifetime != 0:
        raise Fail("none: guests keep the dead router until its lifetime ends")
    if len(final) > MAX_FINAL_RTR_ADVERTISEMENTS or any(ra.dst != ALL_NODES or ra.lifetime for ra in final):
        raise Fail("; ".join(map(str, final)))


@case("stop-rate", "RFC 4861 6.2.6", "a stop 0.3 s after an RA: the final one keeps the 3 s", seconds=6)
def stop_rate(bench):
    bench.start()
    first = bench.first()
    bench.capture.listen_until(first.time + 0.3)
    stopped(bench)
    bench.capture.listen_until(time.time() + 0.3)
    if bench.capture.ras[-1].lifetime:
        raise Fail("no final RA")
    if min(gaps(bench.capture.ras)) < MIN_DELAY_BETWEEN_RAS - NOISE:
        raise Fail(f"{min(gaps(bench.capture.ras)):.3f} s after the one before")


@case("stop-unadvertised", "autora contract", "a stop before anything was advertised sends nothing", AUTORA, "it sends its final RA always", seconds=5)
def stop_unadvertised(bench):
    bench.make_lab()
    bench.link.conf("forwarding", 0)
    bench.start()
    bench.capture.listen_until(bench.daemon.started + 1.5)
    stopped(bench)
    bench.forbid(bench.daemon.started, time.time() + 0.3, "from a router that never advertised")


def forwarding_off(name, rule, title, which):
    @case(name, rule, title, seconds=14)
    def body(bench):
        bench.start(**SHORT)
        bench.first()
        bench.capture.listen_until(time.time() + 0.2)
        bench.lab.router.sysctl(f"conf/{which}/forwarding", 0)
        off = time.time()
        # Asked for as well, which a daemon with long intervals needs in order to show what it does.
        for _ in range(3):
            bench.quiet()
            bench.solicit("::")
            bench.forbid(off + 0.02, time.time() + 3.1, "still a default router with forwarding 0", lambda ra: ra.lifetime)
        if not bench.capture.since(off, lifetime=0):
            raise Fail("no RA with router lifetime 0: guests go on sending to a router that drops their packets")
        bench.expect_after(
            lambda: bench.lab.router.sysctl(f"conf/{which}/forwarding", 1),
            4.0 + SLACK,
            "after forwarding was on again",
            lambda ra: ra.lifetime,
        )


forwarding_off("forwarding-off", "RFC 4861 6.2.5", "after forwarding=0 of the interface: lifetime 0, and back when it is 1", "tap-cf0")
forwarding_off("forwarding-off-all", "RFC 4861 6.2.5", "the same by net.ipv6.conf.all.forwarding", "all")


@case("forwarding-never", "RFC 4861 6.2.5", "no default router while forwarding has never been on", seconds=10)
def forwarding_never(bench):
    bench.make_lab()
    bench.link.conf("forwarding", 0)
    bench.start(**SHORT)
    bench.forbid(bench.daemon.started, time.time() + 4.5, "advertised as a default router", lambda ra: ra.lifetime)
    bench.expect_after(
        lambda: bench.link.conf("forwarding", 1), 4.0 + SLACK, "after forwarding was on", lambda ra: ra.lifetime
    )


@case("restart-keeps-route", "radvd 118, systemd PR 16358", "a restart does not take the default route from a Linux guest", seconds=10)
def restart_keeps_route(bench):
    lab = bench.make_lab()
    lab.guest.sysctl("conf/guest0/accept_ra", 1)
    bench.start()
    bench.ready()
    if not lab.guest.ip_json("route", "show", "default"):
        raise Fail("the guest has no default route")
    with lab.guest:
        monitor = subprocess.Popen(["ip", "-6", "monitor", "route"], stdout=subprocess.PIPE, text=True)
    when = bench.daemon.signal(bench.adapter.restart_signal())
    if bench.daemon.wait(5) is None:
        monitor.kill()
        raise Fail("still running 5 s after the signal for a restart")
    bench.daemon.start()
    bench.expect(bench.daemon.started, bench.adapter.first + 4, "after the restart")
    monitor.terminate()
    changes = [line for line in monitor.communicate()[0].splitlines() if line.startswith("Deleted default")]
    withdrawn = bench.capture.since(when, lifetime=0)
    if changes or withdrawn:
        raise Fail(f"lost: {(changes or withdrawn)[0]}")


def restart_rate(name, title, number):
    @case(name, "RFC 4861 6.2.6", title, seconds=10)
    def body(bench):
        bench.start()
        bench.ready()
        _, answer = bench.answer(lambda: bench.solicit("::"))
        if not answer:
            raise Fail("no answer within 0.5 s")
        # Time to note down that it has sent, on a busy machine too.
        bench.capture.listen_until(answer.time + 0.3)
        bench.daemon.signal(number or bench.adapter.restart_signal())
        if bench.daemon.wait(5) is None:
            raise Fail("still running 5 s after the signal for a restart")
        bench.daemon.start()
        # A guest asks at once: it must be answered too, but not before the 3 s are over.
        bench.solicit("::")
        bench.expect(bench.daemon.started, bench.adapter.first + 4, "after the restart")
        bench.capture.listen_until(time.time() + 4)
        multicast = [ra for ra in bench.capture.ras if ra.multicast and ra.time >= answer.time]
        if min(gaps(multicast)) < MIN_DELAY_BETWEEN_RAS - NOISE:
            raise Fail(f"multicast RAs {', '.join(f'{g:.2f}' for g in gaps(multicast))} s apart")


restart_rate("restart-rate", "a restart keeps the 3 s between RAs", None)
restart_rate("crash-rate", "so does a start after SIGKILL", signal.SIGKILL)


@case("late-address", "RFC 4861 6.2.2", "an address that comes after the start is advertised within 2 s", seconds=6)
def late_address(bench):
    if not bench.adapter.follows_addresses:
        raise NotApplicable("its prefixes are configured, not read from the interface")
    lab = bench.make_lab(link=False)
    link = lab.add_link(ready=False)
    link.up()
    link.await_link_local()
    bench.start()
    bench.capture.listen_until(bench.daemon.started + 4.2)
    bench.expect_after(link.address, 2.0, "after the address", lambda ra: ra.prefixes)


def late(name, title, before, then):
    @case(f"late-{name}", "RFC 4861 6.2.2", f"{title}: an RA within 2 s", seconds=6)
    def body(bench):
        bench.make_lab()
        before(bench)
        bench.start()
        bench.capture.listen_until(bench.daemon.started + 3.2)

        def ready():
            then(bench)
            bench.link.await_link_local()
            # Whoever manages the interface puts the address back that went with IPv6.
            if not any(a.get("scope") == "global" for a in bench.link.addresses()):
                bench.link.address()

        bench.expect_after(ready, 2.0, "after it was ready", lambda ra: ra.prefixes)


late(
    "up",
    "started while the interface was down",
    lambda b: b.lab.router.ip(f"link set {b.link.ifname} down"),
    lambda b: b.lab.router.ip(f"link set {b.link.ifname} up"),
)
late(
    "ipv6",
    "started while IPv6 was off",
    lambda b: b.link.conf("disable_ipv6", 1),
    lambda b: (b.link.conf("disable_ipv6", 0), b.link.conf("forwarding", 1)),
)


@case("carrier-return", "RFC 4861 6.2.4; guests that restart", "an RA within 3.5 s of the carrier's return, unasked", seconds=10)
def carrier_return(bench):
    bench.start()
    bench.ready()
    bench.link.guest_down()
    bench.capture.listen_until(time.time() + 1.0)
    bench.expect_after(bench.link.guest_up, 3.5, "after the carrier came back")


@case("carrier-first", "RFC 4861 6.2.2; idle taps", "the first carrier: an RA within 0.5 s of the end of duplicate address detection", seconds=8)
def carrier_first(bench):
    lab = bench.make_lab(dad=True, link=False)
    link = lab.add_link(ready=False)
    # An idle tap: up, without a carrier, its addresses tentative until a guest attaches.
    link.up(guest=False)
    link.address()
    bench.start()
    bench.capture.listen_until(bench.daemon.started + 3.5)
    probes = Capture(lab.guest, link.peer, (ND_NS,))
    ra = bench.expect_after(link.guest_up, 4.0, "after the carrier came")
    probes.drain()
    probe = [when for when, raw in probes.frames if raw[22:38] == bytes(16) and ip_bytes(link.ll) == raw[62:78]]
    # RetransTimer is 1 s, and the kernel's timer up to some hundredths late.
    if not probe or not 0.98 < ra.time - probe[0] < 1.5 + SLACK:
        raise Fail(f"{ra.time - probe[0]:.2f} s after the probe" if probe else "no probe was seen")


def outage(name, title, begin, end):
    @case(name, "systemd PR 41623", title, seconds=16)
    def body(bench):
        bench.start(**SHORT)
        bench.first()
        begin(bench)
        bench.capture.listen_until(time.time() + 5)
        if not bench.daemon.alive():
            raise Fail(f"it ended itself with status {bench.daemon.wait(0)}")
        cpu = bench.daemon.cpu()
        back = time.time()
        end(bench)
        bench.link.await_link_local()
        if bench.adapter.comes_back(bench.daemon):
            bench.daemon.start()
        # The address is gone with IPv6; whoever manages the interface puts it back.  A daemon that is
        # told its prefix does not wait for that.
        bench.link.address()
        bench.expect(back, 4.5, "after IPv6 came back", lambda ra: any(pio.preferred for pio in ra.prefixes))
        if cpu > 0.5:
            raise Fail(f"{cpu:.2f} s of CPU within 5 s")


outage(
    "disable-ipv6",
    "IPv6 switched off for 5 s and on again",
    lambda b: b.link.conf("disable_ipv6", 1),
    lambda b: b.link.conf("disable_ipv6", 0),
)
outage(
    "small-mtu",
    "an MTU below 1280 for 5 s",
    lambda b: b.lab.router.ip(f"link set {b.link.ifname} mtu 1200"),
    lambda b: b.lab.router.ip(f"link set {b.link.ifname} mtu 1500"),
)
outage(
    "admin-down",
    "the interface down for 5 s and up again",
    lambda b: b.lab.router.ip(f"link set {b.link.ifname} down"),
    lambda b: b.lab.router.ip(f"link set {b.link.ifname} up"),
)
