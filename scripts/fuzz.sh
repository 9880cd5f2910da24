#!/usr/bin/env bash
# Fuzzes every Fuzz function of every module, one after the other.
# One of them needs a PostgreSQL server: scripts/with-postgres.sh scripts/fuzz.sh, or make fuzz.
# FUZZTIME is the time for each (default 60s), FUZZ a regular expression that picks some by name.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${FUZZTIME:-60s}
pick=${FUZZ:-^Fuzz}
export GOWORK=off

found=0
for module in $(scripts/modules.sh); do
	# The names of a package come before its "ok" line.
	list=$(go -C "$module" test -list '^Fuzz' ./...)
	targets=$(awk '/^Fuzz/ { name[++n] = $1 }
		/^ok/ { for (i = 1; i <= n; i++) print $2, name[i]; n = 0 }' <<<"$list")
	while read -r package name; do
		[[ -n $name && $name =~ $pick ]] || continue
		found=$((found + 1))
		echo "--- $package: $name for $time"
		# Where goroutines take part, coverage differs from run to run, and making an input smaller would
		# take all the time there is.
		go -C "$module" test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 100x "$package" </dev/null
	done <<<"$targets"
done

if [[ "$found" -eq 0 ]]; then
	echo "no fuzz target matches $pick" >&2
	exit 1
fi
echo "$found fuzz targets found nothing"
