#!/usr/bin/env bash
# Runs the tests of internal/interop, in which Django's ORM and the stores write and read the same tables.
# Installs Django if it is missing; AUDIT_TEST_PYTHON names an interpreter that has it, and psycopg2.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export GOWORK=off

if ! python=$(scripts/django-python.sh); then
	scripts/setup.sh django
	python=$(scripts/django-python.sh)
fi
# -count=1: go does not see that the Python program or Django changed.
AUDIT_TEST_INTEROP=1 AUDIT_TEST_PYTHON=$python scripts/with-postgres.sh \
	go test -race -count=1 ${RUN:+-run "$RUN"} ./internal/interop
