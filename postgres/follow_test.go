package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// following ranges over what a store's Follow yields, in a goroutine, until the test
// ends. next returns the user of the next event.
func following(tb testing.TB, store *Store, f query.Filter, last int) (next func() string) {
	tb.Helper()
	store.reader.Interval = time.Millisecond
	ctx, cancel := context.WithCancel(tb.Context())
	users, done := make(chan string), make(chan error, 1)
	go func() {
		var failed error
		for event, err := range store.Follow(ctx, f, last) {
			if failed = err; err == nil {
				select {
				case users <- event.UserID:
				case <-ctx.Done():
				}
			}
		}
		done <- failed
	}()
	tb.Cleanup(func() {
		cancel()
		require.ErrorIs(tb, <-done, context.Canceled)
	})
	return func() string {
		tb.Helper()
		select {
		case user := <-users:
			return user
		case <-time.After(30 * time.Second):
			require.Fail(tb, "nothing arrives")
			return ""
		}
	}
}

func TestFollowYieldsTheLastEventsAndThoseThatArrive(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(3000)...)))
	next := following(t, store, query.Filter{Newest: true, Limit: 1}, 2)
	require.Equal(t, "user-2998", next())
	require.Equal(t, "user-2999", next())
	for i, want := range []string{"user-0", "user-1", "user-2"} {
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(i))))
		require.Equal(t, want, next())
	}
}

func TestFollowWaitsForTheTable(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	next := following(t, store, query.Filter{}, 10)
	for i, want := range []string{"user-0", "user-1"} {
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(i))))
		require.Equal(t, want, next())
	}
}

// Ids are assigned when rows are inserted, and rows appear when their transaction
// commits.
func TestFollowYieldsWhatIsCommittedLateOnce(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1))))
	insert := func(user string) string {
		return "INSERT INTO permission_audit_log (created_at, action, attributes, granted, bypassed, user_id, permissions) VALUES (now(), 'read', '[]', false, false, '" + user + "', '[]')"
	}
	withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
		begin := func() pgx.Tx {
			tx, err := conn.Begin(ctx)
			require.NoError(t, err)
			return tx
		}
		tx := begin()
		_, err := tx.Exec(ctx, insert("before"))
		require.NoError(t, err)
		execute(t, dsn, insert("early"))
		next := following(t, store, query.Filter{Granted: query.No, User: query.Terms{NotIn: []string{"user-1"}}}, 5)
		require.Equal(t, "early", next())
		require.NoError(t, tx.Commit(ctx))
		require.Equal(t, "before", next(), "its id was assigned before Follow began")

		tx = begin()
		_, err = tx.Exec(ctx, insert("late"))
		require.NoError(t, err)
		for _, user := range []string{"a", "b"} {
			execute(t, dsn, insert(user))
			require.Equal(t, user, next())
		}
		require.NoError(t, tx.Commit(ctx))
		require.Equal(t, "late", next())
		execute(t, dsn, insert("last"))
		require.Equal(t, "last", next(), "and nothing twice")
	})
}

// What was seen is forgotten, and not yielded again.
func TestFollowForgets(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	store.reader.Late = time.Microsecond
	next := following(t, store, query.Filter{}, -1)
	for i := range 20 {
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(i))))
		require.Equal(t, numbered(i).UserID, next())
	}
}
