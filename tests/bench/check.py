"""What an instance does for each packet: the look at its interface, system calls, allocations."""

import mmap
import os
import re
import subprocess
import tempfile
import time

from bench import build
from bench.contenders import AUTORA, SHORTEST
from bench.field import tap
from bench.herd import Herd
from lab.process import die_with_parent

# A frame to all nodes, as strace prints it.
SEND = re.compile(r'^\d+ +send(?:to|msg)?\(\d+, "33\\0\\0\\0\\1', re.MULTILINE)


def look(field, results, quick):
    """Hot, since it is repeated at once; "CPU per advertisement" has the cold one in it."""
    rounds, readings = ("5", "200") if quick else ("15", "1000")
    out = field.host.run(build.tool("check"), tap(0), rounds, readings)
    results.add("check", "autora", field.size, [float(line) for line in out.split()])


def calls(stage):
    """System calls by strace's count, of one instance at the shortest intervals."""
    seconds = stage.window(16, 8)
    with stage.started(SHORTEST) as herd:
        stage.await_first(herd)
        with tempfile.NamedTemporaryFile("r", prefix="autora-bench-") as out:
            strace = subprocess.Popen(
                ["strace", "-f", "-o", out.name, "-p", str(herd.pids[0])],
                stderr=subprocess.DEVNULL,
                preexec_fn=die_with_parent,
            )
            time.sleep(seconds)
            strace.terminate()
            strace.wait()
            log = out.read()
    # Each round begins where the process goes to sleep and ends where it does so again: whole rounds only.
    rounds = re.split(r"^\d+ +p?poll\(.*$", log, flags=re.MULTILINE)[1:-1]
    sent = [text for text in rounds if SEND.search(text)]
    counts = {}
    for name in re.findall(r"^\d+ +(\w+)\(", "".join(sent), re.MULTILINE):
        counts[name] = counts.get(name, 0) + 1
    # And the poll.
    stage.add("syscalls", sum(counts.values()) / len(sent) + 1)
    stage.add("sends", sum(len(SEND.findall(text)) for text in sent) / len(sent))
    words = ", ".join(f"{n / len(sent):g} {name}" for name, n in counts.items())
    stage.results.note(f"autora's system calls per advertisement: 1 poll, {words}")


def allocations(stage):
    """Counted by a library that is preloaded, in the binary that is linked dynamically."""
    seconds = stage.window(16, 8)
    with tempfile.TemporaryDirectory(prefix="autora-bench-") as directory:
        path = os.path.join(directory, "allocations")
        with open(path, "wb") as file:
            file.write(bytes(8))
        environment = {"ALLOCATIONS": path, "LD_PRELOAD": build.tool("allocations.so")}
        [command], own = AUTORA.commands(1, directory, SHORTEST)
        stage.ears.forget()
        with Herd(stage.field.host, [[build.DYNAMIC, *command[1:]]], directory, {**environment, **own}) as herd:
            stage.await_first(herd, 1)
            # Behind the first two, which are the end of the start.
            time.sleep(5)
            with open(path, "rb") as file, mmap.mmap(file.fileno(), 8, prot=mmap.PROT_READ) as shared:
                begin, before = time.time(), int.from_bytes(shared[:8], "little")
                time.sleep(seconds)
                made = int.from_bytes(shared[:8], "little") - before
            sent = len(stage.ears.since(begin))
    stage.add("allocations", made / sent)
