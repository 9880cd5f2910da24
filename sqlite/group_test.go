//go:build cgo

package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/internal/asread"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// watchStatements keeps the statements that a store runs, with their plans.
func watchStatements(tb testing.TB, store *Store) (statements func() []string, plans func() []string) {
	tb.Helper()
	var mu sync.Mutex
	var seen, steps []string
	run := store.reader.Query
	watch := func(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		mu.Lock()
		seen = append(seen, statement)
		mu.Unlock()
		if !strings.HasPrefix(statement, "EXPLAIN") {
			err := run(ctx, "EXPLAIN QUERY PLAN "+statement, args, func(scan table.Scan) (bool, error) {
				var id, parent, unused int
				var detail sql.NullString
				err := scan(&id, &parent, &unused, &detail)
				mu.Lock()
				defer mu.Unlock()
				steps = append(steps, detail.String)
				return true, err
			})
			if err != nil {
				return err
			}
		}
		return run(ctx, statement, args, row)
	}
	store.reader.Query, store.run = watch, watch
	tb.Cleanup(func() { store.reader.Query, store.run = run, run })
	locked := func(list *[]string) func() []string {
		return func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(*list)
		}
	}
	return locked(&seen), locked(&steps)
}

func TestGroupsAreCountedInSQL(t *testing.T) {
	for name, path := range places(t) {
		store := openTest(t, path, nil)
		events := numbered(5000) // of which many are in a pack
		for i := range events {
			e := &events[i]
			e.Manager, e.UserID, e.Granted = fmt.Sprint("m", i%7), fmt.Sprint("u", i%13), i%3 == 0
			e.Attributes, e.Timestamp = []string{"status", fmt.Sprint("a", i%5)}, time.Date(2026, 11, 23, 0, i, 0, 0, time.UTC)
		}
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
		statements, _ := watchStatements(t, store)
		for _, by := range [][]string{{"manager", "attribute"}, {"user"}, {"day", "granted"}, {"hour"}, {"metadata.request_id"}, nil} {
			for _, f := range []query.Filter{{}, {Granted: query.No}, {User: query.Terms{In: []string{"u3"}}}, {Since: events[4000].Timestamp}} {
				got, damage := asread.Groups(t, store, f, by...)
				want, _ := asread.Groups(t, query.Slice(read(t, query.Slice(events), everything)), f, by...)
				require.Equal(t, want, got, "%s %v", name, by)
				require.Empty(t, damage)
			}
		}
		for _, statement := range statements() {
			require.False(t, strings.HasPrefix(statement, "SELECT id, "), "no event is read: %s", statement)
		}
	}
}

// A value may hold the marks between columns and rows, by chance or on purpose.
func TestMarksInValuesDoNotMoveColumns(t *testing.T) {
	for _, value := range []string{markField, markRow, "a" + markField + "b", markRow + markRow, "x" + markField + "2026-11-23 09:07:55" + markField + "u" + markRow + "y"} {
		store := openTest(t, ":memory:", nil)
		for i, set := range []func(*audit.PermissionAuditEvent){
			func(e *audit.PermissionAuditEvent) { e.Manager = value },
			func(e *audit.PermissionAuditEvent) { e.UserID = value },
			func(e *audit.PermissionAuditEvent) { e.Metadata = map[string]any{"k": value} },
		} {
			e := event(fmt.Sprint("m", i))
			set(&e)
			require.NoError(t, store.WriteBatch(t.Context(), entries(t, e, event("other"))))
			asread.RequireGroups(t, store, everything, "manager", "user")
			asread.RequireGroups(t, store, query.Filter{Granted: query.No}, "metadata.k")
			asread.RequireUsers(t, store, asread.Sets("r-m1"), "manager", "metadata.k")
		}
	}
}

func TestDamagedRowsAreYieldedBesideGroups(t *testing.T) {
	store, _ := damaged(t)
	for _, by := range [][]string{{"manager"}, {"manager", "attribute"}, {"permission"}, {"day"}, {"metadata.request_id"}, nil} {
		asread.RequireGroups(t, store, everything, by...)
		asread.RequireGroups(t, store, query.Filter{Granted: query.No, User: query.Terms{In: []string{"42"}}}, by...)
	}
	groups, damage := asread.Groups(t, store, everything, "manager", "attribute")
	require.Len(t, damage, 10, "whose columns are needed")
	require.Contains(t, strings.Join(groups, "\n"), `"good" "status"`)
}

// Each damage alone must be noticed, also in rows that are not selected.
func TestEveryDamageIsNoticed(t *testing.T) {
	for _, change := range []string{
		"granted = 2", "granted = 'yes'", "bypassed = -1", "created_at = '2026-02-30 00:00:00'", "created_at = '2026-11-23 25:00:00'",
		"created_at = '2026-11-23 09:07:5x'", "created_at = 'yesterday'", "created_at = '2026-11-23T09:07:55Z'", "created_at = '2026-11-23 09:07:55.12+01:00'",
		"metadata = '{'", "metadata = '[]'", "metadata = ''", "metadata = 'null'", "metadata = '{}'", "metadata = '{\"a\":1} x'", "metadata = x'7b7d'",
		"attributes = '{}'", "attributes = 'null'", "attributes = '[1]'", "attributes = ''", "attributes = '[\"a\",\"a\"]'", "attributes = ' [ \"a\" ] '",
	} {
		path := newPath(t)
		store := openTest(t, path, &Options{MetadataIndexes: []string{}})
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(3)...)))
		execute(t, path, "UPDATE permission_audit_log SET "+change+" WHERE id = 2")
		for _, f := range []query.Filter{{}, {Granted: query.No}, {Granted: query.Yes}, {User: query.Terms{In: []string{"42"}}}} {
			for _, by := range [][]string{nil, {"attribute"}, {"day"}, {"metadata.request_id", "granted"}} {
				asread.RequireGroups(t, store, f, by...)
				asread.RequireUsers(t, store, []query.Set{{Filter: f}, {}}, by...)
			}
		}
	}
}

func TestRowsWithoutNeighboursAreGrouped(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(6)...)))
	for id, other := range []int64{0, -9223372036854775808, -5, 0, 100_000_000_000, 9223372036854775806, 9223372036854775807} {
		execute(t, path, fmt.Sprintf("UPDATE permission_audit_log SET id = %d WHERE id = %d", other, id))
	}
	groups, _ := asread.Groups(t, store, everything, "manager")
	require.Len(t, groups, 6)
}

// A piece holds as many rows as a pack, however far apart their ids are.
func TestRowsFarApartAreReadInFewStatements(t *testing.T) {
	counts := map[int]int{}
	for _, distance := range []int{1, 2000} {
		path := newPath(t)
		store := openTest(t, path, nil)
		require.NoError(t, store.Ping(t.Context()))
		execute(t, path, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
			INSERT INTO permission_audit_log (id, created_at, action, attributes, granted, bypassed, manager, permissions)
			SELECT i * %d, '2020-01-01 00:00:00', 'read', '[]', 1, 0, 'm', '[]' FROM n`, distance))
		statements, _ := watchStatements(t, store)
		groups, _ := asread.Groups(t, store, everything, "manager")
		require.Len(t, groups, 1)
		require.Contains(t, groups[0], " 5000/5000 ")
		counts[distance] = len(statements())
	}
	require.Equal(t, counts[1], counts[2000])
	require.Less(t, counts[1], 30)
}

func TestGroupsUseIndexes(t *testing.T) {
	at := func(minute int) time.Time { return time.Date(2026, 11, 23, 0, minute, 0, 0, time.UTC) }
	in := func(values ...string) query.Terms { return query.Terms{In: values} }
	for name, row := range map[string]struct {
		filter query.Filter
		index  string
	}{
		"user":            {query.Filter{User: in("um7")}, "user_arrival"},
		"in a time":       {query.Filter{Since: at(481), Until: at(483)}, "created_at"},
		"request":         {query.Filter{Metadata: map[string]query.Terms{"request_id": in("m5")}}, "metadata_request_id"},
		"denied, manager": {query.Filter{Granted: query.No, Manager: in("m10")}, "denied"},
		"gaps":            {query.Filter{}, "gap_created_at"},
	} {
		store := decisions(t, nil)
		_, plans := watchStatements(t, store)
		groups, _ := asread.Groups(t, store, row.filter, "manager")
		require.NotEmpty(t, groups)
		require.True(t, slices.ContainsFunc(plans(), func(step string) bool {
			return strings.Contains(step, "USING INDEX permission_audit_log_"+row.index)
		}), "%s: %q", name, plans())
	}
}

// The table as general_manager made it, before somebody writes to it.
func TestGeneralManagersTableIsAGrouper(t *testing.T) {
	store := openTest(t, generalManager(t), &Options{TableName: gmTable, ReadOnly: true})
	for _, by := range [][]string{{"manager", "attribute"}, {"user"}, {"day", "action"}, {"metadata.request_id"}} {
		asread.RequireGroups(t, store, query.Filter{Granted: query.No}, by...)
	}
	audittest.TestGrouper(t, generalManagersStore)
	audittest.TestUserGrouper(t, generalManagersStore)
}

// generalManagersStore is a store of the events in a table as general_manager makes it.
func generalManagersStore(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
	path := generalManager(tb)
	db := openDB(tb, path, "_busy_timeout=5000")
	tx, err := db.BeginTx(tb.Context(), nil)
	require.NoError(tb, err)
	_, err = tx.ExecContext(tb.Context(), "DELETE FROM gm_permission_log")
	require.NoError(tb, err)
	for _, e := range entries(tb, events...) {
		_, err := tx.ExecContext(tb.Context(), `INSERT INTO gm_permission_log (created_at, action, attributes, granted, bypassed, manager, user_id, user_repr,
				permissions, metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, strings.TrimSuffix(timeText(e.Timestamp), ".000000"), string(e.Action),
			list(string(e.Attributes)), e.Granted, e.Bypassed, nullable(e.Manager), nullable(e.UserID), nullable(e.User), list(string(e.Permissions)), nullable(string(e.Metadata)))
		require.NoError(tb, err)
	}
	require.NoError(tb, tx.Commit())
	return openTest(tb, path, &Options{TableName: gmTable, ReadOnly: true})
}

func TestGroupingEndsWithItsContext(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(10_000)...)))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	n := 0
	run := store.run
	store.run = func(c context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		if strings.Contains(statement, "group_concat") {
			cancel(cause)
		}
		return run(c, statement, args, row)
	}
	var last error
	var sequence iter.Seq2[query.Group, error]
	sequence, err := store.Group(ctx, everything, []string{"manager"})
	require.NoError(t, err)
	for _, last = range sequence {
		n++
	}
	require.ErrorIs(t, last, cause)
	require.Equal(t, 1, n)
}

func nullable(text string) sql.NullString { return sql.NullString{String: text, Valid: text != ""} }
