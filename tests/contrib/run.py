#!/usr/bin/python3
"""Judge contrib/examples with the software that they are for. Called by run.sh, which gets that software.

    tests/contrib/run.sh                   all; ends with 'N passed, N failed'
    tests/contrib/run.sh nftables ansible  those whose name begins so
    tests/contrib/run.sh -v NAME           with everything that the programs wrote

The cases run as those of tests/scenarios do, each in namespaces of its own.
"""

import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from scenarios import run

TOPICS = ["contrib.firewall", "contrib.monitoring", "contrib.hooks", "contrib.links", "contrib.fleet"]
PROGRAMS = ["nft", "tcpdump", "ip", "ping", "promtool", "prometheus", "prometheus-node-exporter", "systemd-analyze"]

if __name__ == "__main__":
    sys.exit(run.main(__doc__.split("\n")[0], TOPICS, PROGRAMS))
