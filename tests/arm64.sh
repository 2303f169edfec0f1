#!/bin/bash
# The unit tests and lives in simulated time for arm64, on such a machine or under qemu-user. With --guest instead: the
# package's program is the router in an emulated machine with Debian's arm64 kernel, whose guest is this host's. It
# needs root. On another machine it needs a compiler from rustup, as Debian's comes without the standard library for arm64.
set -euo pipefail

cd "$(dirname "$0")/.."
# shellcheck source=tests/setup.sh
. tests/setup.sh
need_rust cargo

target=aarch64-unknown-linux-gnu
emulator_lacks=()
if [ "$(uname -m)" != aarch64 ]; then
    install_tools aarch64-linux-gnu-gcc=gcc-aarch64-linux-gnu qemu-aarch64-static=qemu-user-static
    [ -e /usr/aarch64-linux-gnu/include/stdio.h ] || install_packages libc6-dev-arm64-cross
    rustup target add "$target"
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
    # Its vfork is a fork, so that the parent does not hear that an exec failed.
    emulator_lacks=(-- --skip a_program_that_does_not_exist_is_an_error)
    export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER='qemu-aarch64-static -L /usr/aarch64-linux-gnu'
fi
if [ "${1:-}" = --guest ]; then
    install_tools qemu-system-aarch64=qemu-system-arm cpio=cpio xz=xz-utils
    # As debian/rules builds it.
    RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static -C force-unwind-tables=no --cfg getrandom_backend="linux_getrandom"' \
        cargo build --locked --release --target "$target"
    AUTORA=$PWD/target/$target/release/autora
    image=$(as_root env AUTORA="$AUTORA" tests/vm/image.sh arm64)
    as_root python3 -u tests/vm/arm64.py "$image"
    exit
fi
cargo test --locked --no-fail-fast --target "$target" --lib --package autora --package autora-core \
    "${emulator_lacks[@]}"
AUTORA_LIVES=${AUTORA_LIVES:-1000} cargo test --locked --target "$target" --profile sim --test sim
