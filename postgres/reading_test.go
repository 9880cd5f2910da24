package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestDamagedRowsAreYieldedAndTheReadingGoesOn(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(4)...)))
	execute(t, dsn, `UPDATE permission_audit_log SET created_at = 'infinity' WHERE id = 2;
		UPDATE permission_audit_log SET attributes = '{"a": 1}' WHERE id = 3`)
	var damaged []int
	sound := 0
	for event, err := range store.Events(t.Context(), query.Filter{}) {
		var damage *query.DamageError
		if errors.As(err, &damage) {
			require.Zero(t, event)
			require.Contains(t, damage.Error(), "table permission_audit_log:")
			damaged = append(damaged, damage.Line)
			continue
		}
		require.NoError(t, err)
		sound++
	}
	require.Equal(t, []int{2, 3}, damaged)
	require.Equal(t, 2, sound)
}

// poolOf returns a pool of so many connections.
func poolOf(tb testing.TB, dsn string, connections int32) *pgxpool.Pool {
	tb.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(tb, err)
	config.MaxConns = connections
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	require.NoError(tb, err)
	tb.Cleanup(pool.Close)
	return pool
}

func TestAReaderHoldsNoConnection(t *testing.T) {
	store, err := New(t.Context(), poolOf(t, newDatabase(t), 1), nil)
	require.NoError(t, err)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(3000)...)))
	read := 0
	for _, err := range store.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		if read++; read%1000 == 1 {
			require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(-read))))
			require.Len(t, all(t, store, query.Filter{Limit: 5, Newest: true}), 5)
		}
	}
	require.Equal(t, 3000, read, "what arrived meanwhile belongs to the next reading")
	require.Len(t, all(t, store, query.Filter{Newest: true}), 3003)
}

func TestRowsOfAnySizeAreRead(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	events := someEvents(40)
	for i := range events {
		for range 20 {
			events[i].Attributes = append(events[i].Attributes, strings.Repeat("x", 10<<10))
		}
	}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
	for _, newest := range []bool{false, true} {
		found := all(t, store, query.Filter{Newest: newest})
		require.Len(t, found, 40)
		require.Len(t, found[7].Attributes, 21)
	}
}

func TestThePoolOfTheUserStaysOpen(t *testing.T) {
	pool := poolOf(t, newDatabase(t), 2)
	store, err := New(t.Context(), pool, nil)
	require.NoError(t, err)
	require.NoError(t, store.Ping(t.Context()))
	require.NoError(t, store.Close())
	require.NoError(t, pool.Ping(t.Context()))
	_, err = New(t.Context(), nil, nil)
	require.EqualError(t, err, "postgres: pool is nil")
}

func TestConnectionsCommitDurably(t *testing.T) {
	dsn := newDatabase(t)
	for value, want := range map[string]string{"off": "on", "local": "local"} {
		withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
			_, err := conn.Exec(ctx, "ALTER DATABASE "+conn.Config().Database+" SET synchronous_commit = "+value)
			require.NoError(t, err)
		})
		store := openTest(t, dsn, nil)
		var setting string
		require.NoError(t, store.pool.QueryRow(t.Context(), "SHOW synchronous_commit").Scan(&setting))
		require.Equal(t, want, setting)
	}
}

func TestAClosedStoreSaysSo(t *testing.T) {
	store, err := Open(t.Context(), newDatabase(t), nil)
	require.NoError(t, err)
	require.NoError(t, store.Ping(t.Context()))
	require.NoError(t, store.Close())
	require.NoError(t, store.Close())
	require.ErrorContains(t, store.WriteBatch(t.Context(), entries(t, numbered(1))), "closed")
	for _, err := range store.Events(t.Context(), query.Filter{}) {
		require.ErrorContains(t, err, "closed")
	}
}

func TestAServerThatDoesNotAnswerIsGivenUpWithTheContext(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	store := openTest(t, p.dsn, nil)
	require.NoError(t, store.Ping(t.Context()))
	p.observe(func([]byte) bool { return false })
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		var last error
		for _, err := range store.Events(ctx, query.Filter{}) {
			last = err
		}
		done <- last
	}()
	cancel(cause)
	require.ErrorIs(t, <-done, cause)
}
