"""Through udev and systemd, in booted Debian 12 and 13 systems that have the package: tests/system boots them."""

import os
import re
import shlex
import shutil
import subprocess
import tempfile

from bench import build

SYSTEM = os.path.join(build.TREE, "tests", "system")
SUITES = {"trixie": "autora", "bookworm": "autora, Debian 12"}
BATCH = 200
TOOLS = 'install_tools systemd-nspawn=systemd-container mmdebstrap=mmdebstrap'


def boot(suite, case, settings, files=()):
    """Runs a case of `inside` in a booted system that tests/system makes: the finished process.

    `settings` are the variables of its file of settings, `files` the names and texts of others beside it."""
    with tempfile.TemporaryDirectory(prefix="autora-bench-") as work:
        tests = f"{work}/tests"
        # The scripts that boot, with a case of our own instead of theirs.
        shutil.copytree(SYSTEM, tests, ignore=shutil.ignore_patterns("cases"))
        os.mkdir(f"{tests}/cases")
        shutil.copy(os.path.join(build.HERE, "inside", case), f"{tests}/cases")
        shutil.copy(build.tool("idle"), tests)
        lines = "".join(f"{name}={shlex.quote(str(value))}\n" for name, value in settings.items())
        for name, text in [("settings", lines), *files]:
            with open(f"{tests}/cases/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        root = subprocess.run([f"{SYSTEM}/root.sh", suite], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
        return subprocess.run([f"{tests}/boot.sh", root, build.DEBS, case], stdout=subprocess.PIPE, text=True)


def set_up():
    """Installs what it takes to boot."""
    subprocess.run(["bash", "-ec", f'. "$1"; {TOOLS}', "setup", f"{build.TREE}/tests/setup.sh"], check=True)


def measure(results, say, quick):
    set_up()
    others, samples, turns = (20, 5, 1) if quick else (1000, 20, 2)
    for suite, who in SUITES.items():
        say(f"booted: {suite}")
        done = boot(suite, "booted.sh", {"OTHERS": others, "SAMPLES": samples, "TURNS": turns, "BATCH": BATCH})
        _take(results, who, done.stdout)
        if done.returncode != 0:
            results.note(f"{suite}: a booted case failed: {done.stdout[-600:]}")


def _take(results, who, text):
    """The samples that the case printed, in microseconds."""
    samples = {}
    for key, value in re.findall(r"note: (\w+) (\d+)", text):
        samples.setdefault(key, []).append(int(value))
    [others] = samples.get("others", [0])
    if "one" in samples:
        results.add("one_booted", who, others, [us / 1000 for us in samples["one"]])
    if "batch" in samples:
        results.add("batch_booted", who, BATCH, [us / 1e6 for us in samples["batch"]])
    if "floor" in samples:
        pairs = zip(samples["batch"], samples["floor"])
        results.add("batch_ratio", who, BATCH, [own / floor for own, floor in pairs])
        results.add("batch_booted", "do-nothing daemon" + who.removeprefix("autora"), BATCH, [us / 1e6 for us in samples["floor"]])
