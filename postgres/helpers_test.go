package postgres

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// serverDSN is that of a server for tests, as a URL, whose user may do everything.
func serverDSN(tb testing.TB) string {
	tb.Helper()
	dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
	if dsn == "" {
		tb.Skip("needs a PostgreSQL server: run it with `scripts/with-postgres.sh go test ./postgres`, which starts one, or set AUDIT_TEST_POSTGRES_DSN")
	}
	return dsn
}

var databases atomic.Int64

// newDatabase creates a database for the test, and returns its DSN.
func newDatabase(tb testing.TB) string {
	tb.Helper()
	server := serverDSN(tb)
	name := fmt.Sprintf("audit_%d_%d", os.Getpid(), databases.Add(1))
	execute(tb, server, "CREATE DATABASE "+name)
	tb.Cleanup(func() { execute(tb, server, "DROP DATABASE "+name+" WITH (FORCE)") })
	u, err := url.Parse(server)
	require.NoError(tb, err)
	u.Path = "/" + name
	return u.String()
}

// withTable names a table in a DSN, as query.Open and settings understand it.
func withTable(tb testing.TB, dsn, table string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	options := u.Query()
	options.Set("table_name", table)
	u.RawQuery = options.Encode()
	return u.String()
}

// execute runs statements on a connection of their own.
func execute(tb testing.TB, dsn, statements string) {
	tb.Helper()
	withConn(tb, dsn, func(ctx context.Context, conn *pgx.Conn) {
		_, err := conn.Exec(ctx, statements, pgx.QueryExecModeSimpleProtocol)
		require.NoError(tb, err)
	})
}

// dropRole drops a role, with what it owns and may do in a database, if it is there.
func dropRole(tb testing.TB, dsn, role string) {
	tb.Helper()
	execute(tb, dsn, "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '"+role+"') THEN DROP OWNED BY "+role+"; DROP ROLE "+role+"; END IF; END $$")
}

// count returns what a statement returns: one number.
func count(tb testing.TB, dsn, statement string) (n int) {
	tb.Helper()
	withConn(tb, dsn, func(ctx context.Context, conn *pgx.Conn) {
		require.NoError(tb, conn.QueryRow(ctx, statement).Scan(&n))
	})
	return n
}

func withConn(tb testing.TB, dsn string, f func(context.Context, *pgx.Conn)) {
	tb.Helper()
	ctx := context.Background() // also after the test, when its own has ended
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close(ctx)) }()
	f(ctx, conn)
}

// openTest opens a store that is closed with the test.
func openTest(tb testing.TB, dsn string, options *Options) *Store {
	tb.Helper()
	store, err := Open(context.Background(), dsn, options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store
}

// entries are events as a logger hands them to a store.
func entries(tb testing.TB, events ...audit.PermissionAuditEvent) []audit.Entry {
	tb.Helper()
	batch := make([]audit.Entry, len(events))
	for i, event := range events {
		entry, err := audit.NewEntry(context.Background(), event)
		require.NoError(tb, err)
		batch[i] = entry
	}
	return batch
}
