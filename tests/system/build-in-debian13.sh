#!/bin/sh
# Builds the package twice in Debian 13, without a network and with that system's own cargo and debhelper, compares the
# results, and looks at sources and package with its lintian: build-in-debian13.sh DIRECTORY, which holds the source package and
# gets the package. Needs root.
set -eu

directory=$(cd "$1" && pwd)
tests=$(cd "$(dirname "$0")" && pwd)
root=$("$tests/root.sh" trixie build-essential cargo debhelper lintian rustc)
exec systemd-nspawn --quiet --register=no --keep-unit --directory="$root" --volatile=overlay --console=pipe --private-network \
    --bind="$directory:/build" --bind-ro="$tests/inside/build:/usr/local/bin/build" build
