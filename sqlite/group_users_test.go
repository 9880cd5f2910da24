//go:build cgo

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/asread"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestUsersAreCountedInSQL(t *testing.T) {
	events := numbered(20 * packRows) // of which half are many
	at := func(i int) time.Time { return time.Date(2026, 11, 23, 0, 0, i, 0, time.UTC) }
	for i := range events {
		e := &events[i]
		e.Manager, e.UserID, e.Granted = fmt.Sprint("m", i%7), fmt.Sprint("u", i%13), i%3 == 0
		e.Attributes, e.Timestamp = []string{"status", fmt.Sprint("a", i%5)}, at(i)
		e.Metadata = map[string]any{"deployment": []any{"v1", "v2", 1, true}[i%4]}
	}
	deployment := func(names ...string) query.Set {
		return query.Set{Filter: query.Filter{Metadata: map[string]query.Terms{"deployment": {In: names}}}}
	}
	inTime := func(from ...int) (set query.Set) {
		for i := 0; i < len(from); i += 2 {
			set.Windows = append(set.Windows, query.Window{Since: at(from[i]), Until: at(from[i+1])})
		}
		return set
	}
	for name, path := range places(t) {
		store := openTest(t, path, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
		statements, _ := watchStatements(t, store)
		for _, sets := range [][]query.Set{
			{deployment("v1"), deployment("v2"), {}},
			{deployment("v1", "1"), deployment("true"), deployment("")},
			{inTime(100, 19*packRows), inTime(5, 10)},
			{inTime(100, 9*packRows, 11*packRows, 20*packRows, 20*packRows+1, 20*packRows+2)},
		} {
			for _, by := range [][]string{{"manager", "attribute"}, {"metadata.deployment"}} {
				got, damage := asread.Users(t, store, sets, by...)
				want, _ := asread.Users(t, query.Slice(read(t, query.Slice(events), everything)), sets, by...)
				require.Equal(t, want, got, "%s %v", name, by)
				require.Empty(t, damage)
			}
		}
		for _, statement := range statements() {
			require.False(t, strings.HasPrefix(statement, "SELECT id, "), "no event is read: %s", statement)
		}
	}
}

// An index finds few rows, and those that lie among many others; the others are read in
// pieces.
func TestOnlyDenseTimesAreReadInPieces(t *testing.T) {
	for name, row := range map[string]struct {
		rows, hours int
		order       string // of the times
		pieces      bool
	}{
		"all":       {20 * packRows, 1 << 20, "i", true},
		"few":       {20 * packRows, 100, "i", false},
		"scattered": {100 * packRows, 17 * packRows, "i * 7919 % 102400", false},
	} {
		path := newPath(t)
		store := openTest(t, path, nil)
		require.NoError(t, store.Ping(t.Context()))
		execute(t, path, fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
			INSERT INTO permission_audit_log (created_at, action, attributes, granted, bypassed, manager, permissions)
			SELECT datetime('2020-01-01', (%s) || ' hours'), 'read', '[]', 1, 0, 'm', '[]' FROM n`, row.rows, row.order))
		statements, plans := watchStatements(t, store)
		begin := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
		texts, _ := asread.Users(t, store, []query.Set{{Windows: []query.Window{{Since: begin, Until: begin.Add(time.Duration(row.hours) * time.Hour)}}}}, "manager")
		require.NotEmpty(t, texts, name)
		inPieces := slices.ContainsFunc(statements(), func(s string) bool { return strings.Contains(s, "NOT INDEXED") })
		require.Equal(t, row.pieces, inPieces, name)
		byIndex := slices.ContainsFunc(plans(), func(s string) bool {
			return strings.Contains(s, "SEARCH") && strings.Contains(s, "USING INDEX permission_audit_log_created_at")
		})
		require.Equal(t, !row.pieces, byIndex, name)
	}
}

func TestDamagedRowsAreYieldedBesideUsers(t *testing.T) {
	store, _ := damaged(t)
	for _, by := range [][]string{{"manager"}, {"manager", "attribute"}, {"permission"}, {"day"}, {"metadata.request_id"}, nil} {
		asread.RequireUsers(t, store, asread.Sets("r-good"), by...)
	}
	texts, damage := asread.Users(t, store, asread.Sets("r-good"), "manager", "attribute")
	require.Len(t, damage, 10, "whose columns are needed, each once")
	require.Contains(t, strings.Join(texts, "\n"), `"good" "status"`)
}

// A filter of the metadata meets JSON that is none: then it is damage too.
func TestMalformedMetadataAreDamageOfUsers(t *testing.T) {
	for _, metadata := range []string{"{", "", "{}x", "null", "[]", `{"request_id":"r-m0"}x`, `{"request_id":"r-m0","request_id":`} {
		path := newPath(t)
		store := openTest(t, path, &Options{MetadataIndexes: []string{}})
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(3)...)))
		execute(t, path, "UPDATE permission_audit_log SET metadata = '"+metadata+"' WHERE id = 2")
		for _, sets := range [][]query.Set{asread.Sets("r-m0"), asread.Sets("r-m0")[1:2], asread.Sets("1", "r-m0")} {
			asread.RequireUsers(t, store, sets, "manager")
			asread.RequireUsers(t, store, sets, "metadata.request_id")
		}
	}
}

func TestCountingUsersEndsWithItsContext(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(10_000)...)))
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	run := store.run
	store.run = func(c context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		if strings.Contains(statement, "group_concat") {
			cancel(cause)
		}
		return run(c, statement, args, row)
	}
	sequence, err := store.GroupUsers(ctx, make([]query.Set, 2), []string{"manager"})
	require.NoError(t, err)
	n := 0
	var last error
	for _, last = range sequence {
		n++
	}
	require.ErrorIs(t, last, cause)
	require.Equal(t, 1, n)
}

// What is sampled is found out on the way, and counts by its weight then.
func TestSampledRowsOfUsersAreWeighed(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	events := numbered(3000)
	events[2900].Metadata = map[string]any{audit.MetadataSampleRate: 0.25}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
	texts, _ := asread.Users(t, store, make([]query.Set, 1))
	require.Contains(t, texts[0], "{3003 ")
}
