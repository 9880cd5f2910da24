#!/usr/bin/env bash
# Makes sure that the programs which the tests run are there: scripts/setup.sh [jq] [postgresql] [logrotate] [node]
# [strace] [django], by default all but Django, and strace only where it exists, on Linux: tests count system calls with it, and make them
# fail. django is Django with psycopg2, which only `make interop` needs.
# Installs what is missing with apt-get where there is one; elsewhere it says what to install.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# there WHAT: is it installed? Says which one it found.
there() {
	local found
	case $1 in
	jq) found=$(command -v jq) && echo "jq is there: $("$found" --version)" ;;
	postgresql) found=$(scripts/postgres-bin.sh) && echo "PostgreSQL is there: $("$found/postgres" --version)" ;;
	node) found=$(command -v node) && command -v npm >/dev/null && echo "Node.js is there: $("$found" --version)" ;;
	strace) found=$(command -v strace) && echo "strace is there: $found" ;;
	logrotate) found=$(PATH=$PATH:/usr/sbin command -v logrotate) && echo "logrotate is there: $found" ;;
	django) found=$(scripts/django-python.sh) && echo "Django is there: $("$found" -m django --version), in $found" ;;
	esac
}

# packages WHAT: what Debian calls it.
packages() {
	case $1 in
	django) echo python3-django python3-psycopg2 ;;
	node) echo nodejs npm ;;
	*) echo "$1" ;;
	esac
}

# by_hand WHAT: how one gets it without apt-get.
by_hand() {
	case $1 in
	jq) echo "jq: with your package manager, or from https://jqlang.org/download/" ;;
	node) echo "Node.js and npm: with your package manager, or from https://nodejs.org/en/download" ;;
	strace) echo "strace: with your package manager, or from https://strace.io" ;;
	logrotate) echo "logrotate: with your package manager, or from https://github.com/logrotate/logrotate" ;;
	postgresql) echo "PostgreSQL, its server (initdb, pg_ctl, postgres), on PATH: https://www.postgresql.org/download/
  Or set AUDIT_TEST_POSTGRES_DSN to a server that the tests may fill with databases and tables." ;;
	django) echo "Django and psycopg2: python3 -m venv DIR && DIR/bin/pip install django psycopg2-binary
  Then set AUDIT_TEST_PYTHON to DIR/bin/python." ;;
	esac
}

if [[ $# -eq 0 ]]; then
	set -- jq postgresql logrotate node
	[[ $(uname -s) != Linux ]] || set -- "$@" strace
fi
missing=()
for what; do
	case $what in
	jq | postgresql | logrotate | node | strace | django) there "$what" || missing+=("$what") ;;
	*)
		echo "scripts/setup.sh: $what is not one of jq, postgresql, logrotate, node, strace, django" >&2
		exit 2
		;;
	esac
done
[[ ${#missing[@]} -gt 0 ]] || exit 0

give_up() {
	echo "${missing[*]} missing, and not installed: $1. Install:" >&2
	for what in "${missing[@]}"; do
		printf -- '- %s\n' "$(by_hand "$what")" >&2
	done
	exit 1
}

command -v apt-get >/dev/null || give_up "there is no apt-get"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
	command -v sudo >/dev/null || give_up "neither root nor sudo"
	as_root=(sudo -n)
fi
apt() {
	${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null
}

echo "installing ${missing[*]}"
# A repository that does not answer is no reason to stop while the one with the packages does.
apt update || echo "apt-get update failed; trying with the lists that are there" >&2
names=()
for what in "${missing[@]}"; do
	read -ra more <<<"$(packages "$what")"
	names+=("${more[@]}")
done
apt install -y --no-install-recommends "${names[@]}" || give_up "apt-get install ${names[*]} failed"
for what in "${missing[@]}"; do
	there "$what" || give_up "$what is not found after its installation"
done
