#!/bin/bash
# Sets up what the tests need on a Debian machine and runs them: all, or the stages that are named.
#
#   tests/run.sh [STAGE]...
#
# "fast" are those that need no more than a compiler and links, "slow" the others; --list prints the names.
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

is_among() {
    local name=$1 other
    shift
    for other; do
        [ "$name" != "$other" ] || return 0
    done
    return 1
}

# is_wanted STAGE...: one of them.
is_wanted() {
    local name
    for name; do
        ! is_among "$name" "${wanted[@]}" || return 0
    done
    return 1
}

# stage NAME TITLE COMMAND... runs a stage that is wanted and counts it: the tests that it reports
# ("N passed, N failed", or cargo's "N passed; N failed"), else itself as one.
stage() {
    local name=$1 title=$2 status=0 begin=$SECONDS counts here=0 wrong=0
    shift 2
    is_wanted "$name" || return 0
    printf '\n== %s: %s\n' "$name" "$title"
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

# The targets of tests but for those that are stages of their own.
unit_tests() {
    local target targets=(--lib --bins)
    for target in tests/*.rs tests/*/main.rs; do
        target=${target#tests/}
        target=${target%/main.rs}
        case $target in
        link | sim) ;;
        *) targets+=(--test "${target%.rs}") ;;
        esac
    done
    cargo test --locked --no-fail-fast "${targets[@]}"
    cargo test --locked --doc
}

# What the stages from "package" on build, meanwhile: those before them mostly wait. They build what is missing, and
# say what does not build.
build_ahead() {
    {
        ! is_wanted package || nice -n 19 python3 tests/bench/build.py
        ! is_wanted fuzz || nice -n 19 tests/fuzz/run.sh --build
    } >/dev/null 2>&1 &
    ahead=$!
}

fast=(format clippy scripts unit link sim)
slow=(release namespaces demo build conformance scenarios guests contrib vm soak package budgets fuzz system)
# What runs the release build, or measures the package.
needs_build=(conformance scenarios guests contrib vm soak)
needs_package=(budgets)

wanted=()
for name; do
    case $name in
    --list)
        printf '%s\n' fast "${fast[@]/#/    }" slow "${slow[@]/#/    }"
        exit
        ;;
    fast) wanted+=("${fast[@]}") ;;
    slow) wanted+=("${slow[@]}") ;;
    *)
        is_among "$name" "${fast[@]}" "${slow[@]}" || fail "there is no stage $name; --list prints them"
        wanted+=("$name")
        ! is_among "$name" "${needs_build[@]}" || wanted+=(build)
        ! is_among "$name" "${needs_package[@]}" || wanted+=(package)
        ;;
    esac
done
[ $# -gt 0 ] || wanted=("${fast[@]}" "${slow[@]}")

echo "== set-up"
install_tools ip=iproute2 unshare=util-linux tcpdump=tcpdump nft=nftables radvd=radvd rdisc6=ndisc6 strace=strace jq=jq \
    ping=iputils-ping sysctl=procps shellcheck=shellcheck python3=python3 man=man-db groff=groff-base mandoc=mandoc zsh=zsh \
    fish=fish
if is_wanted "${slow[@]}"; then
    install_tools dnsmasq=dnsmasq-base dhcpcd=dhcpcd-base kea-dhcp6=kea-dhcp6-server dh=debhelper dpkg-buildpackage=dpkg-dev \
        qemu-system-x86_64=qemu-system-x86 cpio=cpio xz=xz-utils g++=g++ ovs-dpctl=openvswitch-switch promtool=prometheus \
        script=bsdutils
fi
need_rust cargo rustfmt rust-clippy
if is_wanted format clippy && ! { cargo fmt --version && cargo clippy --version; } >/dev/null; then
    fail "cargo fmt and cargo clippy are needed: Debian's rustfmt and rust-clippy," \
        "or: rustup component add rustfmt clippy"
fi

stage format "formatting" cargo fmt --check
stage clippy "clippy" cargo clippy --locked --all-targets -- -D warnings
stage scripts "shell scripts" check_scripts
stage unit "unit tests, and what is generated from the code" unit_tests
stage link "links of a real kernel" cargo test --locked --no-fail-fast --test link
stage sim "lives in simulated time" env AUTORA_LIVES=100000 cargo test --locked --profile sim --test sim
stage release "the steps of a release" tests/release.sh
stage namespaces "a guest between named namespaces (ns-smoke.sh)" tests/ns-smoke.sh
stage demo "the demonstration (demo.sh)" tests/demo.sh
stage build "release build" cargo build --release --locked
build_ahead
stage conformance "conformance" as_root tests/conformance/run.py
stage scenarios "scenarios with real software" as_root tests/scenarios/run.py
stage guests "guests of many kinds" tests/guests/run.sh
stage contrib "examples (contrib)" as_root tests/contrib/run.sh
stage vm "a virtual machine" as_root tests/vm/run.sh
stage soak "endurance" as_root tests/soak/run.sh
wait "$ahead" || true
stage package "the package and what measures it" python3 tests/bench/build.py
stage budgets "budgets" as_root tests/bench/budgets.py
stage fuzz "fuzzing" env AUTORA_FUZZ_SECONDS=10 tests/fuzz/run.sh
stage system "booted systems (Debian 12 and 13)" tests/system/run.sh

# Once more at the end, where it is found.
cat "$failures"
printf '\nIn %s s' "$SECONDS"
[ ${#broken[@]} -eq 0 ] || printf '; failed:%s' "$(printf ' [%s]' "${broken[@]}")"
printf '\n%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
