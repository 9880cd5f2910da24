#!/usr/bin/env bash
# Runs the whole fault suite, of which `make test` runs a short version, and prints what became of the events, and which
# test killed which mutant. RUN is a regular expression that picks some of the tests, Fault03 for example.
# Needs a PostgreSQL server: scripts/with-postgres.sh scripts/faults.sh, or make faults; strace, and root for what mounts disks.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off AUDIT_FAULTS=full

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export AUDIT_FAULTS_TABLE=$dir/table
: >"$AUDIT_FAULTS_TABLE"

packages=(. ./sqlite ./postgres ./internal/faults)
run=${RUN:-^TestFault}
# What measures has the machine for itself.
alone=$(printf '%s\n' TestFault13AFloodIsTakenInBoundedMemory TestFault08AnOutageUnderFullLoad | grep -E "${run%%/*}" | paste -sd '|') || true
status=0
# -parallel 6: strace and servers wait more than they work.
go test -count=1 -timeout 30m -parallel 6 -run "$run" -skip "^(${alone:-none})\$" "${packages[@]}" || status=$?
if [[ -n $alone ]]; then
	go test -count=1 -timeout 30m -p 1 -run "^($alone)\$" "${packages[@]}" || status=$?
fi

# print TABLE HEADER...: the rows of a table, in the order of their numbers, under a header.
print() {
	local table=$1 separator=$'\t'
	shift
	echo
	{
		(IFS=$separator && echo "$*")
		awk -F '\t' -v OFS='\t' -v table="$table" '$1 == table { sub("^[^\t]*\t", ""); print }' "$AUDIT_FAULTS_TABLE" | sort -V
	} | awk -F '\t' '
		{ for (i = 1; i <= NF; i++) { cell[NR, i] = $i; if (i < NF && length($i) > width[i]) width[i] = length($i) } fields[NR] = NF }
		END {
			for (row = 1; row <= NR; row++) {
				line = ""
				for (i = 1; i < fields[row]; i++)
					line = line sprintf((i > 1 && cell[2, i] ~ /^[0-9]+$/ ? "%" : "%-") width[i] "s  ", cell[row, i])
				print line cell[row, fields[row]]
			}
		}'
}

print faults fault rounds submitted acked found lost duplicated result
print naive 'naive writer' rounds submitted acked found lost duplicated result
print mutants mutant 'killed by' result
if [[ $status -eq 0 && ! -s $AUDIT_FAULTS_TABLE ]]; then
	echo "no test of the suite matches RUN=$run" >&2
	status=1
elif grep -qE 'FAILED|SURVIVED' "$AUDIT_FAULTS_TABLE"; then
	status=1
fi
exit "$status"
