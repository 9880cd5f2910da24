#!/usr/bin/env bash
# Fails if the root package's own tests cover less than COVER_MIN percent of it (default 90).
# Then it lists the functions that are below, least covered first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
min=${COVER_MIN:-90}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

GOWORK=off go test -coverprofile="$dir/profile" .
GOWORK=off go tool cover -func="$dir/profile" >"$dir/functions"
total=$(awk '$1 == "total:" { sub("%", "", $NF); print $NF }' "$dir/functions")

if awk -v total="$total" -v min="$min" 'BEGIN { exit !(total + 0 < min + 0) }'; then
	awk -v min="$min" '$1 != "total:" && $NF + 0 < min + 0 { print $NF "\t" $1 "\t" $2 }' "$dir/functions" | sort -n
	echo "coverage of the root package is $total %, below $min %" >&2
	exit 1
fi
echo "coverage of the root package is $total % (at least $min %)"
