"""Solicitations, one interface after another, and under a flood on one of them."""

import os
import random
import re
import subprocess
import time

from bench import build
from bench.stage import percentile
from lab.process import die_with_parent

MAX_RA_DELAY_TIME = 0.5
MIN_DELAY_BETWEEN_RAS = 3.0
FLOODED = 0
RATE = 50_000


class Asker:
    """tools/ask.c: what Python takes for a step would be part of the result."""

    def __init__(self, stage):
        self.field = stage.field
        with stage.field.guests:
            self.process = subprocess.Popen(
                [build.tool("ask")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def ask(self, number, timer):
        """(when the answer is due, how long until that was settled at most), or None."""
        frame = self.field.solicitation(number).hex()
        self.process.stdin.write(f"{self.field.end[number]} {frame} {timer}\n")
        self.process.stdin.flush()
        sent, settled, due = map(int, self.process.stdout.readline().split())
        return (due / 1e9, (settled - sent) / 1e9) if sent else None


def timer_of(pid):
    """The path under which the kernel tells of the process's timer, of which the process knows nothing."""
    directory = f"/proc/{pid}/fd"
    found = [fd for fd in os.listdir(directory) if "timerfd" in os.readlink(f"{directory}/{fd}")]
    if len(found) != 1:
        raise RuntimeError(f"{len(found)} timers in process {pid}: how long it waits cannot be told")
    return f"/proc/{pid}/fdinfo/{found[0]}"


def left(timer):
    """Seconds until it is due."""
    with open(timer, encoding="ascii") as file:
        seconds, nanos = re.search(r"it_value: \((\d+), (\d+)\)", file.read()).groups()
    return int(seconds) + int(nanos) / 1e9


def measure(stage, herd, keys, count, among):
    """Delays in ms.  Without a random delay of the daemon's own: from the solicitation to what comes back.
    autora's cannot be turned off, so: until the timer was seen set, and from when it was due to the wire."""
    last = {}
    for when, number, _ in stage.ears.since(herd.begin):
        last[number] = when
    order = [n for n in among if n != FLOODED]
    random.Random(1).shuffle(order)
    asked = {}
    with Asker(stage) as asker:
        for number in order:
            if len(asked) == count:
                break
            if time.time() - last.get(number, 0) < MIN_DELAY_BETWEEN_RAS + 0.2:
                continue
            if stage.contender.name != "autora":
                asked[number] = (stage.field.solicit(number), 0.0)
            elif left(timer := timer_of(herd.pids[number])) > 2 * MAX_RA_DELAY_TIME:
                # What is not settled counts as lost.
                asked[number] = asker.ask(number, timer) or (time.time() + 3600, 0.0)
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
