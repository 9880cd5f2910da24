package postgres

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// isCancel recognises the request that a client sends on a connection of its own when
// its context ends.
func isCancel(sent []byte) bool {
	return len(sent) == 16 && binary.BigEndian.Uint32(sent[4:]) == 80877102
}

// isCopy recognises the statement that begins a COPY.
func isCopy(sent []byte) bool { return bytes.Contains(sent, []byte("COPY \"")) }

func TestWhateverHappensToTheConnectionEachEventIsStoredOnce(t *testing.T) {
	const strikes = 2
	for name, c := range map[string]struct {
		at     func(sent []byte) bool
		passed bool // to the server
		then   fault
	}{
		"reset when the batch was sent":              {isEndOfCopy, true, reset},
		"reset before its end was sent":              {isEndOfCopy, false, reset},
		"half-closed when the batch was sent":        {isEndOfCopy, true, halfClosed},
		"half-closed before its end was sent":        {isEndOfCopy, false, halfClosed},
		"closed when the batch was sent":             {isEndOfCopy, true, closed},
		"closed before its end was sent":             {isEndOfCopy, false, closed},
		"unanswered when the batch was sent":         {isEndOfCopy, true, unanswered},
		"a black hole before its end was sent":       {isEndOfCopy, false, unanswered},
		"a black hole when the statement was sent":   {isCopy, true, unanswered},
		"a black hole before the statement was sent": {isCopy, false, unanswered},
	} {
		t.Run(name, func(t *testing.T) {
			dsn := newDatabase(t)
			p := newProxy(t, dsn)
			store := openTest(t, p.dsn, nil)
			require.NoError(t, store.Ping(t.Context()))
			var struck atomic.Int64
			p.hit(func(sent []byte) (int, fault) {
				if !c.at(sent) || struck.Add(1) > strikes {
					return len(sent), none
				}
				if c.passed {
					return len(sent), c.then
				}
				return 0, c.then
			})
			logger, _ := newLogger(t, store, func(o *audit.DatabaseOptions) {
				o.WriteTimeout, o.Buffer.BatchSize = 150*time.Millisecond, 10
			})
			for i := range 40 {
				require.NoError(t, logger.Record(t.Context(), numbered(i)))
			}
			require.NoError(t, logger.Flush(t.Context()))
			require.GreaterOrEqual(t, struck.Load(), int64(strikes))
			require.Equal(t, 40, count(t, dsn, countAll))
			require.Equal(t, 40, count(t, dsn, "SELECT count(DISTINCT user_id) FROM permission_audit_log"))
			stats := logger.Stats()
			require.Equal(t, []uint64{40, 40, 0, 0}, []uint64{stats.Recorded, stats.Written, stats.Pending, stats.DeadLettered})
		})
	}
}

func TestAConnectionCutAfterAnyByteLeavesEachEventOnce(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	require.NoError(t, openTest(t, dsn, nil).Ping(t.Context()))
	written := 0
	for cut := 0; ; cut += 61 {
		var passed atomic.Int64
		var over atomic.Bool
		p.hit(func(sent []byte) (int, fault) {
			before := passed.Add(int64(len(sent))) - int64(len(sent))
			if left := int64(cut) - before; left < int64(len(sent)) && over.CompareAndSwap(false, true) {
				return int(max(left, 0)), reset
			}
			return len(sent), none
		})
		store, err := Open(t.Context(), p.dsn, nil)
		require.NoError(t, err)
		batch := entries(t, someEvents(3)...)
		written += len(batch)
		for err = store.WriteBatch(t.Context(), batch); err != nil; {
			require.True(t, over.Load(), "nothing but the cut makes it fail: %v", err)
			err = store.WriteBatch(t.Context(), batch)
		}
		require.NoError(t, store.Close())
		require.Equal(t, written, count(t, dsn, countAll), "cut after %d bytes", cut)
		if !over.Load() {
			require.Greater(t, cut, 1000, "all that is sent was cut")
			return
		}
	}
}

// The server does not notice that the client gave up: the cancellation is lost too.
func TestARetryWaitsForTheFirstTransactionThatStillRuns(t *testing.T) {
	for end, c := range map[string]string{
		"commits":  "SELECT pg_advisory_unlock(1)",
		"is ended": "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted",
	} {
		t.Run(end, func(t *testing.T) {
			dsn := newDatabase(t)
			p := newProxy(t, dsn)
			store := openTest(t, p.dsn, nil)
			require.NoError(t, store.Ping(t.Context()))
			execute(t, dsn, `CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
				CREATE TRIGGER wait AFTER INSERT ON permission_audit_log EXECUTE FUNCTION wait()`)
			p.hit(func(sent []byte) (int, fault) {
				if isCancel(sent) {
					return 0, closed
				}
				return len(sent), none
			})
			batch := entries(t, someEvents(20)...)
			withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
				_, err := conn.Exec(ctx, "SELECT pg_advisory_lock(1)")
				require.NoError(t, err)
				short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
				defer cancel()
				require.Error(t, store.WriteBatch(short, batch))
				written := make(chan error, 1)
				go func() { written <- store.WriteBatch(t.Context(), batch) }()
				require.Eventually(t, func() bool {
					var waiting int
					require.NoError(t, conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'
						AND datname = current_database()`).Scan(&waiting))
					return waiting == 2
				}, 10*time.Second, 5*time.Millisecond, "the retry waits for the first transaction")
				_, err = conn.Exec(ctx, c)
				require.NoError(t, err)
				_, err = conn.Exec(ctx, "SELECT pg_advisory_unlock_all()")
				require.NoError(t, err)
				require.NoError(t, <-written)
			})
			require.Equal(t, 20, count(t, dsn, countAll))
		})
	}
}

// Poolers between a service and its server want one or the other mode.
func TestEveryModeOfQueriesWorks(t *testing.T) {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			store := openTest(t, with(t, newDatabase(t), "default_query_exec_mode", mode), nil)
			events := someEvents(5)
			events[0].Manager, events[0].Metadata = `O'Brien \ "x"`, map[string]any{"a'\\": []any{1, "{}"}}
			batch := entries(t, events...)
			require.NoError(t, store.WriteBatch(t.Context(), batch[:3]))
			store.unsure = true
			require.NoError(t, store.WriteBatch(t.Context(), batch))
			found := all(t, store, query.Filter{Since: batch[0].Timestamp, Until: time.Now().Add(time.Hour)})
			require.Len(t, found, 5)
			for i := range found {
				line, err := found[i].MarshalJSON()
				require.NoError(t, err)
				require.Equal(t, string(batch[i].AppendJSON(nil)), string(line))
			}
			for i, f := range []query.Filter{
				{User: query.Terms{In: []string{"user-0"}}, Manager: query.Terms{In: []string{events[0].Manager}}},
				{Metadata: map[string]query.Terms{"a'\\": {In: []string{`[1,"{}"]`}}}},
				{Metadata: map[string]query.Terms{"request_id": {In: []string{"r-3", "x'"}}}, Attribute: query.Terms{In: []string{"status"}}},
			} {
				require.Len(t, all(t, store, f), 1, fmt.Sprint(i))
			}
		})
	}
}

func TestCloseDoesNotWaitForAServerThatDoesNotAnswer(t *testing.T) {
	p := newProxy(t, newDatabase(t))
	store, err := Open(t.Context(), p.dsn, nil)
	require.NoError(t, err)
	require.NoError(t, store.Ping(t.Context()))
	p.hit(func([]byte) (int, fault) { return 0, unanswered })
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.Error(t, store.WriteBatch(short, entries(t, numbered(1))))
	began := time.Now()
	require.NoError(t, store.Close())
	require.Less(t, time.Since(began), 5*time.Second, "less than a connection's goodbye takes")
}

func TestCloseWaitsForABatchThatIsBeingWritten(t *testing.T) {
	dsn := newDatabase(t)
	store, err := Open(t.Context(), dsn, nil)
	require.NoError(t, err)
	require.NoError(t, store.Ping(t.Context()))
	batch := entries(t, numbered(1))
	written, closed := make(chan error, 1), make(chan error, 1)
	withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
		tx, err := conn.Begin(ctx)
		require.NoError(t, err)
		_, err = tx.Exec(ctx, "LOCK permission_audit_log IN ACCESS EXCLUSIVE MODE")
		require.NoError(t, err)
		go func() { written <- store.WriteBatch(ctx, batch) }()
		require.Eventually(t, func() bool { return store.users.Load() == 1 }, 10*time.Second, time.Millisecond)
		go func() { closed <- store.Close() }()
		select {
		case err := <-closed:
			require.Fail(t, "closed beside a batch", "%v", err)
		case <-time.After(3 * goodbye):
		}
		require.NoError(t, tx.Rollback(ctx))
	})
	require.NoError(t, <-written)
	require.NoError(t, <-closed)
	require.Equal(t, 1, count(t, dsn, countAll))
}
