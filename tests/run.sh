#!/bin/bash
# Sets up what the tests need on a Debian machine and runs all of them.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=tests/setup.sh
. "$ROOT/tests/setup.sh"
cd "$ROOT"

passed=0
failed=0
broken=()
output=$(mktemp)
failures=$(mktemp)
trap 'rm -f "$output" "$failures"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# stage NAME COMMAND... runs a stage and counts it: the tests that it reports
# ("N passed, N failed", or cargo's "N passed; N failed"), else itself as one.
stage() {
    local name=$1 status=0 begin=$SECONDS counts here=0 wrong=0
    shift
    printf '\n== %s\n' "$name"
    "$@" 2>&1 | tee "$output" || status=$?
    counts=$(sed -n -E 's/^(test result: .*[.] )?([0-9]+) passed[;,] ([0-9]+) failed.*/\2 \3/p' "$output")
    if [ -n "$counts" ]; then
        read -r here wrong < <(awk '{ p += $1; f += $2 } END { print p, f }' <<<"$counts")
    elif [ "$status" -eq 0 ]; then
        here=1
    fi
    # A stage can go wrong without a test that failed: it did not compile.
    if [ "$status" -ne 0 ] && [ "$wrong" -eq 0 ]; then
        wrong=1
    fi
    if [ "$wrong" -ne 0 ]; then
        broken+=("$name")
        {
            printf '\n== %s failed; what it said:\n' "$name"
            what_failed | sed -n 1,150p
        } >>"$failures"
    fi
    passed=$((passed + here))
    failed=$((failed + wrong))
    printf '== %s: %s in %s s\n' "$name" \
        "$([ "$wrong" -eq 0 ] && echo passed || echo FAILED)" $((SECONDS - begin))
}

# What a stage's output says of its failures, or else its end.
what_failed() {
    grep -E -A 40 '(FAILED|not ok|panicked at|^error)' "$output" || tail -n 40 "$output"
}

check_scripts() {
    local scripts
    mapfile -t scripts < <({
        find . -name '*.sh' -not -path './target/*'
        grep -rlE '^#!/bin/(ba)?sh' --exclude-dir=target --exclude-dir=.git .
    } | sort -u)
    # SC2317: it does not see that a trap calls a function.
    shellcheck --external-sources --exclude=SC2317 "${scripts[@]}"
}

echo "== set-up"
install_tools rdisc6=ndisc6 dnsmasq=dnsmasq-base dhcpcd=dhcpcd-base kea-dhcp6=kea-dhcp6-server \
    dh=debhelper dpkg-buildpackage=dpkg-dev strace=strace qemu-system-x86_64=qemu-system-x86 cpio=cpio xz=xz-utils g++=g++ \
    ovs-dpctl=openvswitch-switch
install_tools man=man-db groff=groff-base mandoc=mandoc zsh=zsh fish=fish
install_tools ip=iproute2 unshare=util-linux tcpdump=tcpdump nft=nftables radvd=radvd \
    jq=jq ping=iputils-ping sysctl=procps promtool=prometheus script=bsdutils shellcheck=shellcheck python3=python3
need_rust cargo rustfmt rust-clippy
if ! { cargo fmt --version && cargo clippy --version; } >/dev/null; then
    fail "cargo fmt and cargo clippy are needed: Debian's rustfmt and rust-clippy," \
        "or: rustup component add rustfmt clippy"
fi

stage "formatting" cargo fmt --check
stage "clippy" cargo clippy --locked --all-targets -- -D warnings
stage "shell scripts" check_scripts
stage "release scripts (release.sh)" tests/release.sh
stage "unit and link tests" cargo test --locked --no-fail-fast
stage "lives in simulated time" env AUTORA_LIVES=100000 cargo test --locked --profile sim --test sim
stage "a guest between named namespaces (ns-smoke.sh)" tests/ns-smoke.sh
stage "the demonstration (demo.sh)" tests/demo.sh
stage "release build" cargo build --release --locked
stage "conformance" as_root tests/conformance/run.py
stage "scenarios with real software" as_root tests/scenarios/run.py
stage "guests of many kinds" tests/guests/run.sh
stage "examples (contrib)" as_root tests/contrib/run.sh
stage "a virtual machine" as_root tests/vm/run.sh
stage "endurance" as_root tests/soak/run.sh
stage "the package and what measures it" python3 tests/bench/build.py
stage "budgets" as_root tests/bench/budgets.py
stage "fuzzing" env AUTORA_FUZZ_SECONDS=10 tests/fuzz/run.sh
stage "booted systems (Debian 12 and 13)" tests/system/run.sh

# Once more at the end, where it is found.
cat "$failures"
printf '\nIn %s s' "$SECONDS"
[ ${#broken[@]} -eq 0 ] || printf '; failed:%s' "$(printf ' [%s]' "${broken[@]}")"
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
