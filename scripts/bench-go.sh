#!/usr/bin/env bash
# Runs the Go benchmarks of every module.
# BENCH picks some by regular expression, COUNT repeats them (benchstat wants 10), BENCHTIME is the time of each.
# Only the results go to standard output: make -s bench-go >new.txt, then bin/benchstat old.txt new.txt.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off

for module in $(scripts/modules.sh); do
	echo "--- $module" >&2
	# -p 1: two packages at once would measure each other.
	go -C "$module" test -p 1 -run '^$' -bench "${BENCH:-.}" -benchmem \
		-count "${COUNT:-1}" -benchtime "${BENCHTIME:-1s}" -timeout 60m ./...
done
