"""How large the binary is."""

import os

from bench import build


def measure(results):
    results.add("size", "autora", 1, os.path.getsize(build.PACKAGED) / 1024)
