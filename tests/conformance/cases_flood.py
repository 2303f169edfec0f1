"""A guest that floods its router must cost the host nothing and the other guests nothing.

CONFORMANCE_FLOOD is the flood's length in seconds: 10 unless set; 60 is what the project promises.
"""

import os
import random
import threading
import time

import wire
from capture import solicitation
from case import MAX_RA_DELAY_TIME, MIN_DELAY_BETWEEN_RAS, NOISE, Fail, case
from cases_answer import gaps
from daemon import Running, Settings
from lab import OTHER_PREFIX

SECONDS = float(os.environ.get("CONFORMANCE_FLOOD", "10"))
SHORT = {"min_interval": 3, "max_interval": 4, "router_lifetime": 60}
# How far another instance's schedule may be off while this one is flooded.
OTHER_SLACK = 0.05


def mixture(link, seed=4861):
    """Frames of each kind a hostile guest can think of, from 256 stations; shuffled, repeatable."""
    draw = random.Random(seed)
    frames = []
    for station in range(256):
        mac = f"02:00:5e:00:03:{station:02x}"
        src = wire.link_local(mac)
        oversized = b"".join(wire.option(200, bytes(6)) for _ in range(180))
        rogue = wire.ipv6(src, wire.ALL_NODES, wire.ra_packet(src, 9000, OTHER_PREFIX))
        claim = bytes([0x20, 0, 0, 0]) + wire.ip_bytes(src) + wire.option(2, wire.mac_bytes(mac))
        neighbour = wire.ipv6(src, wire.ALL_NODES, wire.icmp(src, wire.ALL_NODES, wire.ND_NA, 0, claim))
        frames += [
            solicitation(mac, src),
            solicitation(mac, src, options=b""),
            solicitation(mac, "::"),
            solicitation(mac, src, options=oversized),
            solicitation(mac, src, cut=draw.randrange(4, 8)),
            solicitation(mac, src, claim=draw.randrange(1, 40)),
            solicitation(mac, src, bad_checksum=True),
            solicitation(mac, src, options=bytes([draw.randrange(256), 0]) + bytes(6)),
            solicitation(mac, src, extension=(wire.EXT_FRAGMENT, wire.fragment_header(wire.ICMPV6))),
            solicitation(mac, src, extension=(wire.EXT_FRAGMENT, wire.fragment_header(wire.ICMPV6, 8, True, station))),
            solicitation(mac, src)[: draw.randrange(14, 70)],
            wire.frame(mac, wire.ALL_NODES_MAC, rogue),
            wire.frame(mac, wire.ALL_NODES_MAC, neighbour),
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
    before = (daemon.cpu(), daemon.resident_kib(), daemon.descriptors(), len(daemon.log_text()))
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
        for now, then in zip((daemon.cpu(), daemon.resident_kib(), daemon.descriptors(), len(daemon.log_text())), before)
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
    if len(multicast) < SECONDS / (4 + MAX_RA_DELAY_TIME) - 1:
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
    if theirs or len(other.capture.ras) < 2:
        problems.append(f"the other instance's intervals: {', '.join(f'{g:.2f}' for g in theirs) or 'none'} s")
    if problems:
        raise Fail("; ".join(problems) + f" ({sent} frames)")
