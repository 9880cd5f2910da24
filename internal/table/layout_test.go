package table

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// layoutOf is a table with those columns, without limits.
func layoutOf(columns ...string) Layout {
	l := Layout{Columns: map[string]int{}}
	for _, column := range columns {
		l.Columns[column] = 0
	}
	return l
}

func TestATableIsOneOfEventsIfItHasTheOriginalColumns(t *testing.T) {
	name := Name{Table: "x"}
	whole := append([]string{"id", "something_else"}, original...)
	require.NoError(t, layoutOf(whole...).Check(name))
	require.NoError(t, layoutOf(append(whole, added...)...).Check(name))
	require.EqualError(t, layoutOf("id", "action", "event_id").Check(name),
		"table x is no permission log: it has no column created_at, attributes, granted, bypassed, manager, user_id, user_repr, permissions, metadata")
	for _, missing := range append([]string{"id"}, original...) {
		l := layoutOf(whole...)
		delete(l.Columns, missing)
		require.EqualError(t, l.Check(name), "table x is no permission log: it has no column "+missing)
	}
}

func TestWhatIsAddedIsWhatTheTableLacks(t *testing.T) {
	require.Equal(t, []string{"event_id", "sanitized"}, layoutOf("id").lacking())
	require.Equal(t, []string{"sanitized"}, layoutOf("event_id").lacking())
	require.Empty(t, layoutOf("event_id", "sanitized").lacking())
	require.ElementsMatch(t, append(append([]string{}, original...), added...), Written, "every column is written")
}

// limited is a table that holds so many characters.
func limited(manager, user int) Layout {
	return Layout{Columns: map[string]int{"manager": manager, "user_id": user}}
}

func TestABatchThatFitsIsNotCopied(t *testing.T) {
	batch := []audit.Entry{{Manager: "é中🔒"}, {UserID: "abc"}}
	for _, l := range []Layout{limited(0, 0), limited(3, 3), limited(0, 3), limited(3, 0), {}} {
		fitting := l.Fit(batch)
		require.Same(t, &batch[0], &fitting[0])
		require.Len(t, fitting, 2)
	}
	require.Empty(t, limited(3, 3).Fit(nil))
}

func TestTextsAreCutByCharactersInACopy(t *testing.T) {
	batch := []audit.Entry{
		{Manager: "abc", UserID: "abc"},
		{Manager: "é中🔒x", UserID: "🔒🔒🔒🔒", Sanitized: []byte(`["metadata.x:utf8"]`)},
		{Manager: "abcd"},
		{UserID: "abcdef"},
	}
	before := fmt.Sprintf("%+v", batch)
	fitting := limited(3, 2).Fit(batch)
	require.Equal(t, before, fmt.Sprintf("%+v", batch), "the batch is its owner's")
	require.Equal(t, []audit.Entry{
		{Manager: "abc", UserID: "ab", Sanitized: []byte(`["user_id:long"]`)},
		{Manager: "é中🔒", UserID: "🔒🔒", Sanitized: []byte(`["metadata.x:utf8","manager:long","user_id:long"]`)},
		{Manager: "abc", Sanitized: []byte(`["manager:long"]`)},
		{UserID: "ab", Sanitized: []byte(`["user_id:long"]`)},
	}, fitting)
}

// A cut that a repair came before is not named twice, and the list keeps its limit.
func TestCutsAreNamedOnceAndAtMostSixteenRepairsAre(t *testing.T) {
	fill := func(n int, more ...string) []byte {
		names := []string{}
		for i := range n {
			names = append(names, fmt.Sprint("metadata.", i, ":utf8"))
		}
		text, err := json.Marshal(append(names, more...))
		require.NoError(t, err)
		return text
	}
	entry := audit.Entry{Manager: "long", UserID: "long"}
	for _, row := range []struct{ before, after []byte }{
		{nil, []byte(`["manager:long","user_id:long"]`)},
		{[]byte(`[]`), []byte(`["manager:long","user_id:long"]`)},
		{[]byte(`["user_id:long", "manager:long"]`), []byte(`["user_id:long","manager:long"]`)},
		{[]byte(`["manager:long"]`), []byte(`["manager:long","user_id:long"]`)},
		{fill(14), fill(14, "manager:long", "user_id:long")},
		{fill(15), fill(15, "manager:long", "...")},
		{fill(16), fill(16, "...")},
		{fill(16, "..."), fill(16, "...")},
		{[]byte(`{"not": "a list"}`), []byte(`{"not": "a list"}`)},
		{[]byte(`[1, {"a":null}]`), []byte(`[1,{"a":null},"manager:long","user_id:long"]`)},
	} {
		entry.Sanitized = row.before
		require.Equal(t, string(row.after), string(limited(3, 3).Fit([]audit.Entry{entry})[0].Sanitized))
	}
}

func TestAMillionCharactersAreCutAtOnce(t *testing.T) {
	entry := audit.Entry{Manager: strings.Repeat("é", 1<<20)}
	require.Len(t, limited(255, 255).Fit([]audit.Entry{entry})[0].Manager, 510)
}
