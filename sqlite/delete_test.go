//go:build cgo

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// minutes are n events, a minute apart, some of which are gaps.
func minutes(n int) []audit.PermissionAuditEvent {
	events := numbered(n)
	for i := range events {
		events[i].Timestamp = time.Date(2026, 11, 23, 0, i, 0, 500_000_000, time.UTC)
		if i%100 == 5 {
			events[i].Action, events[i].Metadata = audit.ActionGap, map[string]any{"dropped": 1}
		}
	}
	return events
}

func TestDeleteBeforeDeletesInBatches(t *testing.T) {
	const n = 10_000
	path := newPath(t)
	s, db := openSpy(t, path, "_busy_timeout=5000&_journal_mode=WAL")
	store := newTest(t, db, nil)
	events := minutes(n)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
	s.forget()
	deleted, err := store.DeleteBefore(t.Context(), events[9000].Timestamp)
	require.NoError(t, err)
	require.Equal(t, int64(9000), deleted)
	require.Len(t, s.executed("BEGIN IMMEDIATE"), 3)
	left := read(t, store, everything)
	require.Len(t, left, 990)
	require.Equal(t, "m9000", left[0].Manager)
	deletions := s.executed("DELETE")
	require.Len(t, deletions, 3)
	steps := explained(t, path, deletions[0], "2026-11-23 00:00:00")
	require.Contains(t, steps, "INDEX permission_audit_log_created_at (created_at<?)")

	deleted, err = store.DeleteBefore(t.Context(), events[9000].Timestamp)
	require.NoError(t, err)
	require.Zero(t, deleted)
	deleted, err = store.DeleteBefore(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Zero(t, deleted, "nothing is older than the zero time")
	deleted, err = store.DeleteBefore(t.Context(), events[9000].Timestamp.Add(time.Nanosecond))
	require.NoError(t, err)
	require.Equal(t, int64(1), deleted)
}

// explained is the plan of a statement with one argument.
func explained(tb testing.TB, path, statement string, arg any) string {
	tb.Helper()
	rows, err := openDB(tb, path, "_busy_timeout=5000").QueryContext(context.Background(), "EXPLAIN QUERY PLAN "+statement, arg)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, rows.Close()) }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		require.NoError(tb, rows.Scan(&id, &parent, &unused, &detail))
		steps = append(steps, detail)
	}
	require.NoError(tb, rows.Err())
	return strings.Join(steps, "; ")
}

func TestDeleteBeforeKeepsWhatHasNoTime(t *testing.T) {
	store, path := damaged(t)
	deleted, err := store.DeleteBefore(t.Context(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, int64(damagedRows+1+damagedRows-3), deleted)
	require.Len(t, texts(t, openDB(t, path, ""), "SELECT id FROM permission_audit_log"), 3)
}

// As texts, times of other forms come before those that they mean.
func TestDeleteBeforeKeepsTimesOfOtherForms(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.Ping(t.Context()))
	kept := []string{
		"2020-01-01 00:00:00-05:00", "2020-01-01 00:00:00.000000-05:00", "2020-01-01 00:00:00.5", "2020-01-01T00:00:00Z", "2020-01-01 00:00:00.000000000",
		"2020-01-01", "2020-01-01 00:00", "2020-01-01 00:00:00x000000",
	}
	for _, text := range append([]string{"2020-01-01 01:59:59", "2020-01-01 01:59:59.999999"}, kept...) {
		execute(t, path, "INSERT INTO permission_audit_log (created_at, action, attributes, granted, bypassed, permissions) VALUES ('"+text+"', 'read', '[]', 1, 0, '[]')")
	}
	deleted, err := store.DeleteBefore(t.Context(), time.Date(2020, 1, 1, 2, 0, 0, 0, time.UTC))
	require.NoError(t, err)
	require.Equal(t, int64(2), deleted)
	require.ElementsMatch(t, kept, texts(t, openDB(t, path, ""), "SELECT created_at FROM permission_audit_log"))
}

func TestDeleteBeforeSaysHowManyBesideItsError(t *testing.T) {
	s, db := openSpy(t, newPath(t), "_busy_timeout=5000")
	store := newTest(t, db, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, minutes(5000)...)))
	failed, n := errors.New("disk on fire"), 0
	s.before = func(statement string) error {
		if strings.HasPrefix(statement, "DELETE") {
			if n++; n == 2 {
				return failed
			}
		}
		return nil
	}
	deleted, err := store.DeleteBefore(t.Context(), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC))
	require.ErrorIs(t, err, failed)
	require.ErrorContains(t, err, "sqlite: delete from ")
	require.Equal(t, int64(4096), deleted)

	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errEnough)
	_, err = store.DeleteBefore(ctx, time.Now())
	require.Error(t, err)
}

func TestDeleteBeforeCreatesNothing(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	deleted, err := store.DeleteBefore(t.Context(), time.Now())
	require.NoError(t, err)
	require.Zero(t, deleted)
	require.Empty(t, tables(t, path))
	require.NoError(t, store.Ping(t.Context()))
	reader := openTest(t, path, &Options{ReadOnly: true})
	_, err = reader.DeleteBefore(t.Context(), time.Now())
	require.ErrorContains(t, err, "the store is read-only")
}

func TestOpenSpecOpensForWriting(t *testing.T) {
	t.Chdir(t.TempDir())
	for i, spec := range []string{"sqlite:a%20b.db", "SQLite:a b.db?table_name=decisions", "sqlite:audit/log.db"} {
		store, err := OpenSpec(t.Context(), spec)
		require.NoError(t, err, spec)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event(fmt.Sprint("m", i)))))
		require.NoError(t, store.Close())
		source, err := query.Open(t.Context(), spec)
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprint("m", i)}, managers(t, source, everything))
		require.NoError(t, source.Close())
	}
	for spec, says := range map[string]string{
		"audit.db":                 "want sqlite:path",
		"postgres://x":             "want sqlite:path",
		"sqlite:":                  "path is empty",
		"sqlite:x.db?mode=ro":      `option "mode" is unknown`,
		"sqlite:.":                 "is a directory",
		"sqlite:x.db?table_name=a": "",
	} {
		store, err := OpenSpec(t.Context(), spec)
		if says == "" {
			require.NoError(t, err)
			require.NoError(t, store.Close())
			continue
		}
		require.ErrorContains(t, err, says)
		require.ErrorContains(t, err, "sqlite: ")
		require.Nil(t, store)
	}
}
