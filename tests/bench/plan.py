"""The order of the measurements."""

import contextlib
import os

from bench import answers, booted, build, check, contenders, eligible, idle, machine, pages, path, size, start
from bench.field import Ears, Field
from bench.herd import kernel_memory
from bench.results import Results
from bench.stage import Stage, sleep_until

# The first three advertisements are at most 16 s apart (RFC 4861, 6.2.4).
INITIAL = 36.0
LARGEST, MANY = 4000, 2000
ANSWER = ("answer_median", "answer_p99")


def measure(say, parts, sizes, names, quick):
    results = Results()
    say("building")
    build.everything()
    results.machine = machine.describe()
    size.measure(results)
    chosen = [c for c in contenders.ALL if not names or c.name in names]
    for contender in list(chosen):
        if reason := contender.missing():
            results.note(f"{contender.name} is left out: {reason}")
            chosen.remove(contender)
    if "scale" in parts:
        for n in sizes:
            with laid_out(n, say) as (field, ears):
                start.floor(field, results)
                answers.floor(results, n, ANSWER)
                check.look(field, results, quick)
                for contender in chosen:
                    scale(Stage(field, ears, contender, results, quick, say))
                idle.ratio(results, n)
    if "calls" in parts:
        with laid_out(10, say) as (field, ears):
            stage = Stage(field, ears, contenders.AUTORA, results, quick, say)
            say("system calls and allocations")
            stage.attempt(check.calls)
            stage.attempt(check.allocations)
    if "path" in parts:
        largest = 200 if quick else LARGEST
        with laid_out(largest + 1, say) as (field, ears):
            stage = Stage(field, ears, contenders.AUTORA, results, quick, say)
            check.look(field, results, quick)
            say(f"first and final advertisements of {min(MANY, largest)}")
            stage.attempt(path.many, min(MANY, largest))
            stage.attempt(path.measure, [1, 100] if quick else [1, 100, 1000, largest])
    if "booted" in parts:
        booted.measure(results, say, quick)
    return results


@contextlib.contextmanager
def laid_out(n, say):
    say(f"{n} interfaces")
    field = Field(n)
    ears = Ears(field)
    try:
        yield field, ears
    finally:
        ears.close()
        field.close()


def scale(stage):
    """Everything of one daemon at one number of interfaces."""
    name, n = stage.contender.name, stage.size
    stage.say(f"N = {n}, {name}: starts")
    stage.attempt(start.repeated)
    stage.attempt(longer)
    # dnsmasq takes the interval of its first minute from nobody; of many radvd each packet costs all of them so much
    # that they never get done.
    drowns = stage.contender.quadratic and n >= 1000
    if stage.contender is not contenders.DNSMASQ and not drowns:
        stage.say(f"N = {n}, {name}: the shortest intervals")
        stage.attempt(idle.busy)


def longer(stage):
    """What is asked of one that runs for a while."""
    name, n = stage.contender.name, stage.size
    before = kernel_memory()
    with stage.started() as herd:
        start.starts(stage, herd)
        start.memory(stage, herd, before)
        if n >= 1000 or stage.quick:
            stage.say(f"N = {n}, {name}: events, answers, flood, newcomers")
            stage.attempt(idle.strangers, herd)
            if stage.contender.quadratic and n >= 1000:
                stage.note("not asked, flooded or set to the shortest intervals: each event costs seconds of all processors")
            else:
                # Between the first advertisements and the second, 16 s later: who has just advertised may not answer.
                sleep_until(herd.begin + 4)
                stage.attempt(answers.measure, herd, ANSWER, stage.window(200, 20), range(n))
                stage.attempt(answers.flood, herd)
                stage.attempt(eligible.measure, herd)
            sleep_until(herd.begin + stage.window(INITIAL, 0))
            stage.say(f"N = {n}, {name}: idle")
            own = stage.contender.name in ("autora", "radvd")
            stage.attempt(idle.quiet, herd, stage.window(45 if own else 20, 5))
            start.memory_later(stage, herd)
        if herd.alive() < len(herd.pids):
            stage.note(f"{len(herd.pids) - herd.alive()} processes ended by themselves: {herd.last_words()}")


def write(results, home, seconds):
    """The table and the plots; a trial's go to target/bench."""
    home = home or build.OUT
    results.save(os.path.join(build.OUT, "results.json"))
    return pages.write(results, home, seconds)
