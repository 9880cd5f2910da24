#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own: scripts/with-postgres.sh COMMAND...
# The command finds it in AUDIT_TEST_POSTGRES_DSN, as a superuser. If that is set already, the command just runs.
# The server is a new, empty one, on a free port of 127.0.0.1, that nothing outlives: it is stopped and its files are
# removed when the command ends or is interrupted. It syncs to disk, because tests of durability count on it.
# Where there is no PostgreSQL it is installed as scripts/setup.sh says; without a server nothing is run.
# The exit status is the command's. Its standard input is empty.
set -euo pipefail

if [[ $# -eq 0 ]]; then
	echo "usage: scripts/with-postgres.sh COMMAND..." >&2
	exit 2
fi
if [[ -n ${AUDIT_TEST_POSTGRES_DSN-} ]]; then
	exec "$@"
fi

scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if ! bin=$("$scripts/postgres-bin.sh"); then
	"$scripts/setup.sh" postgresql >&2
	bin=$("$scripts/postgres-bin.sh")
fi

# The server refuses to be run by root.
as_owner=()
if [[ $(id -u) -eq 0 ]]; then
	if ! id postgres >/dev/null 2>&1; then
		echo "PostgreSQL does not run as root, and there is no user postgres: create it, or be another user" >&2
		exit 1
	fi
	if command -v runuser >/dev/null; then
		as_owner=(runuser -u postgres --)
	else
		# shellcheck disable=SC2016 # the inner shell's arguments
		as_owner=(su -s /bin/sh -c 'exec "$0" "$@"' postgres --)
	fi
fi

dir=         # everything of the server is in it
child=       # the command's process group
interrupted= # the exit status that a signal calls for

# owner COMMAND...: a signal is acted upon when it has ended, with nothing half started.
owner() {
	(trap '' HUP INT TERM && cd "$dir" && exec ${as_owner[@]+"${as_owner[@]}"} "$@") </dev/null
}

# shellcheck disable=SC2317 # traps run it, and the next one
clean_up() {
	[[ -n $dir ]] || return 0
	trap '' HUP INT TERM
	# Nothing of it is needed any more: the quickest way down, which does not wait for clients.
	if [[ -f $dir/data/postmaster.pid ]]; then
		owner "$bin/pg_ctl" stop -D "$dir/data" -m immediate -w -s || echo "the PostgreSQL server in $dir did not stop" >&2
	fi
	rm -rf "$dir"
}

# A signal goes to the whole group of the command, a second one kills it; then its end is waited for.
# shellcheck disable=SC2317
on_signal() {
	local signal=$1
	[[ -n $child ]] || exit "$2"
	[[ -z $interrupted ]] || signal=KILL
	interrupted=$2
	kill "-$signal" -- "-$child" 2>/dev/null || true
}

trap clean_up EXIT
trap 'on_signal HUP 129' HUP
trap 'on_signal INT 130' INT
trap 'on_signal TERM 143' TERM

dir=$(mktemp -d "${TMPDIR:-/tmp}/audit-postgres.XXXXXX")
password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf '%s\n' "$password" >"$dir/password"
if [[ ${#as_owner[@]} -gt 0 ]]; then
	chown -R postgres "$dir"
fi

if ! owner "$bin/initdb" -D "$dir/data" -U postgres --pwfile="$dir/password" --auth=scram-sha-256 \
	--encoding=UTF8 --locale=C --no-sync >"$dir/log" 2>&1; then
	cat "$dir/log" >&2
	echo "initdb failed" >&2
	exit 1
fi

# Below the ports that the system hands out, 32768 and up, so that no outgoing connection takes it meanwhile.
# Another server may: then once more.
started=
for _ in 1 2 3 4 5; do
	port=$((20000 + RANDOM % 12000))
	if owner "$bin/pg_ctl" start -D "$dir/data" -l "$dir/server.log" -w -s -t 60 -o "-p $port \
		-c listen_addresses=127.0.0.1 -c unix_socket_directories='$dir' -c max_connections=200" >"$dir/log" 2>&1; then
		started=yes
		break
	fi
	grep -q 'could not bind' "$dir/server.log" 2>/dev/null || break
	echo "port $port is taken; trying another one" >&2
done
if [[ -z $started ]]; then
	cat "$dir/log" "$dir/server.log" >&2 || true
	echo "the PostgreSQL server did not start" >&2
	exit 1
fi

export AUDIT_TEST_POSTGRES_DSN="postgres://postgres:$password@127.0.0.1:$port/postgres?sslmode=disable"
set -m # a process group of its own
"$@" </dev/null &
child=$!
set +m
# wait returns early after a signal.
while true; do
	status=0
	wait "$child" || status=$?
	kill -0 "$child" 2>/dev/null || break
done
child=
exit "${interrupted:-$status}"
