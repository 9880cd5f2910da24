#!/usr/bin/env bash
# Builds every module, and type-checks its tests, for the systems that the library promises to run on:
# windows, darwin, and linux without cgo. Then runs the tests that need cgo to be off:
# those with WithoutCgo in their name, which check that only opening SQLite fails, and clearly.
# benchmarks/ is left out: it is a tool for one machine, and its peers build where they like.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off CGO_ENABLED=0

for target in windows/amd64 darwin/arm64 "linux/$(go env GOHOSTARCH)"; do
	for module in $(scripts/modules.sh); do
		[[ "$module" != benchmarks ]] || continue
		echo "--- $target, CGO_ENABLED=0: $module"
		GOOS=${target%/*} GOARCH=${target#*/} go -C "$module" build -o /dev/null ./...
		GOOS=${target%/*} GOARCH=${target#*/} go -C "$module" vet ./...
	done
done

# Until the package has code there is nothing to check.
compgen -G 'sqlite/*_test.go' >/dev/null || exit 0
echo "--- tests without cgo"
for module in . cmd/permaudit; do
	output=$(go -C "$module" test -count=1 -v -run WithoutCgo ./...) || {
		printf '%s\n' "$output"
		exit 1
	}
	# A name that matches nothing would pass too.
	if ! grep '^--- PASS' <<<"$output"; then
		echo "no test named *WithoutCgo* ran in $module with CGO_ENABLED=0: what sqlite does then is not checked" >&2
		exit 1
	fi
done
