package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// newLogger returns a logger over a store, and what it reports. It is closed with
// the test.
func newLogger(tb testing.TB, store audit.Sink, change func(*audit.DatabaseOptions)) (*audit.DatabaseAuditLogger, func() []error) {
	tb.Helper()
	var mu sync.Mutex
	var reports []error
	options := &audit.DatabaseOptions{Buffer: audit.BufferOptions{OnError: func(err error) {
		mu.Lock()
		defer mu.Unlock()
		reports = append(reports, err)
	}}}
	if change != nil {
		change(options)
	}
	logger, err := audit.NewDatabaseAuditLogger(store, options)
	require.NoError(tb, err)
	unwatch := faults.WatchLedger(tb, logger.Stats)
	tb.Cleanup(func() {
		require.NoError(tb, logger.Close())
		unwatch()
	})
	return logger, func() []error {
		mu.Lock()
		defer mu.Unlock()
		return append([]error(nil), reports...)
	}
}

func TestFault11OneRefusedRowHarmsNoOther(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	store := openTest(t, p.dsn, nil)
	require.NoError(t, store.Ping(t.Context()))
	execute(t, dsn, "ALTER TABLE permission_audit_log ADD CONSTRAINT no_mallory CHECK (user_id <> 'user-617')")
	var copies atomic.Int64
	p.observe(func(sent []byte) bool {
		copies.Add(int64(bytes.Count(sent, []byte("COPY \""))))
		return true
	})

	logger, reports := newLogger(t, store, func(o *audit.DatabaseOptions) { o.Buffer.FlushInterval = time.Hour }) // one batch
	for i := range 1000 {
		require.NoError(t, logger.Record(t.Context(), numbered(i)))
	}
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, 999, count(t, dsn, countAll))
	stats := logger.Stats()
	require.Equal(t, []uint64{1000, 999, 1}, []uint64{stats.Recorded, stats.Written, stats.DeadLettered})
	var letter *audit.DeadLetterError
	require.Eventually(t, func() bool {
		for _, err := range reports() {
			if errors.As(err, &letter) {
				return true
			}
		}
		return false
	}, 10*time.Second, time.Millisecond)
	require.Contains(t, string(letter.Line), `"user_id":"user-617"`)
	require.ErrorContains(t, letter, "no_mallory")
	// Two for each halving, besides the first.
	require.LessOrEqual(t, copies.Load(), int64(1+2*math.Ceil(math.Log2(1000))))
	faults.Report(t, faults.Row{
		Fault: "11 a row of 1000 refused, PostgreSQL", Rounds: 1, Counts: faults.Counts{Submitted: 1000, Acked: 999, Found: 999},
		Note: fmt.Sprintf("1 dead letter, %d statements more", copies.Load()-1),
	})
}

func TestOnlyRepeatsOfTheEventIDAreSkipped(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.Ping(t.Context()))
	execute(t, dsn, "CREATE UNIQUE INDEX one_each ON permission_audit_log (user_id)")
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1))))
	logger, reports := newLogger(t, store, nil)
	require.NoError(t, logger.Record(t.Context(), numbered(1)))
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, uint64(1), logger.Stats().DeadLettered)
	require.Eventually(t, func() bool { return len(reports()) == 1 }, 10*time.Second, time.Millisecond)
	require.ErrorContains(t, reports()[0], "one_each")
}

// trouble is something that somebody will mend.
type trouble struct {
	cause, mend string // SQL
	options     *Options
	says        string
	dsn         func(string) string
}

func TestWhatCanBeMendedIsTriedAgain(t *testing.T) {
	roleDSN := func(dsn string) string {
		u, err := url.Parse(dsn)
		require.NoError(t, err)
		u.User = url.UserPassword("trouble", "secret")
		return u.String()
	}
	ddl, err := Schema("")
	require.NoError(t, err)
	const (
		role  = "CREATE ROLE trouble LOGIN PASSWORD 'secret';"
		super = "CREATE ROLE trouble LOGIN SUPERUSER PASSWORD 'secret';"
		again = "; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'trouble'"
		nap   = `CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$;
			CREATE TRIGGER nap AFTER INSERT ON permission_audit_log EXECUTE FUNCTION nap();`
	)
	for name, c := range map[string]trouble{
		"missing table":  {"", ddl, &Options{SkipSchema: true}, "SkipSchema", nil},
		"missing schema": {"", "CREATE SCHEMA app", &Options{TableName: "app.permission_audit_log"}, "app", nil},
		"missing column": {
			ddl + "ALTER TABLE permission_audit_log DROP COLUMN sanitized", "ALTER TABLE permission_audit_log ADD COLUMN sanitized jsonb",
			&Options{SkipSchema: true}, "sanitized", nil,
		},
		"foreign table": {"CREATE TABLE permission_audit_log (id int)", "DROP TABLE permission_audit_log", nil, "is no permission log", nil},
		"missing grant": {
			ddl + role, "GRANT INSERT, SELECT (event_id) ON permission_audit_log TO trouble", nil, "permission denied", roleDSN,
		},
		"no such role": {ddl, super, nil, "trouble", roleDSN},
		"read-only": {
			ddl + super + "ALTER ROLE trouble SET default_transaction_read_only = on",
			"ALTER ROLE trouble RESET default_transaction_read_only" + again, nil, "read-only", roleDSN,
		},
		"statement timeout": {
			ddl + super + nap + "ALTER ROLE trouble SET statement_timeout = 50", "DROP TRIGGER nap ON permission_audit_log",
			nil, "statement timeout", roleDSN,
		},
		"no connection left": {
			ddl + role + "GRANT INSERT, SELECT (event_id) ON permission_audit_log TO trouble; ALTER ROLE trouble CONNECTION LIMIT 0",
			"ALTER ROLE trouble CONNECTION LIMIT -1", nil, "too many connections", roleDSN,
		},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			t.Cleanup(func() { dropRole(t, dsn, "trouble") })
			execute(t, dsn, c.cause)
			own := dsn
			if c.dsn != nil {
				own = c.dsn(dsn)
			}
			store, err := Open(t.Context(), own, c.options)
			require.NoError(t, err)
			logger, reports := newLogger(t, store, nil)
			require.NoError(t, logger.Record(t.Context(), numbered(1)))
			require.Eventually(t, func() bool { return len(reports()) > 0 }, time.Minute, time.Millisecond)
			short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			require.ErrorContains(t, logger.Flush(short), c.says)
			require.ErrorContains(t, reports()[0], c.says)
			require.Zero(t, logger.Stats().DeadLettered)

			execute(t, dsn, c.mend)
			require.NoError(t, logger.Flush(t.Context()))
			require.Equal(t, uint64(1), logger.Stats().Written)
		})
	}
}

func TestALockIsWaitedFor(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.Ping(t.Context()))
	logger, _ := newLogger(t, store, func(o *audit.DatabaseOptions) { o.WriteTimeout = 100 * time.Millisecond })
	withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
		tx, err := conn.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, "LOCK permission_audit_log IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		require.NoError(t, logger.Record(t.Context(), numbered(1)))
		short, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, logger.Flush(short), context.DeadlineExceeded)
		require.NoError(t, tx.Rollback(ctx))
	})
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, 1, count(t, dsn, countAll))
}

func TestATerminatedBackendIsReplaced(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	logger, _ := newLogger(t, store, nil)
	for i := range 20 {
		require.NoError(t, logger.Record(t.Context(), numbered(i)))
		require.NoError(t, logger.Flush(t.Context()))
		execute(t, dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	}
	require.Equal(t, 20, count(t, dsn, countAll))
	require.Zero(t, logger.Stats().DeadLettered)
}
