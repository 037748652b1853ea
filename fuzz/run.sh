#!/bin/sh
# Runs fuzz targets, each for SECONDS (60), JOBS (2) at a time, and prints one line a target. Fails when one crashes.
#
#   fuzz/run.sh                          every target
#   SECONDS=600 fuzz/run.sh certificates one of them for ten minutes
#
# Needs a nightly compiler (rustup toolchain install nightly); TOOLCHAIN names another one. The targets are built with
# coverage for libFuzzer but without a memory sanitizer: the parsers hold no unsafe code.
set -u
# Where sh is bash, SECONDS counts from 0 unless it was given.
seconds=${SECONDS:-60}
[ "$seconds" -gt 1 ] || seconds=60
jobs=${JOBS:-2}
toolchain=${TOOLCHAIN:-nightly}
cd "$(dirname "$0")" || exit 2

cargo "+$toolchain" --version >/dev/null 2>&1 || {
    echo "error: no toolchain '$toolchain': run 'rustup toolchain install nightly', or set TOOLCHAIN" >&2
    exit 2
}
if [ $# -eq 0 ]; then
    for file in src/bin/*.rs; do
        set -- "$@" "$(basename "$file" .rs)"
    done
fi
# Only what was named is built.
bins=
for target; do
    [ -f "src/bin/$target.rs" ] || {
        echo "error: no target '$target' in fuzz/src/bin" >&2
        exit 2
    }
    bins="$bins --bin $target"
done

coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-trace-compares"
# With a target named, build scripts are built without coverage.
machine=$(rustc "+$toolchain" -vV | sed -n 's/^host: //p')
RUSTFLAGS="--cfg fuzzing -Cdebug-assertions $coverage" \
    cargo "+$toolchain" build --release --target "$machine" $bins || exit 1
programs="${CARGO_TARGET_DIR:-target}/$machine/release"

results=$(mktemp -d) || exit 2
trap 'rm -rf "$results"' EXIT
one() {
    target=$1
    log="$results/$target.log"
    mkdir -p "corpus/$target" "seeds/$target" "artifacts/$target"
    if "$programs/$target" "corpus/$target" "seeds/$target" "-artifact_prefix=artifacts/$target/" \
        "-max_total_time=$seconds" -print_final_stats=1 -rss_limit_mb=2048 -timeout=10 >"$log" 2>&1; then
        verdict=ok
    else
        verdict="FAILED: see fuzz/artifacts/$target"
        : >"$results/failed"
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    covered=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
    printf '%-18s %5s s %10s runs %8s edges  %s\n' "$target" "$seconds" "${runs:-0}" "${covered:-0}" "$verdict"
    [ "$verdict" = ok ] || grep -E "panicked|ERROR|SUMMARY" "$log" | head -n 5 >&2
}

running=0
for target; do
    one "$target" &
    running=$((running + 1))
    if [ "$running" -ge "$jobs" ]; then
        wait
        running=0
    fi
done
wait
[ ! -e "$results/failed" ]
