package benchmarks

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "github.com/mattn/go-sqlite3"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

// stored is how many events one iteration stores, in batches of batchSize.
const (
	stored    = 40960
	batchSize = 4096
)

// columns are those of a table, as the raw drivers write them.
const columns = "event_id, created_at, action, attributes, granted, bypassed, manager, user_id, user_repr, permissions, metadata, sanitized"

// endToEnd records events and flushes: what the caller, the encoder, the worker and
// the store take together.
func endToEnd(b *testing.B, store audit.Sink) {
	b.Helper()
	logger, err := audit.NewDatabaseAuditLogger(store, nil)
	require.NoError(b, err)
	ctx, e := context.Background(), event()
	for b.Loop() {
		for range stored {
			if err := logger.Record(ctx, e); err != nil {
				b.Fatal(err)
			}
		}
		require.NoError(b, logger.Flush(ctx))
	}
	rate(b)
	require.NoError(b, logger.Close())
}

func rate(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(b.N)*stored/b.Elapsed().Seconds(), "events/s")
}

// rows are batches of the same events as rows, encoded beforehand.
func rows(b *testing.B, time func(audit.Entry) any) [][][]any {
	b.Helper()
	var batches [][][]any
	for range stored / batchSize {
		batch := make([][]any, batchSize)
		for i := range batch {
			entry, err := audit.NewEntry(b.Context(), event())
			require.NoError(b, err)
			batch[i] = []any{
				entry.ID.String(), time(entry), string(entry.Action), string(entry.Attributes), entry.Granted, entry.Bypassed,
				entry.Manager, entry.UserID, nil, string(entry.Permissions), string(entry.Metadata), nil,
			}
		}
		batches = append(batches, batch)
	}
	return batches
}

// BenchmarkSQLite compares the store with what the driver does when it is given the
// same batches of the same rows: prepared INSERTs of 100 rows in transactions, into a
// table of the same schema in a file with the same settings.
func BenchmarkSQLite(b *testing.B) {
	b.Run("driver", func(b *testing.B) {
		const rowsPerStatement = 100
		db, err := sql.Open("sqlite3", "file:"+filepath.Join(b.TempDir(), "audit.db")+"?_journal_mode=WAL&_synchronous=FULL")
		require.NoError(b, err)
		schema, err := sqlite.Schema("")
		require.NoError(b, err)
		_, err = db.Exec(schema)
		require.NoError(b, err)
		batches := rows(b, func(e audit.Entry) any { return e.Timestamp.Format("2006-01-02 15:04:05.000000") })
		fresh := func() { // other ids, or all rows would be there already
			for _, batch := range batches {
				for _, row := range batch {
					row[0] = audit.NewEventID().String()
				}
			}
		}
		statement := func(rows int) *sql.Stmt {
			one := "(?" + strings.Repeat(", ?", len(batches[0][0])-1) + ")"
			prepared, err := db.Prepare("INSERT INTO permission_audit_log (" + columns + ") VALUES " + one + strings.Repeat(", "+one, rows-1))
			require.NoError(b, err)
			return prepared
		}
		whole, rest := statement(rowsPerStatement), statement(batchSize%rowsPerStatement)
		insert := func(tx *sql.Tx, batch [][]any) {
			args := make([]any, 0, len(batch)*len(batch[0]))
			for _, row := range batch {
				args = append(args, row...)
			}
			prepared := whole
			if len(batch) < rowsPerStatement {
				prepared = rest
			}
			_, err := tx.Stmt(prepared).Exec(args...)
			require.NoError(b, err)
		}
		for b.Loop() {
			b.StopTimer()
			fresh()
			b.StartTimer()
			for _, batch := range batches {
				tx, err := db.Begin()
				require.NoError(b, err)
				for len(batch) > 0 {
					n := min(rowsPerStatement, len(batch))
					insert(tx, batch[:n])
					batch = batch[n:]
				}
				require.NoError(b, tx.Commit())
			}
		}
		rate(b)
		require.NoError(b, errors.Join(whole.Close(), rest.Close(), db.Close()))
	})
	b.Run("permaudit", func(b *testing.B) {
		store, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "audit.db"), nil)
		require.NoError(b, err)
		endToEnd(b, store)
	})
}

// BenchmarkPostgres compares the store with pgx's CopyFrom of the same batches of the
// same rows, into a table of the same schema.
func BenchmarkPostgres(b *testing.B) {
	dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
	if dsn == "" {
		b.Skip("needs a PostgreSQL server: scripts/with-postgres.sh make bench starts one")
	}
	ctx := b.Context()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(b, err)
	defer func() { require.NoError(b, conn.Close(context.Background())) }()
	b.Run("driver", func(b *testing.B) {
		const name = "benchmark_driver"
		createTable(b, conn, name)
		batches := rows(b, func(e audit.Entry) any { return e.Timestamp })
		fresh := func() {
			for _, batch := range batches {
				for _, row := range batch {
					row[0] = [16]byte(audit.NewEventID())
				}
			}
		}
		for b.Loop() {
			b.StopTimer()
			fresh()
			b.StartTimer()
			for _, batch := range batches {
				_, err := conn.CopyFrom(ctx, pgx.Identifier{name}, strings.Split(columns, ", "), pgx.CopyFromRows(batch))
				require.NoError(b, err)
			}
		}
		rate(b)
	})
	b.Run("permaudit", func(b *testing.B) {
		const name = "benchmark_permaudit"
		createTable(b, conn, name)
		store, err := postgres.Open(ctx, dsn, &postgres.Options{TableName: name})
		require.NoError(b, err)
		endToEnd(b, store)
	})
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
