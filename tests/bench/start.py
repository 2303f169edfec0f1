"""From the start of everything to the first advertisement of each; what the processes take of memory."""

import os
import tempfile
import time

from bench import build
from bench.herd import Herd, kernel_memory


def floor(field, results):
    """The launcher and the kernel alone: as many static processes that do nothing."""
    with tempfile.TemporaryDirectory(prefix="autora-bench-") as directory:
        for _ in range(3):
            before = kernel_memory()
            with Herd(field.host, [[build.tool("idle")]] * field.size, directory) as herd:
                results.add("launch_floor", "empty process", field.size, herd.launched - herd.begin)
                time.sleep(0.5)
                _kernel(results, "empty process", field.size, before)
                private(results, "empty process", field.size, herd)
            time.sleep(0.5)


def starts(stage, herd):
    """Judge a start that has just happened."""
    first = stage.await_first(herd)
    stage.add("first_all", max(first.values()) - herd.begin)
    stage.add("first_lost", stage.size - len(first))
    if len(first) < stage.size:
        stage.note(f"{stage.size - len(first)} interfaces had no advertisement within {stage.contender.patience} s")


def repeated(stage):
    """All starts but the last one, which the other figures go on with."""
    for _ in range(stage.window(stage.contender.starts, 1) - 1):
        with stage.started() as herd:
            starts(stage, herd)


def memory(stage, herd, before):
    """Once the start is over.  The kernel's first: reading /proc takes memory as well."""
    time.sleep(1.0)
    if stage.contender.each:
        _kernel(stage.results, stage.contender.name, stage.size, before)
    private(stage.results, stage.contender.name, stage.size, herd)


def memory_later(stage, herd):
    stage.add("private_dirty_later", sum(herd.memory("Private_Dirty")) / stage.size)


def _kernel(results, who, size, before):
    # Of few processes it is lost in what the kernel does anyway.
    if size < 100:
        return
    after = kernel_memory()
    for key, kind in (("slab", "Slab"), ("page_tables", "PageTables"), ("stack", "KernelStack")):
        results.add(key, who, size, (after[kind] - before[kind]) / size)


def private(results, who, size, herd):
    """The processes' own memory."""
    # Pages of a fresh file that are not written yet count as private.
    os.sync()
    results.add("private_dirty", who, size, sum(herd.memory("Private_Dirty")) / size)
    results.add("pss", who, size, sum(herd.memory("Pss")) / size)
