"""The programs that are measured and measured with, built afresh where they changed."""

import glob
import json
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(TREE, "target", "bench")
DEBS = os.path.join(OUT, "debs")
# What is measured is what users get: the program in Debian's package.
PACKAGE = os.path.join(OUT, "package")
PACKAGED = os.path.join(PACKAGE, "usr", "bin", "autora")
DYNAMIC = os.path.join(TREE, "target", "release", "autora")


def tool(name):
    return os.path.join(OUT, name)


def _run(*command, **environment):
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def packaged():
    """The package and, unpacked, its binary."""
    shutil.rmtree(DEBS, ignore_errors=True)
    _run(os.path.join(TREE, "tests", "system", "build-deb.sh"), DEBS)
    [deb] = glob.glob(os.path.join(DEBS, "*.deb"))
    _run("dpkg-deb", "--extract", deb, PACKAGE)


def unit_environment():
    """What the unit in the package sets for an instance."""
    with open(os.path.join(PACKAGE, "usr/lib/systemd/system/autora@.service"), encoding="utf-8") as unit:
        lines = [line.strip().removeprefix("Environment=") for line in unit if line.startswith("Environment=")]
    return dict(line.split("=", 1) for line in lines)


def dynamic():
    """The same linked dynamically, as `cargo build --release` makes it."""
    _run("cargo", "build", "--release", "--locked")


def check():
    """benches/check.rs."""
    lines = _run("cargo", "bench", "--locked", "--bench", "check", "--no-run", "--message-format=json").splitlines()
    messages = map(json.loads, lines)
    built = next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "check")
    shutil.copy(built, tool("check"))


def tools():
    os.makedirs(OUT, exist_ok=True)
    sources = os.path.join(HERE, "tools")
    for name in ("launch", "idle", "blast", "late", "ask"):
        _run("cc", "-O2", "-Wall", "-static", "-o", tool(name), f"{sources}/{name}.c")
    _run("cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", tool("allocations.so"), f"{sources}/allocations.c")


def everything():
    tools()
    packaged()
    dynamic()
    check()


if __name__ == "__main__":
    everything()
