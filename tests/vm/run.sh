#!/bin/sh
# A real virtual machine behind a real tap: QEMU (emulated), Debian's kernel, a tiny init.
#
#   tests/vm/run.sh        ends with 'N passed, N failed'
#
# Needs root, Python 3.11, iproute2, and Debian's qemu-system-x86, cpio, xz-utils and openvswitch-switch. AUTORA names another binary than
# target/release/autora, AUTORA_TEST_CACHE another place than /var/cache/autora-tests for the guest's kernel.
set -eu

cd "$(dirname "$0")"
if [ "$(id -u)" -ne 0 ]; then
    echo "network namespaces, taps and packet sockets need root" >&2
    exit 2
fi
image=$(./image.sh)
# Cases may take a while; each line is to be seen when it is written.
exec python3 -u vm.py "$image"
