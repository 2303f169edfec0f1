#!/bin/sh
# Builds the package inside Debian 13 with that system's own cargo and debhelper and looks at it with its lintian:
# build-in-debian13.sh DIRECTORY, which holds a copy of the sources in "autora" and gets the package. Needs root, and the network
# for the dependencies that Cargo.lock names.
set -eu

directory=$(cd "$1" && pwd)
tests=$(cd "$(dirname "$0")" && pwd)
root=$("$tests/root.sh" trixie build-essential ca-certificates cargo debhelper lintian rustc)
cache=${AUTORA_TEST_CACHE:-/var/cache/autora-tests}/cargo-home
mkdir -p "$cache"
# The host's certificates, as the host may have some of its own.
exec systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --volatile=overlay --console=pipe \
    --bind="$directory:/build" --bind="$cache:/root/.cargo" --bind-ro=/etc/ssl/certs --bind-ro=/etc/resolv.conf \
    --resolv-conf=off --setenv=CARGO_HOME=/root/.cargo \
    sh -euc 'cd /build/autora && cargo --version && dpkg-buildpackage -us -uc -b && lintian --pedantic --fail-on=error,warning ../*.changes'
