# shellcheck shell=bash
# Sourced by the scripts beside it: the packages and the compiler that they need.

# The oldest compiler that Cargo.toml promises to build with.
RUST_MINOR_WANTED=85

# The tools live in sbin, which is not on an ordinary user's path.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export LC_ALL=C.UTF-8

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo --preserve-env=AUTORA_TEST_CACHE,AUTORA_TEST_SLOW -- "$@"
    else
        fail "this needs root: run it as root, or install sudo: $*"
    fi
}

# packages_for TOOL=PACKAGE... prints the packages of the tools that are missing.
packages_for() {
    local pair
    for pair; do
        command -v "${pair%%=*}" >/dev/null || printf '%s\n' "${pair#*=}"
    done
}

# install_packages PACKAGE... does nothing when there is nothing to install.
install_packages() {
    [ $# -gt 0 ] || return 0
    command -v apt-get >/dev/null ||
        fail "apt-get is not here; please install what corresponds to Debian's: $*"
    echo "Installing $* (apt-get)"
    as_root apt-get -qq update
    # The daemons among them run in namespaces; their packages must start none on this host.
    local policy=/usr/sbin/policy-rc.d ours='' said status=0
    if [ ! -e "$policy" ]; then
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
        ours=1
    fi
    said=$(as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --yes --no-install-recommends "$@" 2>&1) || status=$?
    [ -z "$ours" ] || as_root rm -f "$policy"
    [ "$status" -eq 0 ] || fail "apt-get could not install $*: $said"
}

# install_tools TOOL=PACKAGE...
install_tools() {
    local missing
    mapfile -t missing < <(packages_for "$@" | sort -u)
    install_packages "${missing[@]}"
}

rust_minor() {
    rustc --version 2>/dev/null | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p'
}

# The minor version of the rustc that apt-get would install.
debian_rust_minor() {
    apt-cache policy rustc 2>/dev/null | sed -n 's/^ *Candidate: 1\.\([0-9]*\)\..*/\1/p'
}

# need_rust PACKAGE... makes cargo available: the one that is there if it is new
# enough, else Debian's packages if they are.
need_rust() {
    if [ -e "${CARGO_HOME:-$HOME/.cargo}/env" ]; then
        # shellcheck source=/dev/null
        . "${CARGO_HOME:-$HOME/.cargo}/env"
    fi
    if ! command -v cargo >/dev/null; then
        command -v apt-cache >/dev/null && as_root apt-get -qq update
        local offered
        offered=$(debian_rust_minor)
        [ "${offered:-0}" -ge "$RUST_MINOR_WANTED" ] ||
            fail "cargo is missing and this system offers rustc 1.${offered:-none};" \
                "1.$RUST_MINOR_WANTED or newer is needed: install it from https://rustup.rs"
        install_packages "$@"
    fi
    local found
    found=$(rust_minor)
    [ "${found:-0}" -ge "$RUST_MINOR_WANTED" ] ||
        fail "$(rustc --version 2>/dev/null || echo 'no rustc') is too old:" \
            "1.$RUST_MINOR_WANTED or newer is needed (https://rustup.rs)"
    install_tools cc=gcc
}

# wait_for SECONDS COMMAND... repeats the command until it succeeds.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@"; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}
