#!/bin/bash
# Runs each fuzz target, or the ones that are named, for AUTORA_FUZZ_SECONDS (20 unless set) on its seeds and on
# what earlier runs found (tests/fuzz/corpus). A finding stays in tests/fuzz/artifacts. Ends with 'N passed, N failed'.
# With --build it only builds them.
#
# Needs a stable Rust compiler and g++ (libFuzzer is C++). The coverage flags are those that cargo-fuzz sets, so
# `cargo fuzz run --fuzz-dir tests/fuzz -s none TARGET` does the same where cargo-fuzz is installed.
set -eu

cd "$(dirname "$0")"
seconds=${AUTORA_FUZZ_SECONDS:-20}
[ $# -gt 0 ] || set -- solicitation rtnetlink environment_file life

# With a target given, flags do not reach build scripts and macros.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --quiet --locked --release --target "$host"
[ "$1" != --build ] || exit 0

passed=0
failed=0
for target; do
    mkdir -p "corpus/$target" "artifacts/$target"
    log=artifacts/$target/log
    # -timeout: an input that takes 2 s is a finding as well.
    if "target/$host/release/$target" -max_total_time="$seconds" -max_len=4096 -timeout=2 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" "corpus/$target" "seeds/$target" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok  %s: %s executions; %s\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
            "$(grep -o 'cov: [0-9]* ft: [0-9]* corp: [0-9]*' "$log" | tail -n 1)"
    else
        failed=$((failed + 1))
        echo "FAILED  $target: the input is in tests/fuzz/artifacts/$target"
        grep -A 30 'panicked at\|ERROR' "$log" || cat "$log"
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
