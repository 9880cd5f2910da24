#!/usr/bin/env bash
# Checks that go.work lists every module but tools/, and that they build together.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
unset GOWORK

used=$(go list -m -f '{{.Dir}}')
failed=0
for module in $(scripts/modules.sh); do
	if ! grep -qxF "$(cd "$module" && pwd -P)" <<<"$used"; then
		echo "go.work lacks $module: go work use ./$module" >&2
		failed=1
	fi
done
[[ "$failed" -eq 0 ]] || exit 1

for module in $(scripts/modules.sh); do
	echo "--- workspace: $module"
	go -C "$module" build -o /dev/null ./...
done
