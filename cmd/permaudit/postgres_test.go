package main

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

var tables atomic.Int64

// postgresTable returns the spec of a table of the test's own, which is dropped after it.
func postgresTable(t *testing.T) string {
	t.Helper()
	dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("needs a PostgreSQL server: run it with `scripts/with-postgres.sh go test ./...`, which starts one, or set AUDIT_TEST_POSTGRES_DSN")
	}
	table := fmt.Sprintf("permaudit_%d_%d", os.Getpid(), tables.Add(1))
	t.Cleanup(func() {
		ctx := context.Background() // that of the test has ended
		conn, err := pgx.Connect(ctx, dsn)
		require.NoError(t, err)
		_, err = conn.Exec(ctx, "DROP TABLE IF EXISTS "+table)
		require.NoError(t, err)
		require.NoError(t, conn.Close(ctx))
	})
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	values := u.Query()
	values.Set("table_name", table)
	u.RawQuery = values.Encode()
	return u.String()
}

func TestPostgresAnswersLikeTheFile(t *testing.T) {
	c := inNewDirectory(t)
	table := postgresTable(t)
	c.write("permission.log", log(t, events()...))
	c.ok("import", "--to", table)
	for _, args := range [][]string{
		{"query"},
		{"query", "--denied", "-n", "1"},
		{"tail", "-n", "2"},
		{"trace", "request_id=r-1"},
		{"denied"},
		{"denied", "--by", "hour,user"},
		{"bypasses"},
		{"stats"},
	} {
		require.Equal(t, c.ok(args...), c.ok(append(args, "--from", table)...), "%v", args)
	}
	require.Contains(t, c.run("prune", "--older-than", "2026-11-23 07:48", "--yes", "--from", table).err, "deleted 2 rows of postgres://")
	require.Equal(t, []int{5, 3, 2}, ids(t, c.ok("query", "--from", table)))
}

// ownDatabase returns the address of an empty database, which is dropped after the test.
func ownDatabase(t *testing.T, dsn string) string {
	t.Helper()
	name := fmt.Sprintf("permaudit_docs_%d_%d", os.Getpid(), tables.Add(1))
	execute := func(statement string) {
		ctx := context.Background() // that of the test has ended
		conn, err := pgx.Connect(ctx, dsn)
		require.NoError(t, err)
		_, err = conn.Exec(ctx, statement)
		require.NoError(t, err)
		require.NoError(t, conn.Close(ctx))
	}
	execute("CREATE DATABASE " + name)
	t.Cleanup(func() { execute("DROP DATABASE " + name + " WITH (FORCE)") })
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.Path = "/" + name
	return u.String()
}
