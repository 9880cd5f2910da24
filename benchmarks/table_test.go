// Package benchmarks compares ways to read the log back:
//
//	make bench-go
//
// What writing it costs is in speed/, what permaudit and other programs take to read it
// in query/.
package benchmarks

import (
	"context"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/mattn/go-sqlite3"
	"github.com/permaudit/audit/postgres"
	"github.com/stretchr/testify/require"
)

// batchSize is how many events are written at once.
const batchSize = 4096

// permissions are those of all events.
var permissions = []string{"isAdmin", "isSelf", "relatedUserField:owner"}

// postgresTable is a new table, a store over it, and a connection for what else is asked.
func postgresTable(b *testing.B, name string) (*postgres.Store, *pgx.Conn) {
	b.Helper()
	dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
	if dsn == "" {
		b.Skip("needs a PostgreSQL server: make bench-go starts one")
	}
	ctx := b.Context()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, conn.Close(context.Background())) }) // after the table is dropped
	createTable(b, conn, name)
	store, err := postgres.Open(ctx, dsn, &postgres.Options{TableName: name})
	require.NoError(b, err)
	return store, conn
}

func createTable(b *testing.B, conn *pgx.Conn, name string) {
	b.Helper()
	schema, err := postgres.Schema(name)
	require.NoError(b, err)
	drop := func() {
		_, err := conn.Exec(context.Background(), "DROP TABLE IF EXISTS "+name)
		require.NoError(b, err)
	}
	drop()
	b.Cleanup(drop)
	_, err = conn.Exec(b.Context(), schema, pgx.QueryExecModeSimpleProtocol)
	require.NoError(b, err)
}
