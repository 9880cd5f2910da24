//go:build cgo

package sqlite

import (
	"cmp"
	"context"
	"database/sql"
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

// plans are what SQLite means to do for a reading: a line for each step of the first
// page.
func plans(tb testing.TB, store *Store, f query.Filter) []string {
	tb.Helper()
	var steps []string
	run := store.reader.Query
	store.reader.Query = func(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		if strings.Contains(statement, " WHERE ") && steps == nil {
			rows, err := store.reads.QueryContext(ctx, "EXPLAIN QUERY PLAN "+statement, args...)
			require.NoError(tb, err)
			defer func() { require.NoError(tb, rows.Close()) }()
			for rows.Next() {
				var id, parent, unused int
				var detail sql.NullString
				require.NoError(tb, rows.Scan(&id, &parent, &unused, &detail))
				steps = append(steps, detail.String)
			}
			require.NoError(tb, rows.Err())
		}
		return run(ctx, statement, args, row)
	}
	defer func() { store.reader.Query = run }()
	read(tb, store, f)
	return steps
}

// decisions is a store with many rows, of which each filter below selects few.
func decisions(tb testing.TB, options *Options) *Store {
	tb.Helper()
	store := openTest(tb, newPath(tb), options)
	events := numbered(1000)
	for i := range events {
		e := &events[i]
		e.Granted, e.Bypassed = i%10 != 0, i%100 == 1
		e.UserID = "u" + e.Manager
		e.Metadata = map[string]any{"request_id": []any{e.Manager, i, i%2 == 0, nil, 0.5}[i%5], "trace_id": e.Manager}
		e.Timestamp = time.Date(2026, 11, 23, 0, i, 0, 0, time.UTC)
	}
	require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, events...)))
	return store
}

func TestFiltersUseTheirIndexes(t *testing.T) {
	store := decisions(t, &Options{MetadataIndexes: []string{"request_id", "trace_id"}})
	in := func(values ...string) query.Terms { return query.Terms{In: values} }
	at := func(minute int) time.Time { return time.Date(2026, 11, 23, 0, minute, 0, 0, time.UTC) }
	metadata := func(key string, values ...string) query.Filter {
		return query.Filter{Metadata: map[string]query.Terms{key: in(values...)}}
	}
	for name, row := range map[string]struct {
		filter query.Filter
		index  string
		found  int
	}{
		"user":               {query.Filter{User: in("um7")}, "user_arrival", 1},
		"users":              {query.Filter{User: in("um7", "um8", "um9")}, "user_arrival", 3},
		"denied, manager":    {query.Filter{Granted: query.No, Manager: in("m10")}, "denied", 1},
		"denied, managers":   {query.Filter{Granted: query.No, Manager: in("m10", "m11", "m20"), Action: in("update")}, "denied", 2},
		"bypassed in a time": {query.Filter{Bypassed: query.Yes, Since: at(0), Until: at(481)}, "bypassed", 5},
		"in a time":          {query.Filter{Since: at(481), Until: at(483)}, "created_at", 2},
		"request, a string":  {metadata("request_id", "m5"), "metadata_request_id", 1},
		"request, a number":  {metadata("request_id", "6"), "metadata_request_id", 1},
		"request, true":      {metadata("request_id", "true"), "metadata_request_id", 100},
		"request, false":     {metadata("request_id", "false"), "metadata_request_id", 100},
		"requests":           {metadata("request_id", "m5", "6", "none"), "metadata_request_id", 2},
		"trace":              {metadata("trace_id", "m5"), "metadata_trace_id", 1},
		"newest of a user":   {query.Filter{User: in("um7"), Newest: true, Limit: 1}, "user_arrival", 1},
		"newest of requests": {query.Filter{Metadata: metadata("request_id", "m5").Metadata, Newest: true}, "metadata_request_id", 1},
	} {
		steps := plans(t, store, row.filter)
		require.NotEmpty(t, steps, name)
		require.True(t, slices.ContainsFunc(steps, func(step string) bool {
			return strings.Contains(step, "USING INDEX permission_audit_log_"+row.index+" ") || strings.HasSuffix(step, "USING INDEX permission_audit_log_"+row.index)
		}), "%s: %q", name, steps)
		require.Len(t, read(t, store, row.filter), row.found, name)
	}
}

// Without an index the answer is the same.
func TestFiltersNeedNoIndex(t *testing.T) {
	indexed, plain := decisions(t, nil), decisions(t, &Options{MetadataIndexes: []string{}})
	require.Len(t, indexes(t, indexed), 8)
	require.Len(t, indexes(t, plain), 7)
	for _, value := range []string{"m5", "6", "true", "false", "0.5", "0.50", "1", "", "none", "[", "9223372036854775808", "1e999"} {
		f := query.Filter{Metadata: map[string]query.Terms{"request_id": {In: []string{value}}}}
		require.Equal(t, managers(t, plain, f), managers(t, indexed, f), value)
	}
}

// An index holds numbers as SQLite understands them; a filter compares them as they
// are written.
func TestAnIndexFindsNumbersOfEveryForm(t *testing.T) {
	store := openTest(t, ":memory:", nil)
	numbers := []string{
		"0", "-0", "1", "-1", "1.0", "1e0", "1e21", "1e+21", "9223372036854775807", "9223372036854775808", "18446744073709551615", "-9223372036854775809",
		"123456789012345678901234567890", "0.1", "1e-400", "1e999", "-1e999", "5e-324", "9007199254740993", "3.141592653589793238462643383279",
	}
	for _, number := range numbers {
		batch := entries(t, event(number))
		batch[0].Metadata = []byte(`{"request_id":` + number + `}`)
		require.NoError(t, store.WriteBatch(t.Context(), batch))
	}
	for _, number := range numbers {
		f := query.Filter{Metadata: map[string]query.Terms{"request_id": {In: []string{number}}}}
		require.Equal(t, []string{number}, managers(t, store, f))
	}
}

func TestMetadataIndexesAreChecked(t *testing.T) {
	for _, keys := range [][]string{{""}, {"a b"}, {"a'b"}, {`a"b`}, {"a.b"}, {"é"}, {"a", "a"}, {strings.Repeat("x", 64)}} {
		_, err := Open(t.Context(), ":memory:", &Options{MetadataIndexes: keys})
		require.ErrorContains(t, err, "sqlite: metadata index", keys)
	}
	keys := []string{audit.MetadataTraceID, "Key_9", strings.Repeat("x", 63)}
	store := openTest(t, ":memory:", &Options{MetadataIndexes: keys})
	keys[0] = "changed"
	require.NoError(t, store.Ping(t.Context()))
	require.Contains(t, indexes(t, store), "permission_audit_log_metadata_trace_id")
	require.Contains(t, indexes(t, store), "permission_audit_log_metadata_Key_9")
	require.Len(t, indexes(t, store), 10)
}

// A database of somebody else may have an index of any name.
func TestAKeyIsNeverSQL(t *testing.T) {
	for _, key := range []string{`x"') IS NULL OR 1=1 --`, "x'y", `x"y`, `x\`, "x y", "$.x", "x]", ""} {
		path := newPath(t)
		store := openTest(t, path, nil)
		hostile := event("hostile")
		hostile.Metadata = map[string]any{key: "v"}
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"), hostile)))
		execute(t, path, "CREATE INDEX "+table.Quote("permission_audit_log_metadata_"+key)+" ON permission_audit_log (manager)")
		f := query.Filter{Metadata: map[string]query.Terms{key: {In: []string{"v"}}}}
		require.Equal(t, []string{"hostile"}, managers(t, store, f), key)
		groups, _ := asread.Groups(t, store, f, "metadata."+cmp.Or(key, "x"))
		require.Len(t, groups, 1)
	}
}

func TestALongTableNameHasIndexesOfItsOwn(t *testing.T) {
	path := newPath(t)
	one, other := strings.Repeat("t", 62)+"1", strings.Repeat("t", 62)+"2"
	seen := map[string]bool{}
	for _, name := range []string{one, other} {
		store := openTest(t, path, &Options{TableName: name})
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event(name))))
		require.Equal(t, []string{name}, managers(t, store, everything))
		names := indexes(t, store)
		require.Len(t, names, 8)
		for _, index := range names {
			require.LessOrEqual(t, len(index), 63)
			require.False(t, seen[index], index)
			seen[index] = true
		}
	}
}

// The newest events of a user stand together in an index, in order of arrival: so many
// rows are read as are wanted, however many others there are.
func TestTheNewestOfAUserAreReadAlone(t *testing.T) {
	for _, n := range []int{100, 10_000} {
		store := openTest(t, newPath(t), nil)
		events := numbered(n)
		for i := range events {
			if events[i].UserID = "heavy"; i%50 == 3 {
				events[i].UserID, events[i].User = "", audit.UserRepr("rare")
			}
			events[i].Timestamp = time.Date(2026, 11, 23, 0, 0, i*7919%n, 0, time.UTC)
		}
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
		for user, wanted := range map[string]int{"heavy": 50, "rare": 2, "nobody": 0} {
			f := query.Filter{User: query.Terms{In: []string{user}}, Newest: true, Limit: max(wanted, 1)}
			require.Equal(t, []string{"SEARCH permission_audit_log USING INDEX permission_audit_log_user_arrival (<expr>=? AND id<?)"}, plans(t, store, f),
				"one index, and no sorting")
			require.Len(t, read(t, store, f), wanted)
		}
	}
}

// An entry of the index holds the beginning of a user; the filter means all of it.
func TestUsersWhoBeginAlikeAreToldApart(t *testing.T) {
	store := openTest(t, ":memory:", nil)
	long := strings.Repeat("ü", 300)
	users := []string{long, long + "1", strings.Repeat("ü", 255), strings.Repeat("ü", 254), ""}
	for _, user := range users {
		e := event("of " + user)
		e.UserID = user
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, e)))
	}
	for _, user := range users {
		require.Equal(t, []string{"of " + user}, managers(t, store, query.Filter{User: query.Terms{In: []string{user}}}))
		require.Equal(t, []string{"of " + user}, managers(t, store, query.Filter{User: query.Terms{In: []string{"none", user, "other"}}}))
	}
}
