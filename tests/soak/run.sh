#!/bin/sh
# What only shows in the long run: many lives of one tap, restarts across a suspend, sends that fail for long.
#
#   tests/soak/run.sh                                           about a minute; ends with 'N passed, N failed'
#   AUTORA_SOAK_CYCLES=5000 AUTORA_SOAK_SECONDS=60 tests/soak/run.sh    what the project promises
#
# Needs root, Python 3.11, iproute2 and strace. AUTORA names another binary than target/release/autora.
set -eu

cd "$(dirname "$0")"
if [ "$(id -u)" -ne 0 ]; then
    echo "network namespaces, taps and packet sockets need root" >&2
    exit 2
fi
exec python3 -u soak.py "$@"
