//go:build cgo

package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// lock takes a lock of a database as another program would. It is released by what is
// returned, or with the test.
func lock(tb testing.TB, path, begin string) (release func()) {
	tb.Helper()
	conn, err := openDB(tb, path, "_busy_timeout=5000").Conn(context.Background())
	require.NoError(tb, err)
	_, err = conn.ExecContext(context.Background(), begin)
	require.NoError(tb, err)
	release = sync.OnceFunc(func() {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		require.NoError(tb, err)
		require.NoError(tb, conn.Close())
	})
	tb.Cleanup(release)
	return release
}

func TestABatchWaitsForAnotherWritersLock(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.Ping(t.Context()))
	release := lock(t, path, "BEGIN EXCLUSIVE")
	logger, failures := newLogger(t, store, audit.DatabaseOptions{WriteTimeout: time.Second})
	record(t, logger, numbered(3)...)
	for range 2 {
		require.ErrorContains(t, failure(t, failures), "database is locked")
	}
	stats := logger.Stats()
	require.EqualValues(t, 3, stats.Pending)
	require.Zero(t, stats.Written+stats.Dropped+stats.DeadLettered)
	release()
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, managersOf(3), managers(t, store, everything))
	require.EqualValues(t, 3, logger.Stats().Written)
}

// Another process holds the lock for ten seconds, twice as long as a write may take.
func TestFault12ALockOfAnotherProcess(t *testing.T) {
	for name, spool := range map[string]string{"": "", ", with a spool": "audit.spool"} {
		t.Run("lock"+name, func(t *testing.T) {
			path := newPath(t)
			store := openTest(t, path, nil)
			require.NoError(t, store.Ping(t.Context()))
			options := audit.DatabaseOptions{}
			if spool != "" {
				options.SpoolPath = filepath.Join(t.TempDir(), spool)
			}
			logger, failures := newLogger(t, store, options)
			other := startChild(t, "lock", path)
			require.Equal(t, "READY", other.says(t))
			n := faults.Rounds(100, 1000)
			end := time.After(time.Duration(faults.Rounds(1500, 10_000)) * time.Millisecond)
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for _, e := range numbered(n) {
				<-tick.C
				record(t, logger, e)
			}
			<-end
			require.ErrorContains(t, failure(t, failures), "database is locked")
			require.EqualValues(t, n, logger.Stats().Pending)
			require.Eventually(t, func() bool { return spool == "" || logger.Stats().Spooled == uint64(n) }, 10*time.Second, time.Millisecond)
			require.NoError(t, other.stdin.Close())
			require.NoError(t, logger.Flush(t.Context()))
			require.Equal(t, managersOf(n), managers(t, store, everything))
			faults.Report(t, faults.Row{Fault: "12 SQLite locked by another process" + name, Rounds: 1, Counts: faults.Counts{Submitted: n, Acked: n, Found: n}})
		})
	}
}

// SQLite itself does not heed a context while it waits for a lock.
func TestALockHoldsUpAWriteForASecondOnly(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.Ping(t.Context()))
	lock(t, path, "BEGIN IMMEDIATE")
	batch := entries(t, event("m0"))
	for name, timeout := range map[string]time.Duration{"short": 100 * time.Millisecond, "long": time.Minute, "ended": 0} {
		ctx, cancel := context.WithTimeout(t.Context(), timeout)
		start := time.Now()
		err := store.WriteBatch(ctx, batch)
		cancel()
		require.Error(t, err, name)
		require.False(t, isPermanent(t, err), name)
		require.Less(t, time.Since(start), 2500*time.Millisecond, name)
		if name == "ended" {
			require.Less(t, time.Since(start), 500*time.Millisecond)
		}
	}
}

func TestAnEndedContextWritesNothing(t *testing.T) {
	for _, path := range []string{newPath(t), ":memory:"} {
		store := openTest(t, path, nil)
		require.NoError(t, store.Ping(t.Context()))
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := store.WriteBatch(ctx, entries(t, event("m0")))
		require.ErrorIs(t, err, context.Canceled)
		require.False(t, isPermanent(t, err))
		require.ErrorIs(t, store.Ping(ctx), context.Canceled)
		require.Empty(t, managers(t, store, everything))
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m1"))))
		require.Equal(t, []string{"m1"}, managers(t, store, everything))
	}
}

func TestOpeningDoesNotWaitForALock(t *testing.T) {
	for name, settings := range map[string]string{"WAL": "WAL", "other": "DELETE"} {
		path := newPath(t)
		db := openDB(t, path, "_journal_mode="+settings)
		_, err := db.ExecContext(t.Context(), "CREATE TABLE other (a)")
		require.NoError(t, err)
		release := lock(t, path, "BEGIN EXCLUSIVE")
		start := time.Now()
		store := openTest(t, path, nil)
		readOnly := openTest(t, path, &Options{ReadOnly: true})
		require.Less(t, time.Since(start), 5*time.Second, name)
		require.ErrorContains(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), "locked", name)
		release()
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), name)
		require.Equal(t, []string{"m0"}, managers(t, readOnly, everything), name)
		require.Equal(t, []string{"wal"}, texts(t, store.writes, "PRAGMA journal_mode"), name)
		require.Equal(t, []string{"2"}, texts(t, store.writes, "PRAGMA synchronous"), name)
	}
}

func TestTwoStoresWriteToOneDatabaseAtTheSameTime(t *testing.T) {
	const batches, size = 40, 25
	path := newPath(t)
	stores := []*Store{openTest(t, path, nil), openTest(t, path, nil)}
	var all sync.WaitGroup
	for _, store := range stores {
		all.Go(func() {
			logger, err := audit.NewDatabaseAuditLogger(&uncloseable{store}, &audit.DatabaseOptions{
				Buffer: audit.BufferOptions{BatchSize: size, OnError: func(error) {}},
			})
			if err == nil {
				for _, e := range numbered(batches * size) {
					_ = logger.Record(context.Background(), e)
				}
				err = logger.Close()
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for _, store := range stores {
		require.ElementsMatch(t, append(managersOf(batches*size), managersOf(batches*size)...), managers(t, store, everything))
	}
}

// uncloseable leaves its store open for the test.
type uncloseable struct{ *Store }

func (*uncloseable) Close() error { return nil }

// A reader in another program that does not end keeps no writer waiting.
func TestReadersDoNotHoldUpAWriter(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	tx, err := openDB(t, path, "").BeginTx(t.Context(), &sql.TxOptions{ReadOnly: true})
	require.NoError(t, err)
	defer func() { require.NoError(t, tx.Rollback()) }()
	var n int
	require.NoError(t, tx.QueryRowContext(t.Context(), "SELECT count(*) FROM permission_audit_log").Scan(&n))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m1"))))
	require.Equal(t, []string{"m1", "m0"}, managers(t, store, query.Filter{Newest: true}))
}
