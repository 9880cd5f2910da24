#!/usr/bin/env bash
# Prints the directory of every Go module of the repository, the root (.) first, one a line.
# tools/ is left out, because it holds no code of ours; with --all it is there too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

git ls-files --cached --others --exclude-standard -- ':(glob)**/go.mod' ':(exclude,glob)**/testdata/**' |
	LC_ALL=C sort -u |
	while IFS= read -r file; do
		[[ -f "$file" ]] || continue # deleted, but not yet in the index
		[[ "$file" != tools/go.mod ]] || [[ "${1-}" = --all ]] || continue
		dirname "$file"
	done |
	awk '$0 == "." { print; next } { rest = rest $0 "\n" } END { printf "%s", rest }'
