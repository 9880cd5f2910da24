package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
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

// Where the last rows were deleted, what remains is not yielded again.
func TestFollowYieldsNothingAgainWhenTheLastRowsAreDeleted(t *testing.T) {
	for _, change := range []string{
		"DELETE FROM permission_audit_log WHERE id = (SELECT max(id) FROM permission_audit_log)",
		"DELETE FROM permission_audit_log WHERE id IN (1, 4, 5)",
		"DELETE FROM permission_audit_log",
		"TRUNCATE permission_audit_log RESTART IDENTITY",
	} {
		dsn := newDatabase(t)
		store := openTest(t, dsn, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(5)...)))
		next := following(t, store, query.Filter{}, 1)
		require.Equal(t, "user-4", next())
		execute(t, dsn, change)
		for i := range 7 {
			require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(i+10))))
			require.Equal(t, numbered(i+10).UserID, next(), change)
		}
	}
}

// A server that ends its connections, as it does when it restarts, ends no follower.
func TestFollowOutlivesItsConnections(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(0))))
	next := following(t, store, query.Filter{}, 1)
	require.Equal(t, "user-0", next())
	for i := range 5 {
		execute(t, dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
		require.Eventually(t, func() bool {
			return store.WriteBatch(t.Context(), entries(t, numbered(i+1))) == nil
		}, 30*time.Second, time.Millisecond)
		require.Equal(t, numbered(i+1).UserID, next())
	}
}

func TestAnOutageIsToldFromARefusal(t *testing.T) {
	for err, want := range map[error]bool{
		&pgconn.PgError{Code: "57P01"}:                                 true,
		&pgconn.PgError{Code: "57P03"}:                                 true,
		&pgconn.PgError{Code: "53300"}:                                 true,
		&pgconn.PgError{Code: "08006"}:                                 true,
		&pgconn.PgError{Code: "40001"}:                                 true,
		&pgconn.PgError{Code: "28P01"}:                                 false,
		&pgconn.PgError{Code: "42501"}:                                 false,
		&pgconn.PgError{Code: "42P01"}:                                 false,
		&pgconn.PgError{}:                                              false,
		fmt.Errorf("read: %w", io.ErrUnexpectedEOF):                    true,
		&net.OpError{Op: "dial", Err: errors.New("refused")}:           true,
		fmt.Errorf("page: %w", &pgconn.ConnectError{}):                 true,
		errors.New("closed pool"):                                      false,
		errors.New("row 7 comes after row 8: the database is damaged"): false,
	} {
		require.Equal(t, want, isOutage(err), "%#v", err)
	}
}

// A store that was closed ends its followers.
func TestFollowEndsWithItsStore(t *testing.T) {
	store, err := Open(t.Context(), newDatabase(t), nil)
	require.NoError(t, err)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(0))))
	var last error
	for _, last = range store.Follow(t.Context(), query.Filter{}, 1) {
		if last == nil {
			require.NoError(t, store.Close())
		}
	}
	require.ErrorContains(t, last, "closed pool")
}
