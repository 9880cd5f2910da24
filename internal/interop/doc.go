// Package interop holds no code but tests: Django's ORM and the stores of sqlite and
// postgres write and read the same tables, those that Django made for
// general_manager and those that the stores made. They need Django, psycopg2 and a
// PostgreSQL server; `make interop` finds or installs them and runs the tests, which
// are skipped otherwise.
package interop
