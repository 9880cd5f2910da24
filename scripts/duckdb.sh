#!/usr/bin/env bash
# Puts DuckDB for Node.js into bin/duckdb, in the version that benchmarks/query/package.json names, with duckdb.js beside
# it, and prints the directory. What is there already is kept.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

dir=bin/duckdb
mkdir -p "$dir"
cp benchmarks/query/duckdb.js "$dir"
if ! cmp -s benchmarks/query/package.json "$dir/package.json" || [[ ! -d $dir/node_modules ]]; then
	scripts/setup.sh node >&2
	cp benchmarks/query/package.json "$dir"
	npm install --prefix "$dir" --no-package-lock --no-audit --no-fund --loglevel=error >&2 || {
		rm -f "$dir/package.json"
		exit 1
	}
fi
echo "$dir"
