#!/bin/sh
# Runs fuzz targets, each for SECONDS (60), and prints one line a target. Fails when one crashes.
#
#   fuzz/run.sh                          every target
#   SECONDS=600 fuzz/run.sh certificates one of them for ten minutes
#
# Needs a nightly compiler with libFuzzer (rustup toolchain install nightly) and cargo-fuzz (cargo install cargo-fuzz).
# TOOLCHAIN names another toolchain.
set -u
# Where sh is bash, SECONDS counts from 0 unless it was given.
seconds=${SECONDS:-60}
[ "$seconds" -gt 1 ] || seconds=60
toolchain=${TOOLCHAIN:-nightly}
cd "$(dirname "$0")" || exit 2

cargo "+$toolchain" --version >/dev/null 2>&1 || {
    echo "error: no toolchain '$toolchain': run 'rustup toolchain install nightly', or set TOOLCHAIN" >&2
    exit 2
}
cargo "+$toolchain" fuzz --version >/dev/null 2>&1 || {
    echo "error: no cargo-fuzz: run 'cargo install --locked cargo-fuzz'" >&2
    exit 2
}

log=$(mktemp) || exit 2
trap 'rm -f "$log"' EXIT
# One command for all targets: what they share is built once.
if [ $# -eq 0 ]; then
    for file in src/bin/*.rs; do
        set -- "$@" "$(basename "$file" .rs)"
    done
    cargo "+$toolchain" fuzz build --fuzz-dir . >"$log" 2>&1 || {
        echo "error: the targets do not build" >&2
        tail -n 40 "$log" >&2
        exit 1
    }
fi

failed=0
for target; do
    [ -f "src/bin/$target.rs" ] || {
        echo "error: no target '$target' in fuzz/src/bin" >&2
        exit 2
    }
    cargo "+$toolchain" fuzz build --fuzz-dir . "$target" >"$log" 2>&1 || {
        printf '%-24s does not build\n' "$target"
        tail -n 20 "$log" >&2
        failed=1
        continue
    }
    mkdir -p "corpus/$target" "seeds/$target"
    if cargo "+$toolchain" fuzz run --fuzz-dir . "$target" "corpus/$target" "seeds/$target" -- \
        "-max_total_time=$seconds" -print_final_stats=1 -rss_limit_mb=2048 -timeout=10 >"$log" 2>&1; then
        verdict=ok
    else
        verdict="FAILED: see fuzz/artifacts/$target"
        failed=1
    fi
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -n 1)
    covered=$(sed -n 's/.* cov: \([0-9]*\).*/\1/p' "$log" | tail -n 1)
    printf '%-24s %6s s %12s runs %8s edges  %s\n' "$target" "$seconds" "${runs:-0}" "${covered:-0}" "$verdict"
    [ "$verdict" = ok ] || grep -E "panicked|ERROR|SUMMARY" "$log" | head -n 5 >&2
done
exit $failed
