#!/bin/sh
# Builds the package from a copy of this tree, so that nothing is left in it: build-deb.sh DIRECTORY
set -eu

out=$1
cd "$(dirname "$0")/../.."
tree=$PWD
mkdir -p "$out/source"
out=$(cd "$out" && pwd)
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar -C "$out/source" --extract
cd "$out/source"
# Builds after the first one are short.
CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$tree/target/package} \
    dpkg-buildpackage -us -uc -b >"$out/build.log" 2>&1 || {
    tail -n 50 "$out/build.log" >&2
    exit 1
}
rm -rf "$out/source"
