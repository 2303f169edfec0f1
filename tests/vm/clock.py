"""The machine as the router: its wall clock jumps and it sleeps, while the host outside keeps the time."""

import time

from lab.namespace import Namespace
from vm.machine import Machine
from vm.watch import Watch

TAP, MAC = "tap-clock", "52:54:00:00:00:01"
DAY = 86400
# By how much the wall clock is off after each jump.
DAYS_OFF = 1, -1
# autora runs with these in ./router.
MIN_INTERVAL, MAX_INTERVAL = 3.0, 4.0
ASLEEP = 15
# The clocks of an emulated machine and of its host do not run quite alike.
EARLY, LATE = 0.1, 0.75


def tell_it(checks, image):
    host = Namespace()
    host.ip(f"tuntap add dev {TAP} mode tap", f"link set {TAP} up")
    watch = Watch(host, TAP)
    machine = Machine(host, image, TAP, MAC, watch, "router")
    try:
        story(checks, watch, machine)
    finally:
        if checks.failed:
            print(watch.text.decode("utf-8", "replace"))
        machine.power_off()


def said(watch, word, number, timeout=30):
    """The wall clock and the time since boot, when it said `word` for the nth time; None if it does not."""
    lines = watch.wait(lambda: [line for line in watch.lines() if line.startswith(word)][number - 1 : number], timeout)
    return [int(field) for field in lines[0].split()[1:]] if lines else None


def hear(watch, number):
    """So many more advertisements."""
    wanted = len(watch.ras) + number
    return watch.wait(lambda: len(watch.ras) >= wanted, number * MAX_INTERVAL + 5)


def story(checks, watch, machine):
    first = watch.wait(lambda: watch.ras, 60)
    if not checks.check(first, "the machine as the router: it advertises"):
        return
    hear(watch, 3)
    for number, jump in enumerate((DAY, -2 * DAY), start=1):
        machine.tell("clock", jump)
        wall, uptime = said(watch, "clock", number) or (0, 0)
        days = round((wall - time.time()) / DAY)
        seen = f"{days} day off the host's, {wall}, up for {uptime} s"
        checks.check(days == DAYS_OFF[number - 1], f"its wall clock jumps by {jump} s", seen)
        hear(watch, 2)
    gaps = intervals(watch.ras)
    right = all(MIN_INTERVAL - EARLY <= gap <= MAX_INTERVAL + LATE for gap in gaps)
    checks.check(right, "the schedule goes on as if nothing had been", f"{min(gaps):.2f} to {max(gaps):.2f} s")

    machine.tell("sleep", ASLEEP)
    asleep = said(watch, "asleep", 1)
    heard = len(watch.ras)
    awake = said(watch, "awake", 1, ASLEEP + 30)
    woke = time.time()
    slept = awake[1] - asleep[1] if awake else 0
    if not checks.check(slept >= ASLEEP - 2, "it sleeps (suspend to memory)", f"{slept} s of its time since boot"):
        return
    ra = watch.wait(lambda: next(iter(watch.ras[heard:]), None), 10)
    seen = f"{ra.time - woke:.2f} s" if ra else "none"
    checks.check(ra and abs(ra.time - woke) < 1.5, "awake: an advertisement within 1.5 s", seen)
    hear(watch, 2)
    gaps = intervals(watch.ras[heard:])
    checks.check(min(gaps) >= MIN_INTERVAL - EARLY, "awake: never two within 3 s", f"{min(gaps):.2f} s")
    machine.tell("end")
    final = watch.wait(lambda: watch.ras[-1].lifetime == 0, 10)
    checks.check(final, "stopped: the route is withdrawn")


def intervals(ras):
    return [after.time - before.time for before, after in zip(ras, ras[1:])]
