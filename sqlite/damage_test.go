//go:build cgo

package sqlite

import (
	"errors"
	"testing"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// damaged is a store with a good row before and after each kind of damaged one. An
// index on the metadata would keep some of them out.
func damaged(tb testing.TB) (store *Store, path string) {
	tb.Helper()
	path = newPath(tb)
	store = openTest(tb, path, &Options{MetadataIndexes: []string{}})
	require.NoError(tb, store.Ping(tb.Context()))
	const insert = "INSERT INTO permission_audit_log (event_id, created_at, action, attributes, granted, bypassed, manager, permissions, metadata, sanitized) VALUES "
	for _, values := range []string{
		`(NULL, '2026-11-23 09:07:55', 'read', '{', 1, 0, 'bad attributes', '[]', NULL, NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '["a"]', 1, 0, 'bad permissions', 'x', NULL, NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '["a"]', 1, 0, 'bad metadata', '[]', '{"request_id":', NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '["a"]', 1, 0, 'metadata is a list', '[]', '[1]', NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '{"a": 1}', 1, 0, 'attributes are no list', '[]', NULL, NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '"a"', 1, 0, 'attributes are a text', '[]', NULL, NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '[1]', 1, 0, 'an attribute is a number', '[]', NULL, NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '', 1, 0, 'attributes are empty', '[]', NULL, NULL)`,
		`(NULL, '2026-11-23 09:07:55', 'read', '["a"]', 1, 0, 'bad sanitized', '[]', NULL, 'x')`,
		`('not an id', '2026-11-23 09:07:55', 'read', '["a"]', 1, 0, 'bad id', '[]', NULL, NULL)`,
		`(NULL, 'yesterday', 'read', '["a"]', 1, 0, 'bad time', '[]', NULL, NULL)`,
		`(NULL, '', 'read', '["a"]', 1, 0, 'no time', '[]', NULL, NULL)`,
		`(NULL, x'00ff', 'read', '["a"]', 1, 0, 'time of bytes', '[]', NULL, NULL)`,
	} {
		require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, event("good"))))
		execute(tb, path, insert+values)
	}
	require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, event("good"))))
	return store, path
}

const damagedRows = 13

// tally reads on behind damage, and counts it.
func tally(tb testing.TB, source query.Source, f query.Filter) (good int, lines []int) {
	tb.Helper()
	for event, err := range source.Events(tb.Context(), f) {
		var damage *query.DamageError
		if errors.As(err, &damage) {
			require.Zero(tb, event.Action)
			require.Error(tb, damage.Err)
			lines = append(lines, damage.Line)
			continue
		}
		require.NoError(tb, err)
		require.Equal(tb, "good", event.Manager)
		good++
	}
	return good, lines
}

func TestDamagedRowsAreYieldedInTheirPlaceAndTheReadingGoesOn(t *testing.T) {
	store, path := damaged(t)
	good, lines := tally(t, store, everything)
	require.Equal(t, damagedRows+1, good)
	require.Equal(t, []int{2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26}, lines, "the ids of the rows")
	good, lines = tally(t, store, query.Filter{Newest: true, Limit: 3})
	require.Equal(t, 3, good, "damage does not count")
	require.Equal(t, []int{26, 24}, lines)
	var damage *query.DamageError
	require.ErrorAs(t, readError(store, query.Filter{Manager: query.Terms{In: []string{"bad time"}}}), &damage)
	require.Equal(t, path+" table permission_audit_log", damage.File)
	require.ErrorContains(t, damage, "created_at")
	require.ErrorContains(t, damage, "yesterday")
}

// A filter on JSON does not fail at a row whose JSON is damaged.
func TestDamagedRowsDoNotHarmFilters(t *testing.T) {
	store, _ := damaged(t)
	in := func(values ...string) query.Terms { return query.Terms{In: values} }
	many := in("status", "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q")
	for name, f := range map[string]query.Filter{
		"attribute":    {Attribute: in("status")},
		"attributes":   {Attribute: many},
		"no attribute": {Attribute: query.Terms{NotIn: []string{"b"}}},
		"permission":   {Permission: in("isSelf")},
		"metadata":     {Metadata: map[string]query.Terms{"request_id": in("r-good")}},
		"not metadata": {Metadata: map[string]query.Terms{"request_id": {NotIn: []string{"r-1"}}}},
		"containers":   {Metadata: map[string]query.Terms{"request_id": in("r-good", "[1]")}},
		"other key":    {Metadata: map[string]query.Terms{"other": in("")}},
		"everything":   {Attribute: many, Permission: in("isSelf"), Metadata: map[string]query.Terms{"request_id": in("r-good")}, Newest: true},
	} {
		good, _ := tally(t, store, f)
		require.Equal(t, damagedRows+1, good, name)
	}
}

// What is not asked for is not looked at.
func TestFieldsThatAreNotReadMayBeDamaged(t *testing.T) {
	store, _ := damaged(t)
	n := 0
	for _, err := range store.Events(t.Context(), query.Filter{Fields: query.FieldManager}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 2*damagedRows+1, n)
}
