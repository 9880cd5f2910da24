package postgres

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

const countAll = "SELECT count(*) FROM permission_audit_log"

// numbered is an event of its own.
func numbered(n int) audit.PermissionAuditEvent {
	return audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Attributes: []string{"status"}, Granted: true, Manager: "Project",
		UserID: fmt.Sprint("user-", n), Permissions: []string{"isSelf"}, Metadata: map[string]any{audit.MetadataRequestID: fmt.Sprint("r-", n)},
	}
}

func someEvents(n int) (events []audit.PermissionAuditEvent) {
	for i := range n {
		events = append(events, numbered(i))
	}
	return events
}

// statements counts what a pool sends, by its first word.
type statements struct {
	copies, inserts atomic.Int64
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.HasPrefix(data.SQL, "INSERT") {
		s.inserts.Add(1)
	}
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// isEndOfCopy recognises the message CopyDone at the end of what a client sent.
func isEndOfCopy(sent []byte) bool { return bytes.HasSuffix(sent, []byte{'c', 0, 0, 0, 4}) }

// loseFirst makes the proxy lose the answers to the first n COPYs, which the server
// commits.
func loseFirst(n int64) (forward func([]byte) bool, lost *atomic.Int64) {
	lost = new(atomic.Int64)
	return func(sent []byte) bool { return !isEndOfCopy(sent) || lost.Add(1) > n }, lost
}

func TestALostAnswerLeavesEachEventOnce(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	store, err := Open(t.Context(), p.dsn, nil)
	require.NoError(t, err)
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{
		WriteTimeout: 300 * time.Millisecond, Buffer: audit.BufferOptions{OnError: func(error) {}, BatchSize: 10},
	})
	require.NoError(t, err)
	require.NoError(t, logger.Record(t.Context(), numbered(-1)))
	require.NoError(t, logger.Flush(t.Context())) // the table is there

	forward, lost := loseFirst(2)
	p.set(false, forward)
	for i := range 40 {
		require.NoError(t, logger.Record(t.Context(), numbered(i)))
	}
	require.NoError(t, logger.Flush(t.Context()))
	require.NoError(t, logger.Close())
	require.GreaterOrEqual(t, lost.Load(), int64(2), "the answers were lost")
	require.Equal(t, 41, count(t, dsn, countAll))
	require.Equal(t, 41, count(t, dsn, "SELECT count(DISTINCT event_id) FROM permission_audit_log"))
	stats := logger.Stats()
	require.Equal(t, uint64(41), stats.Written)
	require.Zero(t, stats.DeadLettered)
}

func TestTheFirstTryCopiesAndTheNextOneInserts(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	config, err := pgxpool.ParseConfig(p.dsn)
	require.NoError(t, err)
	var sent statements
	config.ConnConfig.Tracer = &sent
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	defer pool.Close()
	store, err := New(t.Context(), pool, nil)
	require.NoError(t, err)
	require.NoError(t, store.Ping(t.Context()))

	forward, lost := loseFirst(1)
	p.set(false, func(b []byte) bool {
		if bytes.Contains(b, []byte("COPY ")) {
			sent.copies.Add(1)
		}
		return forward(b)
	})
	pool.Reset() // of the connections that were cut
	batch := entries(t, someEvents(5)...)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	require.Error(t, store.WriteBatch(ctx, batch))
	require.Equal(t, []int64{1, 1, 0}, []int64{lost.Load(), sent.copies.Load(), sent.inserts.Load()})
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, []int64{1, 1}, []int64{sent.copies.Load(), sent.inserts.Load()}, "a retry of unknown outcome inserts")
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(6))))
	require.Equal(t, []int64{2, 1}, []int64{sent.copies.Load(), sent.inserts.Load()}, "what was never tried is copied")
	require.Equal(t, 6, count(t, dsn, countAll))
}

func TestRepeatsAreSkipped(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	batch := entries(t, someEvents(30)...)
	require.NoError(t, store.WriteBatch(t.Context(), batch[:20]))
	require.NoError(t, store.WriteBatch(t.Context(), batch[10:]), "half of it is there")
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	twice := append(entries(t, someEvents(2)...), batch[0])
	twice = append(twice, twice[0])
	require.NoError(t, store.WriteBatch(t.Context(), twice))
	require.Equal(t, 32, count(t, dsn, countAll))
}

func TestEntriesWithoutIDAreNoRepeats(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	batch := entries(t, someEvents(3)...)
	for i := range batch {
		batch[i].ID = audit.EventID{}
	}
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	store.unsure = true
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, 6, count(t, dsn, countAll))
}

func TestAServiceStartsBeforeItsDatabase(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	p.set(true, nil)
	store, err := Open(t.Context(), p.dsn, nil)
	require.NoError(t, err)
	troubles := make(chan error, 100)
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{Buffer: audit.BufferOptions{
		FlushInterval: time.Millisecond, OnError: func(err error) {
			select {
			case troubles <- err:
			default:
			}
		},
	}})
	require.NoError(t, err)
	for i := range 1000 {
		require.NoError(t, logger.Record(t.Context(), numbered(i)))
	}
	require.ErrorContains(t, <-troubles, "write to database")
	stats := logger.Stats()
	require.Equal(t, []uint64{1000, 0, 1000}, []uint64{stats.Recorded, stats.Written, stats.Pending})
	require.Error(t, stats.LastError)

	p.set(false, nil)
	require.NoError(t, logger.Flush(t.Context()))
	stats = logger.Stats()
	require.Equal(t, []uint64{1000, 1000, 0, 0}, []uint64{stats.Recorded, stats.Written, stats.Pending, stats.DeadLettered})
	require.NoError(t, logger.Close())
	require.Equal(t, 1000, count(t, dsn, countAll))
}

func TestNoConnectionErrorMakesADeadLetter(t *testing.T) {
	p := newProxy(t, newDatabase(t))
	store := openTest(t, p.dsn, nil)
	for name, begin := range map[string]func(){
		"refused":                         func() { p.set(true, nil) },
		"reset in the middle of a batch":  func() { p.hit(endOfCopy(reset)) },
		"closed in the middle of a batch": func() { p.hit(endOfCopy(closed)) },
	} {
		begin()
		logger, reports := newLogger(t, &uncloseable{store}, nil)
		for i := range 10 {
			require.NoError(t, logger.Record(t.Context(), numbered(i)))
		}
		require.Eventually(t, func() bool { return len(reports()) > 0 }, 10*time.Second, time.Millisecond)
		require.Zero(t, logger.Stats().DeadLettered, name)
		p.hit(nil)
		p.set(false, nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.EqualValues(t, 10, logger.Stats().Written, name)
	}
}

// endOfCopy strikes where a batch ends.
func endOfCopy(then fault) strike {
	return func(sent []byte) (int, fault) {
		if isEndOfCopy(sent) {
			return 0, then
		}
		return len(sent), none
	}
}

// uncloseable leaves its store open for the test.
type uncloseable struct{ *Store }

func (*uncloseable) Close() error { return nil }
