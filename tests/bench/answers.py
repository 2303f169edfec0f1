"""Solicitations, one interface after another, and under a flood on one of them."""

import os
import random
import re
import subprocess
import time

import build
from daemon import die_with_parent
from stage import percentile

MAX_RA_DELAY_TIME = 0.5
MIN_DELAY_BETWEEN_RAS = 3.0
FLOODED = 0
RATE = 50_000


class Timer:
    """The timer of a process, read from /proc: the process knows nothing of it."""

    def __init__(self, pid):
        directory = f"/proc/{pid}/fd"
        found = [fd for fd in os.listdir(directory) if "timerfd" in os.readlink(f"{directory}/{fd}")]
        if len(found) != 1:
            raise RuntimeError(f"{len(found)} timers in process {pid}: how long it waits cannot be told")
        self.path = f"/proc/{pid}/fdinfo/{found[0]}"

    def left(self):
        """Seconds until it fires."""
        with open(self.path, encoding="ascii") as file:
            seconds, nanos = re.search(r"it_value: \((\d+), (\d+)\)", file.read()).groups()
        return int(seconds) + int(nanos) / 1e9


def measure(stage, herd, keys, count, among):
    """Delays in ms.  Without a random delay of the daemon's own: from the solicitation to what comes back.
    autora's cannot be turned off, so: until the timer was seen set, and from when it was due to the wire."""
    last = {}
    for when, number, _ in stage.ears.since(herd.begin):
        last[number] = when
    asked = {}
    order = [n for n in among if n != FLOODED]
    random.Random(1).shuffle(order)
    for number in order:
        if len(asked) == count:
            break
        if time.time() - last.get(number, 0) < MIN_DELAY_BETWEEN_RAS + 0.2:
            continue
        if stage.contender.name == "autora":
            timer = Timer(herd.pids[number])
            if timer.left() < 2 * MAX_RA_DELAY_TIME:
                continue
            asked[number] = _ask(stage, number, timer)
        else:
            asked[number] = (stage.field.solicit(number), 0.0)
        time.sleep(0.015)
    if not asked:
        stage.note("nobody could be asked: all had just advertised")
        return
    stage.ears.wait_for(lambda: len(_answers(stage, asked)) == len(asked), 10 if stage.contender.name == "dnsmasq" else 2)
    answers = _answers(stage, asked)
    delays = [(answers[n] - asked[n][0] + asked[n][1]) * 1000 for n in answers]
    stage.add("answer_lost", 100 * (1 - len(answers) / len(asked)))
    if delays:
        stage.add(keys[0], percentile(delays, 0.5))
        stage.add(keys[1], percentile(delays, 0.99))


def _ask(stage, number, timer):
    """(when the answer is due, how long until that was settled at most)"""
    sent = stage.field.solicit(number)
    while True:
        # Whoever was woken on this very processor goes first.
        os.sched_yield()
        now = time.time()
        left = timer.left()
        settled = time.time()
        if left <= MAX_RA_DELAY_TIME:
            return now + left, settled - sent
        if settled - sent > 0.1:
            return now + left, 0.0


def _answers(stage, asked):
    found = {}
    for when, number, _ in stage.ears.since(min(due for due, _ in asked.values())):
        if number in asked and when >= asked[number][0]:
            found.setdefault(number, when)
    return found


def floor(results, size, keys):
    """How late a timer's process is woken, with nothing to do but that."""
    out = subprocess.run([build.tool("late"), "100"], check=True, stdout=subprocess.PIPE, text=True).stdout
    delays = [float(line) for line in out.split()]
    results.add(keys[0], "empty process", size, percentile(delays, 0.5))
    results.add(keys[1], "empty process", size, percentile(delays, 0.99))


def flood(stage, herd):
    """50,000 solicitations a second from one guest: what its process does, and what the others still do."""
    seconds = stage.window(8, 5)
    frame = stage.field.solicitation(FLOODED).hex()
    with stage.field.guests:
        blast = subprocess.Popen(
            [build.tool("blast"), f"guest-{FLOODED}", frame, str(seconds * 1000), str(RATE // 1000), str(RATE)],
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=die_with_parent,
        )
    time.sleep(0.5)
    begin, cpu, wakeups = time.time(), herd.cpu()[0], herd.wakeups()[0]
    if stage.size > FLOODED + 1:
        keys = ("answer_flooded_median", "answer_flooded_p99")
        measure(stage, herd, keys, min(stage.size - 1, stage.window(100, 20)), range(stage.size))
        if stage.contender.name == "autora":
            floor(stage.results, stage.size, keys)
    time.sleep(max(0.0, begin + seconds - 1 - time.time()))
    end, cpu, wakeups = time.time(), herd.cpu()[0] - cpu, herd.wakeups()[0] - wakeups
    try:
        sent = int(blast.communicate(timeout=seconds + 10)[0])
    except subprocess.TimeoutExpired:
        blast.kill()
        blast.communicate()
        stage.note("the flood never got through: the machine was too busy; its figures are left out")
        return
    if sent < 0.9 * seconds * RATE:
        stage.note(f"the flood was only {sent / seconds:,.0f} solicitations a second")
    answers = sum(number == FLOODED for when, number, _ in stage.ears.since(begin) if when < end)
    stage.add("flood_cpu", 100 * cpu / 1e9 / (end - begin))
    stage.add("flood_wakeups", wakeups / (end - begin))
    stage.add("flood_ras", answers * 3 / (end - begin))
