"""Doing nothing but what the intervals ask for; and strangers that come and go meanwhile."""

import time

from bench.contenders import SHORTEST
from bench.stage import sleep_until

EVENTS = 20


def quiet(stage, herd, seconds):
    """Wake-ups and CPU in a window without anything but advertisements."""
    begin, wakeups, cpu = time.time(), sum(herd.wakeups()), sum(herd.cpu())
    sleep_until(begin + seconds)
    wakeups, cpu = sum(herd.wakeups()) - wakeups, sum(herd.cpu()) - cpu
    end = time.time()
    sent = stage.ears.count(begin, end)
    per = 60 / (end - begin) / stage.size
    stage.add("idle_wakeups", wakeups * per)
    if stage.contender.each:
        # One process for all sends several advertisements upon one.
        stage.add("idle_more", (wakeups - sent) * per)
    if sent:
        stage.add("idle_cpu", cpu / sent / 1000)


def ratio(results, size):
    """In one run: autora's CPU of that of radvd's one process, for each advertisement."""
    own, radvd = (results.get("idle_cpu", who, size) for who in ("autora", "radvd"))
    if own and radvd:
        results.add("idle_ratio", "autora", size, own.median / radvd.median)


def calm(herd):
    """Until the processes have hardly anything to do, for a minute at most."""
    deadline = time.monotonic() + 60
    busy = 1.0
    while busy > 0.2 and time.monotonic() < deadline:
        before = sum(herd.cpu())
        time.sleep(0.5)
        busy = (sum(herd.cpu()) - before) / 1e9 / 0.5


def strangers(stage, herd):
    """Bridges of somebody else are made, changed and deleted."""
    heavy = stage.contender.quadratic and stage.size >= 1000
    events = 1 if heavy else EVENTS
    for repetition in range(1 if heavy else stage.window(3, 1)):
        calm(herd)
        begin, wakeups, cpu = time.time(), sum(herd.wakeups()), sum(herd.cpu())
        for n in range(events):
            name = f"lan{repetition}-{n}"
            stage.field.host.ip(f"link add {name} type bridge")
            stage.field.host.ip(f"link set {name} up mtu 1400", f"addr add 2001:db8:fffe:{n:x}::1/64 dev {name} nodad")
            stage.field.host.ip(f"link del {name}")
        # They may be at it for a while.
        calm(herd)
        wakeups, cpu = sum(herd.wakeups()) - wakeups, sum(herd.cpu()) - cpu
        sent = stage.ears.count(begin, time.time())
        # What is left of the wake-ups when each advertisement took one, and not below nothing.
        stage.add("event_wakeups", max(0, wakeups - sent) / events)
        stage.add("event_cpu", cpu / events / 1000)


def busy(stage):
    """CPU per advertisement at the shortest intervals; with many instances each finds cold caches."""
    with stage.started(SHORTEST) as herd:
        stage.await_first(herd)
        time.sleep(1)
        for _ in range(stage.window(3 if stage.size >= 1000 else 2, 1)):
            begin, cpu = time.time(), sum(herd.cpu())
            time.sleep(4)
            cpu = sum(herd.cpu()) - cpu
            sent = stage.ears.count(begin, time.time())
            stage.add("ra_cpu", cpu / max(1, sent) / 1000)
            if sent < stage.size * 0.8:
                stage.note(f"at intervals of 3 to 4 s only {sent} advertisements in 4 s")
