"""How large the binary is."""

import os

import build


def measure(results):
    for key, path in (("size_static", build.PACKAGED), ("size_dynamic", build.DYNAMIC)):
        results.add(key, "autora", 1, os.path.getsize(path) / 1024)
