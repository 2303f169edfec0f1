#!/bin/sh
# Prints each Debian package of which the static program holds a part, and its source: linked-in.sh CC RUST-TARGET.
# A standard library from rustup belongs to none.
set -eu

for file in "$("$1" -print-file-name=libc.a)" "$("$1" -print-file-name=libgcc.a)" \
    "$(rustc --print target-libdir --target "$2")"/libstd-*.rlib; do
    owner=$(dpkg-query --search "$(readlink --canonicalize "$file")" 2>/dev/null) || continue
    # shellcheck disable=SC2016 # these are dpkg's
    dpkg-query --show --showformat='${Package} ${source:Package} (= ${source:Version})\n' "${owner%: *}"
done
