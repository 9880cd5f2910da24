//go:build cgo

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// changes lets a test change the table between two looks of a follower. change returns
// when it is done: what is written after it is not deleted by it.
func changes(tb testing.TB, store *Store) (change func(statement string)) {
	tb.Helper()
	todo, done := make(chan string), make(chan error, 1)
	look := store.reader.Layout
	store.reader.Layout = func(ctx context.Context) (table.Layout, error) {
		select {
		case statement := <-todo:
			_, err := store.writes.ExecContext(ctx, statement)
			done <- err
		default:
		}
		return look(ctx)
	}
	return func(statement string) {
		tb.Helper()
		todo <- statement
		require.NoError(tb, <-done)
	}
}

// inserted is the SQL for a row of each manager.
func inserted(names ...string) string {
	var rows []string
	for _, name := range names {
		rows = append(rows, "(lower(hex(randomblob(4))) || '-0000-7000-8000-' || lower(hex(randomblob(6))), '2026-11-23 09:07:55', 'read', '[]', 1, 0, '"+name+"', '[]')")
	}
	return "; INSERT INTO permission_audit_log (event_id, created_at, action, attributes, granted, bypassed, manager, permissions) VALUES " +
		strings.Join(rows, ", ")
}

// SQLite gives the ids of the last rows again when these were deleted.
func TestFollowYieldsWhatHasTheIdsOfDeletedRowsOnce(t *testing.T) {
	const all, last = "DELETE FROM permission_audit_log", "DELETE FROM permission_audit_log WHERE id > 3"
	for name, row := range map[string]struct {
		change string
		want   []string
	}{
		"all, fewer":         {all + inserted("a"), []string{"a"}},
		"all, as many":       {all + inserted("a", "b", "c", "d", "e"), []string{"a", "b", "c", "d", "e"}},
		"all, more":          {all + inserted("a", "b", "c", "d", "e", "f"), []string{"a", "b", "c", "d", "e", "f"}},
		"the last, fewer":    {last + inserted("a"), []string{"a"}},
		"the last, as many":  {last + inserted("a", "b"), []string{"a", "b"}},
		"the last, more":     {last + inserted("a", "b", "c"), []string{"a", "b", "c"}},
		"the last, none":     {last, nil},
		"the first, more":    {"DELETE FROM permission_audit_log WHERE id < 3" + inserted("a"), []string{"a"}},
		"one at both ends":   {"DELETE FROM permission_audit_log WHERE id IN (1, 5)", nil},
		"all but one, fewer": {"DELETE FROM permission_audit_log WHERE id <> 1" + inserted("a"), []string{"a"}},
		"all but new":        {strings.TrimPrefix(inserted("a", "b"), "; ") + "; DELETE FROM permission_audit_log WHERE id <= 5", []string{"a", "b"}},
	} {
		for _, late := range []time.Duration{0, time.Microsecond, time.Hour} { // as in PostgreSQL
			t.Run(fmt.Sprint(name, " ", late), func(t *testing.T) {
				store := openTest(t, newPath(t), nil)
				store.reader.Late = late
				change := changes(t, store)
				require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(5)...)))
				next, end := following(t, store, everything, 1)
				require.Equal(t, "m4", next())
				change(row.change)
				for _, want := range row.want {
					require.Equal(t, want, next())
				}
				for _, want := range []string{"y", "z"} {
					require.NoError(t, store.WriteBatch(t.Context(), entries(t, event(want))))
					require.Equal(t, want, next(), "nothing else, and nothing twice")
				}
				require.ErrorIs(t, end(), errEnough)
			})
		}
	}
}

// Of more rows than a follower remembers, those that remain are not yielded again.
func TestFollowOfALargeTableNoticesWhatWasDeleted(t *testing.T) {
	for name, row := range map[string]struct {
		change string
		want   []string
	}{
		"all":      {"DELETE FROM permission_audit_log" + inserted("a", "b"), []string{"a", "b"}},
		"the last": {"DELETE FROM permission_audit_log WHERE id > 39000" + inserted("a", "b"), []string{"a", "b"}},
		"most":     {"DELETE FROM permission_audit_log WHERE id > 5", nil},
		"others":   {"DELETE FROM permission_audit_log WHERE id < 39000" + inserted("a"), []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := openTest(t, path, nil)
			require.NoError(t, store.Ping(t.Context()))
			execute(t, path, strings.TrimPrefix(inserted(slices.Repeat([]string{"many"}, 40_000)...), "; "))
			change := changes(t, store)
			next, end := following(t, store, everything, 1)
			require.Equal(t, "many", next())
			change(row.change)
			for _, want := range row.want {
				require.Equal(t, want, next())
			}
			for _, want := range []string{"y", "z"} {
				change("DELETE FROM permission_audit_log WHERE id = (SELECT min(id) FROM permission_audit_log)" + inserted(want))
				require.Equal(t, want, next())
			}
			require.ErrorIs(t, end(), errEnough)
		})
	}
}

// Rows that Match refuses are asked for once, where rows may appear late.
func TestFollowAsksOnceForWhatIsRefused(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	store.reader.Late = time.Hour
	var pages, looks atomic.Int64
	store.reader.Query = func(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		if strings.Contains(statement, " LIMIT ") {
			pages.Add(1)
		} else {
			looks.Add(1)
		}
		return store.query(ctx, statement, args, row)
	}
	refused := make([]audit.PermissionAuditEvent, 50)
	for i := range refused {
		refused[i] = event("refused")
		refused[i].Metadata = map[string]any{"k": []any{"other"}}
	}
	wanted := event("wanted")
	wanted.Metadata = map[string]any{"k": []any{"v"}}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, wanted)))
	next, end := following(t, store, query.Filter{Metadata: map[string]query.Terms{"k": {In: []string{`["v"]`}}}}, 1)
	require.Equal(t, "wanted", next())
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, append(refused, wanted)...)))
	require.Equal(t, "wanted", next())
	before := looks.Load()
	require.Eventually(t, func() bool { return looks.Load() > before+10 }, patience, time.Millisecond)
	require.ErrorIs(t, end(), errEnough)
	require.Equal(t, int64(2), pages.Load(), "one for the last events, one for the new ones")
}

// What passes is waited for, and what arrived meanwhile is yielded once.
func TestFollowOutlivesWhatPasses(t *testing.T) {
	errPasses, errStays := errors.New("it passes"), errors.New("it stays")
	store := openTest(t, newPath(t), nil)
	store.reader.Passing = func(err error) bool { return errors.Is(err, errPasses) }
	var failing atomic.Pointer[error]
	var failed atomic.Int64
	store.reader.Query = func(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		if err := failing.Load(); err != nil {
			failed.Add(1)
			return *err
		}
		return store.query(ctx, statement, args, row)
	}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(3)...)))
	next, end := following(t, store, everything, 1)
	require.Equal(t, "m2", next())
	failing.Store(&errPasses)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("meanwhile"))))
	require.Eventually(t, func() bool { return failed.Load() > 5 }, patience, time.Millisecond)
	failing.Store(nil)
	require.Equal(t, "meanwhile", next())
	require.ErrorIs(t, end(), errEnough)

	var last error
	for _, last = range store.Follow(t.Context(), everything, 1) {
		failing.Store(&errStays)
	}
	require.ErrorIs(t, last, errStays)
	failing.Store(&errPasses)
	for _, last = range store.Follow(t.Context(), everything, 1) {
		require.ErrorIs(t, last, errPasses, "a follower that has not begun")
	}
	require.Error(t, last)
}

// A page that cannot be read is asked for again, from where the one before it ended.
func TestFollowGoesOnBehindThePageThatItHas(t *testing.T) {
	errPasses := errors.New("it passes")
	store := openTest(t, newPath(t), nil)
	store.reader.Passing = func(err error) bool { return errors.Is(err, errPasses) }
	var pages atomic.Int64
	store.reader.Query = func(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		if strings.Contains(statement, " LIMIT ") && pages.Add(1) == 3 {
			return errPasses
		}
		return store.query(ctx, statement, args, row)
	}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("begin"))))
	next, end := following(t, store, everything, 1)
	require.Equal(t, "begin", next())
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(200)...)))
	for _, want := range managersOf(200) {
		require.Equal(t, want, next())
	}
	require.ErrorIs(t, end(), errEnough)
	require.Greater(t, pages.Load(), int64(3))
}
