#!/usr/bin/env bash
# Prints the directory of PostgreSQL's server programs; fails, silently, if there is none.
# What is on PATH comes first, then what pg_config names, then the usual places, newest version first.
set -euo pipefail
shopt -s nullglob

candidates=()
if initdb=$(command -v initdb); then
	candidates+=("$(dirname "$(readlink -f "$initdb")")")
fi
if bindir=$(pg_config --bindir 2>/dev/null); then
	candidates+=("$bindir")
fi
# Debian and Ubuntu, the PGDG's RPMs, Alpine and Gentoo, Homebrew, MacPorts, Postgres.app, built from source.
usual=(
	/usr/lib/postgresql/*/bin
	/usr/pgsql-*/bin
	/usr/lib*/postgresql*/bin
	/opt/homebrew/opt/postgresql*/bin
	/usr/local/opt/postgresql*/bin
	/opt/local/lib/postgresql*/bin
	/Applications/Postgres.app/Contents/Versions/*/bin
	/usr/local/pgsql/bin
)
while IFS= read -r dir; do
	candidates+=("$dir")
done < <(printf '%s\n' ${usual[@]+"${usual[@]}"} | sort -rV)

for dir in ${candidates[@]+"${candidates[@]}"}; do
	if [[ -x $dir/initdb && -x $dir/pg_ctl && -x $dir/postgres ]]; then
		echo "$dir"
		exit 0
	fi
done
exit 1
