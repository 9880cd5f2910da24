#!/usr/bin/env bash
# Makes sure that the programs which the tests run are there: jq.
# Installs what is missing with apt-get where there is one; elsewhere it says what to install.
set -euo pipefail

if command -v jq >/dev/null; then
	echo "jq is there: $(jq --version)"
	exit 0
fi

missing() {
	echo "jq is missing and could not be installed ($1)." >&2
	echo "The tests run it: install it with your package manager, or from https://jqlang.org/download/." >&2
	exit 1
}

command -v apt-get >/dev/null || missing "there is no apt-get"
as_root=()
if [[ $(id -u) -ne 0 ]]; then
	command -v sudo >/dev/null || missing "neither root nor sudo"
	as_root=(sudo -n)
fi
apt() {
	${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get "$@" </dev/null
}

echo "installing jq"
# A repository that does not answer is no reason to stop while the one with jq does.
apt update || echo "apt-get update failed; trying with the lists that are there" >&2
apt install -y --no-install-recommends jq || missing "apt-get install jq failed"
jq --version
