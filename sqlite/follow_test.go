//go:build cgo

package sqlite

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// following ranges over what a store's Follow yields, in a goroutine. next returns
// the manager of the next event; end cancels, and returns the last error.
func following(tb testing.TB, store *Store, f query.Filter, last int) (next func() string, end func() error) {
	tb.Helper()
	store.reader.Interval = time.Millisecond
	ctx, cancel := context.WithCancelCause(tb.Context())
	names, done := make(chan string), make(chan error, 1)
	go func() {
		var failed error
		for event, err := range store.Follow(ctx, f, last) {
			if failed = err; err == nil {
				select {
				case names <- event.Manager:
				case <-ctx.Done():
				}
			}
		}
		done <- failed
	}()
	next = func() string {
		tb.Helper()
		select {
		case name := <-names:
			return name
		case err := <-done:
			require.NoError(tb, err)
			require.Fail(tb, "it has ended")
		case <-time.After(patience):
			require.Fail(tb, "nothing arrives")
		}
		return ""
	}
	return next, func() error {
		cancel(errEnough)
		return <-done
	}
}

var errEnough = errors.New("enough")

func TestFollowYieldsTheLastEventsAndThoseThatArrive(t *testing.T) {
	for name, path := range places(t) {
		for last, begin := range map[int][]string{0: {}, 2: {"m3", "m4"}, -1: {"m0", "m1", "m2", "m3", "m4"}, 9: {"m0", "m1", "m2", "m3", "m4"}} {
			store := openTest(t, path, nil)
			if path != ":memory:" {
				store = openTest(t, newPath(t), nil)
			}
			require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(5)...)))
			var asked atomic.Int64 // the follower asks once for what there is, and then for what is new
			store.reader.Query = func(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
				asked.Add(1)
				return store.query(ctx, statement, args, row)
			}
			next, end := following(t, store, query.Filter{Newest: true, Limit: 1}, last)
			for _, want := range begin {
				require.Equal(t, want, next(), name)
			}
			require.Eventually(t, func() bool { return asked.Load() > 1 }, patience, time.Millisecond)
			for _, want := range []string{"a", "b", "c"} {
				require.NoError(t, store.WriteBatch(t.Context(), entries(t, event(want))))
				require.Equal(t, want, next())
			}
			require.ErrorIs(t, end(), errEnough)
		}
	}
}

func TestFollowSelects(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	batch := numbered(3000)
	for i := range batch {
		batch[i].Granted = i%1000 != 999
	}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, batch...)))
	next, end := following(t, store, query.Filter{Granted: query.No, Metadata: map[string]query.Terms{"request_id": {NotIn: []string{"[]"}}}}, 2)
	require.Equal(t, "m1999", next())
	require.Equal(t, "m2999", next())
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, batch[1], event("denied"))))
	require.Equal(t, "denied", next())
	require.ErrorIs(t, end(), errEnough)
}

func TestFollowWaitsForTheTable(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	next, end := following(t, store, everything, 10)
	for _, want := range []string{"m0", "m1", "m2"} {
		require.Eventually(t, func() bool { return store.WriteBatch(t.Context(), entries(t, event(want))) == nil }, patience, time.Millisecond)
		require.Equal(t, want, next())
		if want == "m1" {
			execute(t, path, "DROP TABLE permission_audit_log")
			reader, empty := store.reader, false
			require.Eventually(t, func() bool { // the follower has looked
				layout, err := reader.Layout(t.Context())
				was := empty
				empty = err == nil && len(layout.Columns) == 0
				return was && empty
			}, patience, 20*time.Millisecond)
		}
	}
	require.ErrorIs(t, end(), errEnough)
}

func TestFollowYieldsDamageAndGoesOn(t *testing.T) {
	store, path := damaged(t)
	store.reader.Interval = time.Millisecond
	damage, good := 0, 0
	for event, err := range store.Follow(t.Context(), everything, -1) {
		var damaged *query.DamageError
		if errors.As(err, &damaged) {
			damage++
			continue
		}
		require.NoError(t, err)
		if event.Manager == "last" {
			break
		}
		if good++; good == damagedRows+1 {
			execute(t, path, `INSERT INTO permission_audit_log (created_at, action, attributes, granted, bypassed, manager, permissions)
				VALUES ('2026-11-23 09:07:55', 'read', '{', 1, 0, 'bad', '[]'), ('2026-11-23 09:07:55', 'read', '[]', 1, 0, 'last', '[]')`)
		}
	}
	require.Equal(t, damagedRows+1, damage)
}

func TestQueryOpenFollows(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	handle, err := query.Open(t.Context(), "sqlite:"+path)
	require.NoError(t, err)
	for event, err := range handle.Follow(t.Context(), everything, 1) {
		require.NoError(t, err)
		require.Equal(t, "m0", event.Manager)
		break
	}
	require.NoError(t, handle.Close())
	for event, err := range handle.Follow(t.Context(), everything, 1) {
		require.Equal(t, audit.PermissionAuditEvent{}, event)
		require.EqualError(t, err, "query: source is closed")
	}
}
