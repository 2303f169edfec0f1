#!/usr/bin/env python3
"""What guests cost a host through systemd: time and memory, with the unit as it is and with others.

    tests/bench/unit.py [GUESTS [UNIT]...]

boots Debian 13 in a container, as tests/system does, and prints a table: 200 guests and all units, if not told otherwise.
A UNIT is shipped, belts (the example), bare (no sandbox option), idle (a program that only says that it is ready), or a
drop-in file FILE.conf.
"""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))

from bench import booted, build

# No option of the sandbox; what it runs as, and its limits, stay.
BARE = """[Service]
RestrictAddressFamilies=
RestrictNamespaces=no
DevicePolicy=auto
IPAddressDeny=
SystemCallArchitectures=
SystemCallFilter=
SystemCallFilter=
"""
IDLE = "[Service]\nExecStart=\nExecStart=/autora-tests/idle\n"
BELTS = os.path.join(build.TREE, "contrib", "examples", "systemd", "belts.conf")
UNITS = {"shipped": "", "bare": BARE, "idle": IDLE}
TIMES = ("served", "restarted", "one_more", "reloaded", "halved", "whole", "stopped")
# Of the host, in KiB; what is available shrinks.
MEMORY = ("available", "AnonPages", "Shmem", "Slab", "PageTables", "KernelStack", "Percpu", "VmallocUsed", "manager", "journald")


def main():
    guests = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    texts = {unit: _text(unit) for unit in sys.argv[2:] or ("shipped", "belts", "bare", "idle")}
    units = {os.path.basename(unit).removesuffix(".conf"): text for unit, text in texts.items()}
    build.packaged()
    build.tools()
    booted.set_up()
    files = [(f"{unit}.conf", text) for unit, text in units.items()]
    done = booted.boot("trixie", "unit.sh", {"GUESTS": guests, "UNITS": " ".join(units)}, files)
    if done.returncode != 0:
        sys.exit(done.stdout)
    found = {unit: {} for unit in units}
    for unit, key, value in re.findall(r"note: (\w+) (\w+) (-?\d+)", done.stdout):
        found[unit][key] = int(value)
    print(f"{guests} guests; seconds, and KiB of the host for each guest")
    print("| unit |", " | ".join((*TIMES, *MEMORY)), "|")
    print("|---" * (1 + len(TIMES) + len(MEMORY)) + "|")
    for unit, values in found.items():
        seconds = [f"{values[key] / 1e6:.1f}" if key in values else "" for key in TIMES]
        kib = [f"{values[key] * (-1 if key == 'available' else 1) / guests:.0f}" for key in MEMORY]
        print("|", " | ".join((unit, *seconds, *kib)), "|")


def _text(unit):
    if unit in UNITS:
        return UNITS[unit]
    with open(BELTS if unit == "belts" else unit, encoding="utf-8") as file:
        return file.read()


if __name__ == "__main__":
    main()
