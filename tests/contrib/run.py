#!/usr/bin/python3
"""Judge contrib/examples with the software that they are for. Called by run.sh, which gets that software.

    tests/contrib/run.sh                   all; ends with 'N passed, N failed'
    tests/contrib/run.sh nftables ansible  those whose name begins so
    tests/contrib/run.sh -v NAME           with everything that the programs wrote

The cases run as those of tests/scenarios do, each in namespaces of its own.
"""

import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "scenarios"))

import run  # noqa: E402  (the scenarios')

TOPICS = ["firewall", "monitoring", "hooks", "links", "fleet"]
PROGRAMS = ["nft", "tcpdump", "ip", "ping", "promtool", "prometheus", "prometheus-node-exporter", "systemd-analyze"]

if __name__ == "__main__":
    sys.exit(run.main(__doc__.split("\n")[0], TOPICS, PROGRAMS))
