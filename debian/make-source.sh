#!/bin/bash
# Makes the source package of this tree, with the crates that a build takes, so that it builds offline:
# make-source.sh DIRECTORY. Unlike this repository, its second archive holds those crates as cargo vendor writes them.
set -euo pipefail

mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")/.."
version=$(dpkg-parsechangelog --show-field Version)
upstream=${version%-*}
source=$out/autora-$upstream
rm -rf "$source"
mkdir "$source"

# The same files give the same archive.
archive() {
    tar --sort=name --format=gnu --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw \
        --mtime="@$(dpkg-parsechangelog --show-field Timestamp)" --create --file=- "$@" | xz --threads=1
}

git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar -C "$source" --extract
archive -C "$out" --exclude="autora-$upstream/debian" "autora-$upstream" >"$out/autora_$upstream.orig.tar.xz"

# Cargo wants to see every crate of Cargo.lock, also those for tests and for other systems. Of these only the manifest
# stays, for a library without code: what debian/copyright has no paragraph for is not distributed.
cargo vendor --quiet --locked --versioned-dirs "$source/vendor" >"$out/vendor.log"
for crate in "$source"/vendor/*; do
    grep -qxF "Files: vendor/${crate##*/}/*" debian/copyright && continue
    find "$crate" -type f -not -path "$crate/Cargo.toml" -not -path "$crate/.cargo-checksum.json" -delete
    find "$crate" -mindepth 1 -type d -empty -delete
    mkdir -p "$crate/src"
    : >"$crate/src/lib.rs"
    sed -i 's/"files":{[^}]*}/"files":{}/' "$crate/.cargo-checksum.json"
done
archive -C "$source" vendor >"$out/autora_$upstream.orig-vendor.tar.xz"

# No build dependencies are needed to pack the sources.
cd "$source"
dpkg-buildpackage -us -uc -S -nc -d
