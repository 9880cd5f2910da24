#!/usr/bin/env bash
# Sends the same events through the library, its peers and what is below them: see benchmarks/speed/README.md.
# What it is given are flags of the program. Only the tables go to standard output: make -s bench >speed.md.
#   BENCH_RUNS    how often each is measured, default 5
#   BENCH_EVENTS  the events that a fast one gets in a run, default 1000000
#   BENCH_ONLY    a regular expression of what is measured; by default everything but growth
#   BENCH_DIR     a directory on a disk, by default TMPDIR or /tmp
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off

bin=$(mktemp -d "${TMPDIR:-/tmp}/bench-speed.XXXXXX")
trap 'rm -rf "$bin"' EXIT
go -C benchmarks build -o "$bin/bench-speed" ./speed

flags=(-runs "${BENCH_RUNS:-5}" -events "${BENCH_EVENTS:-1000000}" -only "${BENCH_ONLY-}")
[[ -z ${BENCH_DIR-} ]] || flags+=(-dir "$BENCH_DIR")
"$bin/bench-speed" "${flags[@]}" "$@"
