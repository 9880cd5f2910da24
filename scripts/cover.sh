#!/usr/bin/env bash
# Fails if the own tests of the root package, of sqlite or of postgres cover less than COVER_MIN percent of it
# (default 90). Then it lists the functions that are below, least covered first.
# postgres needs a server: scripts/with-postgres.sh scripts/cover.sh, or make cover.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off
min=${COVER_MIN:-90}

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

failed=0
for package in . ./sqlite ./postgres; do
	# Until the package has code there is nothing to cover.
	compgen -G "$package/*_test.go" >/dev/null || continue
	go test -coverprofile="$dir/profile" "$package"
	go tool cover -func="$dir/profile" >"$dir/functions"
	total=$(awk '$1 == "total:" { sub("%", "", $NF); print $NF }' "$dir/functions")
	if awk -v total="$total" -v min="$min" 'BEGIN { exit !(total + 0 < min + 0) }'; then
		awk -v min="$min" '$1 != "total:" && $NF + 0 < min + 0 { print $NF "\t" $1 "\t" $2 }' "$dir/functions" | sort -n
		echo "coverage of $package is $total %, below $min %" >&2
		failed=1
		continue
	fi
	echo "coverage of $package is $total % (at least $min %)"
done
[[ "$failed" -eq 0 ]]
