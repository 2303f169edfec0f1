#!/bin/bash
# Gets the guests and puts them behind autora: run.sh [--all | --write] [-v] [NAME...]
#
#   tests/guests/run.sh            the quick rows, in about 50 s; ends with 'N passed, N failed'
#   tests/guests/run.sh --all      all rows, with the clients of Debian 12 and of Debian's testing, gVisor, UEFI, GRUB
#   tests/guests/run.sh --write    all rows, and docs/guests.md from them
#
# The clients of Debian run in roots that are made once, below AUTORA_TEST_CACHE (/var/cache/autora-tests). AUTORA names
# another program than target/release/autora. Needs root or sudo.
set -eu -o pipefail

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/setup.sh
. "$here/../setup.sh"
CLIENTS=(network-manager dhcpcd-base connman ifupdown netplan.io)
# What smoltcp's crate needs; the daemon itself builds with less.
SMOLTCP_RUST_MINOR=91
# Where Debian's packages of Go code are.
GO_PACKAGES=/usr/share/gocode

suites=(trixie)
all=
for argument; do
    case $argument in
    --all | --write | *bookworm | *forky | uefi | grub | netstack) all=1 ;;
    esac
done

install_tools ip=iproute2 unshare=util-linux ping=iputils-ping tcpdump=tcpdump python3=python3 mmdebstrap=mmdebstrap \
    pkg-config=pkg-config cc=gcc
if [ -n "$all" ]; then
    suites+=(bookworm forky)
    install_tools qemu-system-x86_64=qemu-system-x86 grub-mkstandalone=grub-common go=golang-go
    [ -e /usr/share/OVMF/OVMF_CODE_4M.fd ] || install_packages ovmf
    [ -e /usr/lib/grub/x86_64-efi/efinet.mod ] || install_packages grub-efi-amd64-bin
    [ -e $GO_PACKAGES/src/gvisor.dev ] || install_packages golang-gvisor-gvisor-dev
fi
[ -e /usr/include/lwip/lwip/init.h ] || install_packages liblwip-dev
need_rust cargo

built=${CARGO_TARGET_DIR:-$here/../../target}/guests
mkdir -p "$built"
built=$(cd "$built" && pwd)
read -ra lwip < <(pkg-config --cflags --libs-only-L lwip)
cc -O1 -Wall -Wextra -Werror "${lwip[@]}" "$here/lwip.c" -o "$built/lwip" -llwip
if [ "$(rust_minor)" -ge "$SMOLTCP_RUST_MINOR" ]; then
    cd "$here/smoltcp"
    CARGO_TARGET_DIR=$built/one cargo build --quiet --release --locked
    CARGO_TARGET_DIR=$built/four cargo build --quiet --release --locked --features four-prefixes
    cd "$here"
fi
if [ -n "$all" ]; then
    GO111MODULE=off GOPATH=$GO_PACKAGES GOCACHE=$built/go go build -o "$built/netstack" "$here/netstack.go"
fi

roots=
for suite in "${suites[@]}"; do
    # What ifup runs for `inet6 dhcp`. Debian's testing has it no more.
    [ "$suite" = trixie ] && more=(isc-dhcp-client) || more=()
    root=$(as_root "$here/../system/root.sh" "$suite" "${CLIENTS[@]}" "${more[@]}") || fail "there is no root of $suite"
    roots="$roots $suite=$root"
done
as_root env AUTORA_GUESTS_ROOTS="$roots" AUTORA_GUESTS_BUILT="$built" \
    ${AUTORA:+AUTORA="$AUTORA"} python3 "$here/run.py" "$@"
