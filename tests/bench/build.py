"""The programs that are measured and measured with, built afresh where they changed."""

import json
import os
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(os.path.dirname(HERE))
OUT = os.path.join(TREE, "target", "bench")
# Of Debian's package: its own rules build it, so that the flags stand in one place.
PACKAGED = os.path.join(TREE, "debian", "built", "autora")
DYNAMIC = os.path.join(TREE, "target", "release", "autora")


def tool(name):
    return os.path.join(OUT, name)


def _run(*command, **environment):
    done = subprocess.run(command, cwd=TREE, capture_output=True, text=True, env={**os.environ, **environment})
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)}:\n{(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


def packaged():
    """The binary as Debian's package has it."""
    _run("make", "-f", "debian/rules", "override_dh_auto_build", CARGO_TARGET_DIR="target/package")
    return PACKAGED


def dynamic():
    """The same linked dynamically, as `cargo build --release` makes it."""
    _run("cargo", "build", "--release", "--locked")
    return DYNAMIC


def check():
    """benches/check.rs."""
    lines = _run("cargo", "bench", "--locked", "--bench", "check", "--no-run", "--message-format=json").splitlines()
    messages = map(json.loads, lines)
    return next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "check")


def tools():
    os.makedirs(OUT, exist_ok=True)
    sources = os.path.join(HERE, "tools")
    for name in ("launch", "idle", "blast"):
        _run("cc", "-O2", "-Wall", "-static", "-o", tool(name), f"{sources}/{name}.c")
    _run("cc", "-O2", "-Wall", "-shared", "-fPIC", "-o", tool("allocations.so"), f"{sources}/allocations.c")
