#!/usr/bin/env bash
# Asks permaudit, DuckDB and jq the same questions about the same log: see benchmarks/query/README.md.
# Everything that it makes is in a directory that is removed at the end, unless BENCH_QUERY_DIR names one to keep.
#   PERMAUDIT           the program; by default cmd/permaudit is built; "none" leaves it out
#   BENCH_QUERY_EVENTS  the events of the log, default 1000000
#   BENCH_QUERY_BIG=0   leaves out the log ten times as large, and its 3.4 GB
#   BENCH_QUERY_ROUNDS  default 7
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off

scripts/setup.sh jq >&2
duckdb=$(scripts/duckdb.sh)

if [[ -n ${BENCH_QUERY_DIR-} ]]; then
	mkdir -p "$BENCH_QUERY_DIR"
	dir=$(cd "$BENCH_QUERY_DIR" && pwd)
else
	dir=$(mktemp -d "${TMPDIR:-/tmp}/bench-query.XXXXXX")
	trap 'rm -rf "$dir"' EXIT
fi

permaudit=${PERMAUDIT-}
case $permaudit in
none) permaudit= ;;
'')
	permaudit=$dir/permaudit
	go -C cmd/permaudit build -o "$permaudit" .
	;;
*) permaudit=$(realpath "$permaudit") ;;
esac

go -C benchmarks build -o "$dir/bench-query" ./query

times=10
[[ ${BENCH_QUERY_BIG-} != 0 ]] || times=0
"$dir/bench-query" -dir "$dir" -duckdb "$duckdb" -permaudit "$permaudit" -times "$times" \
	-events "${BENCH_QUERY_EVENTS:-1000000}" -rounds "${BENCH_QUERY_ROUNDS:-7}"
