#!/usr/bin/env bash
# Prints a Python interpreter that has Django and psycopg2; fails, silently, if there is none.
# AUDIT_TEST_PYTHON is the only candidate if it is set. Debian's packages are Debian's Python's alone.
set -euo pipefail

for python in ${AUDIT_TEST_PYTHON:-/usr/bin/python3 python3}; do
	if "$python" -c 'import django, psycopg2; assert django.VERSION >= (3, 2)' 2>/dev/null; then
		command -v "$python"
		exit 0
	fi
done
exit 1
