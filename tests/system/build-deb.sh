#!/bin/sh
# Builds the package from a copy of this tree, so that nothing is left in it: build-deb.sh DIRECTORY
set -eu

mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
tree=$PWD
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$tree/target/package}"
# Always at one place, whose path is among the compiler's arguments: so builds after the first one are short.
copy=$CARGO_TARGET_DIR/tree
mkdir -p "$copy"
exec 3>"$CARGO_TARGET_DIR/lock"
flock 3
rm -rf "$copy/source"
mkdir "$copy/source"
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar -C "$copy/source" --extract
cd "$copy/source"
dpkg-buildpackage -us -uc -b >"$out/build.log" 2>&1 || {
    tail -n 50 "$out/build.log" >&2
    exit 1
}
mv "$copy"/autora*_* "$out"
rm -rf "$copy"
