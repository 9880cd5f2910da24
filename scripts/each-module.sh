#!/usr/bin/env bash
# Runs a command in every module: scripts/each-module.sh [--all] COMMAND...
# The workspace is off, so that each module is checked the way its users get it.
# --all includes tools/. The first failure ends it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

which=()
if [[ "${1-}" = --all ]]; then
	which=(--all)
	shift
fi
modules=$(scripts/modules.sh ${which[@]+"${which[@]}"})

export GOWORK=off
for module in $modules; do
	echo "--- $module: ${*//"$root/"/}"
	(cd "$module" && "$@")
done
