"""What was measured, and on what."""

import os
import platform
import time

from bench import build
from conformance import adapters
from lab.process import first_line


def describe():
    """Lines for the head of the table."""
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
        model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), "?")
    with open("/proc/meminfo", encoding="ascii") as file:
        memory = int(file.readline().split()[1]) // 1048576
    versions = [f"{adapter.name} {adapter.version()}" for adapter in adapters.ALL.values() if not adapter.missing()]
    return [
        f"Run on {time.strftime('%Y-%m-%d')}, Linux {platform.release().split('-')[0]}, {model}, "
        f"{os.cpu_count()} processors, {memory} GiB, load before: {os.getloadavg()[0]:.2f}.",
        f"Versions: {', '.join(v for v in versions if not v.startswith(('FRR', 'networkd')))}; {first_line('rustc', '--version')}; "
        f"the binary is the package's ({os.path.relpath(build.PACKAGED, build.TREE)}).",
    ]
