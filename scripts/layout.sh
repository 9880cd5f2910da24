#!/usr/bin/env bash
# Checks that what the layout promises is there, and that imports run one way:
# audit <- query <- sqlite, postgres, analysis, audittest. Prints everything that is wrong.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off
module=github.com/permaudit/audit
failed=0

wrong() {
	echo "layout: $*" >&2
	failed=1
}

# has_go DIR: does the directory itself hold a Go file?
has_go() {
	compgen -G "$1/*.go" >/dev/null
}

for file in \
	go.mod doc.go audit.go event.go buffer.go file_logger.go db_logger.go config.go errors.go audit_test.go \
	tools/go.mod benchmarks/go.mod cmd/permaudit/go.mod cmd/permaudit/main.go cmd/permaudit/README.md \
	docs/differences.md docs/decisions.md \
	Makefile .ci/run README.md CHANGELOG.md CONTRIBUTING.md LICENSE; do
	[[ -s "$file" ]] || wrong "$file is missing or empty"
done
for dir in internal examples/quickstart examples/custom-logger examples/postgres examples/testing examples/deployment; do
	[[ -d "$dir" ]] || wrong "directory $dir is missing"
done
for dir in sqlite postgres audittest query analysis; do
	has_go "$dir" || wrong "$dir holds no Go file"
done
compgen -G 'example_*_test.go' >/dev/null || wrong "no example_*_test.go at the root"
compgen -G 'internal/*' >/dev/null || wrong "internal is empty"

# What the root may require, tests included; anything else belongs to a module of its own.
for path in $(go list -m -f '{{if not (or .Main .Indirect)}}{{.Path}}{{end}}' all); do
	case $path in
	github.com/mattn/go-sqlite3 | github.com/jackc/pgx/v5 | github.com/stretchr/testify | go.uber.org/goleak) ;;
	*) wrong "go.mod requires $path directly" ;;
	esac
done

# The root package, with everything that it pulls in: standard library and itself.
if has_go .; then
	if ! deps=$(go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' .); then
		wrong "go list of the root package failed"
	fi
	for path in $deps; do
		case $path in
		"$module" | "$module"/internal/*) ;;
		*) wrong "the root package depends on $path" ;;
		esac
	done
fi

# imports DIR ALLOWED...: the packages below DIR import the standard library, themselves, and
# what is ALLOWED (a path that ends in / stands for everything below it too); nothing else.
imports() {
	local dir=$1 pairs package path allowed
	shift
	has_go_below "$dir" || return 0
	# shellcheck disable=SC2016 # the template's variable, not the shell's
	if ! pairs=$(go list -f '{{range .Imports}}{{$.ImportPath}} {{.}}{{"\n"}}{{end}}' "./$dir/..."); then
		wrong "go list ./$dir/... failed"
		return 0
	fi
	while read -r package path; do
		[[ ${path%%/*} == *.* ]] || continue # standard library, and the pseudo package C
		[[ $path/ != "$module/$dir/"* ]] || continue
		for allowed; do
			case $allowed in
			*/) [[ $path/ != "$allowed"* ]] || continue 2 ;;
			*) [[ "$path" != "$allowed" ]] || continue 2 ;;
			esac
		done
		wrong "$package must not import $path"
	done <<<"$pairs"
}

has_go_below() {
	[[ -d "$1" ]] && [[ -n "$(find "$1" -name '*.go' -not -name '*_test.go' -print -quit)" ]]
}

imports internal "$module" "$module/query" # internal/table, which is below the stores
imports query "$module" "$module/internal/"
for dir in analysis audittest; do
	imports "$dir" "$module" "$module/internal/" "$module/query/"
done
imports sqlite "$module" "$module/internal/" "$module/query/" github.com/mattn/go-sqlite3/
imports postgres "$module" "$module/internal/" "$module/query/" github.com/jackc/pgx/v5/

[[ "$failed" -eq 0 ]] || exit 1
echo "the layout is complete, and imports run one way"
