"""A guest that floods its router must cost the host nothing and the other guests nothing.

CONFORMANCE_FLOOD is the flood's length in seconds: 10 unless set; 60 is what the project promises.
"""

import os
import random
import threading
import time

from conformance.case import MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS, NOISE, Fail, NotApplicable, case
from conformance.cases_answer import gaps
from conformance.cases_life import stopped
from conformance.daemon import Running, Settings
from lab import codec
from lab.capture import solicitation
from lab.links import OTHER_PREFIX, PREFIX

SECONDS = float(os.environ.get("CONFORMANCE_FLOOD", "10"))
SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
# How far another instance's schedule may be off while this one is flooded.
OTHER_SLACK = 0.05
AUTORA = ("autora",)
WAKES = "a daemon for many interfaces has to see them all"


def mixture(link, seed=4861):
    """Frames of each kind a hostile guest can think of, from 256 stations; shuffled, repeatable."""
    draw = random.Random(seed)
    frames = []
    for station in range(256):
        mac = f"02:00:5e:00:03:{station:02x}"
        src = codec.link_local(mac)
        oversized = b"".join(codec.option(200, bytes(6)) for _ in range(180))
        rogue = codec.ipv6(src, codec.ALL_NODES, codec.ra_packet(src, 9000, OTHER_PREFIX))
        claim = bytes([0x20, 0, 0, 0]) + codec.ip_bytes(src) + codec.option(2, codec.mac_bytes(mac))
        neighbour = codec.ipv6(src, codec.ALL_NODES, codec.icmp(src, codec.ALL_NODES, codec.ND_NA, 0, claim))
        frames += [
            solicitation(mac, src),
            solicitation(mac, src, options=b""),
            solicitation(mac, "::"),
            solicitation(mac, src, options=oversized),
            solicitation(mac, src, cut=draw.randrange(4, 8)),
            solicitation(mac, src, claim=draw.randrange(1, 40)),
            solicitation(mac, src, bad_checksum=True),
            solicitation(mac, src, options=bytes([draw.randrange(256), 0]) + bytes(6)),
            solicitation(mac, src, extension=(codec.EXT_FRAGMENT, codec.fragment_header(codec.ICMPV6))),
            solicitation(mac, src, extension=(codec.EXT_FRAGMENT, codec.fragment_header(codec.ICMPV6, 8, True, station))),
            solicitation(mac, src)[: draw.randrange(14, 70)],
            codec.frame(mac, codec.ALL_NODES_MAC, rogue),
            codec.frame(mac, codec.ALL_NODES_MAC, neighbour),
        ]
    draw.shuffle(frames)
    return frames


def flood(link, frames, until):
    """Send as fast as one thread can; the number of frames sent."""
    sent = 0
    send = link.sender.sock.send
    while time.time() < until:
        for frame in frames:
            try:
                send(frame)
                sent += 1
            except OSError:  # ENOBUFS: the link's own queue is full
                pass
    return sent


def wakeups(pid):
    """How often the process has gone to sleep of its own accord."""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("voluntary_ctxt_switches"))


def keep_asking(link, until):
    """The other guest asks every 5 s, meanwhile."""
    asked = []
    while time.time() < until - 4:
        asked.append(link.sender.solicit("::"))
        time.sleep(5)
    return asked


@case(
    "flood",
    "RFC 4861 6.2.6; hostile guests",
    f"{SECONDS:g} s of mixed flood: 3 s rule, CPU below 1 %, no growth, another instance undisturbed",
    alone=True,
    seconds=int(SECONDS) + 12,
)
def mixed_flood(bench):
    lab = bench.make_lab()
    other = lab.add_link(ifname="tap-cf1", peer="guest1", mac="02:00:5e:00:01:05", prefix=OTHER_PREFIX)
    bench.start(**SHORT)
    bench.daemons.append(Running(bench.adapter, lab.router, Settings(ifname="tap-cf1", prefix=OTHER_PREFIX, **SHORT)))
    bench.first()
    bench.quiet()
    frames = mixture(bench.link)
    daemon = bench.daemon
    # One short burst first, so that what is allocated once is not taken for growth.
    flood(bench.link, frames, time.time() + 0.5)
    bench.capture.listen_until(time.time() + 0.5)
    before = (daemon.cpu(), daemon.resident_kib(), daemon.descriptors(), len(daemon.text()))
    began = time.time()
    until = began + SECONDS
    asker = threading.Thread(target=keep_asking, args=(other, until))
    asker.start()
    sent = flood(bench.link, frames, until)
    asker.join()
    ended = time.time()
    if not daemon.alive():
        raise Fail(f"it ended with status {daemon.wait(0)} under {sent} frames")
    cpu, resident, descriptors, log = (
        now - then
        for now, then in zip((daemon.cpu(), daemon.resident_kib(), daemon.descriptors(), len(daemon.text())), before)
    )
    bench.capture.drain()
    other.capture.drain()
    ours = bench.capture.since(began - 3)
    problems = []
    multicast = [ra for ra in ours if ra.multicast]
    close = [gap for gap in gaps(multicast) if gap < MIN_DELAY_BETWEEN_RAS - NOISE]
    if close:
        problems.append(f"{len(close)} multicast RAs sooner than 3 s after another")
    if len(ours) > (ended - began + 3) / 3 + 2:
        problems.append(f"{len(ours)} RAs in {ended - began:.0f} s")
    if bench.adapter.sets_intervals and len(multicast) < SECONDS / (4 + MAX_RA_DELAY_TIME) - 1:
        problems.append(f"only {len(multicast)} multicast RAs: the flood starves them")
    if cpu > 0.01 * SECONDS:
        problems.append(f"{100 * cpu / SECONDS:.1f} % of CPU")
    if resident > 256:
        problems.append(f"{resident} KiB of growth")
    if descriptors > 0:
        problems.append(f"{descriptors} more descriptors")
    if log > 50_000:
        problems.append(f"{log} octets of log")
    theirs = [gap for gap in gaps(other.capture.since(began - 5)) if gap < 3 - NOISE or gap > 4 + OTHER_SLACK]
    if bench.adapter.sets_intervals and (theirs or len(other.capture.ras) < 2):
        problems.append(f"the other instance's intervals: {', '.join(f'{g:.2f}' for g in theirs) or 'none'} s")
    if problems:
        raise Fail("; ".join(problems) + f" ({sent} frames)")


def has(ra, prefix, preferred):
    pio = ra.prefix(prefix)
    return pio and pio.autonomous and bool(pio.preferred) == preferred


@case(
    "flood-change",
    "RFC 9096 3.5, RFC 4861 6.2.5; hostile guests",
    "amid a flood a replaced prefix is told within 8 s, and a stop withdraws within 4 s",
    alone=True,
    seconds=20,
)
def flood_change(bench):
    if not bench.adapter.follows_addresses:
        raise NotApplicable("its prefixes are configured, not read from the interface")
    bench.start(**SHORT)
    bench.first()
    done = threading.Event()

    def sender():
        frames = mixture(bench.link)
        while not done.is_set():
            flood(bench.link, frames, time.time() + 0.2)

    thread = threading.Thread(target=sender)
    thread.start()
    try:
        bench.capture.listen_until(time.time() + 1)
        began = time.time()
        bench.link.no_address()
        bench.link.address(OTHER_PREFIX)
        bench.expect(began, 8.0, "with the new prefix", lambda ra: has(ra, OTHER_PREFIX, preferred=True))
        bench.expect(began, 8.0, "that deprecates the old one", lambda ra: has(ra, PREFIX, preferred=False))
        when = stopped(bench)
    finally:
        done.set()
        thread.join()
    bench.capture.drain()
    if not bench.capture.since(when, lifetime=0):
        raise Fail("no final RA")


@case("flood-elsewhere", "events of other interfaces", "300 interfaces of others come and go: it wakes up less than 20 times", AUTORA, WAKES, alone=True, seconds=6)
def flood_elsewhere(bench):
    lab = bench.make_lab()
    bench.start(min_interval=45, max_interval=60)
    bench.first()
    before = wakeups(bench.daemon.pid)
    lines = []
    for n in range(300):
        lines += [f"link add lan{n} type bridge", f"addr add 2001:db8:f::{n:x}/128 dev lan{n} nodad", f"link del lan{n}"]
    lab.router.ip(*lines)
    woken = wakeups(bench.daemon.pid) - before
    if woken >= 20:
        raise Fail(f"{woken} wake-ups for 900 changes of other interfaces")
