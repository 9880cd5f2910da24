package analysis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// acknowledging reads entries, of which it gets the key and perhaps "expires".
func acknowledging(t *testing.T, entries ...string) *analysis.Acknowledgments {
	t.Helper()
	var text strings.Builder
	for _, entry := range entries {
		if !strings.Contains(entry, "expires") {
			entry += `,"expires":"2027-03-31"`
		}
		text.WriteString("{" + entry + `,"owner":"o","reason":"r"}` + "\n")
	}
	read, err := analysis.ReadAcknowledgments(strings.NewReader(text.String()), "a.jsonl")
	require.NoError(t, err)
	return read
}

// linesOf are those of the entries.
func linesOf(entries []*analysis.Acknowledgment) (lines []int) {
	for _, entry := range entries {
		lines = append(lines, entry.Line)
	}
	return lines
}

// lineOf is that of the entry that covers a group; 0: none does.
func lineOf(a *analysis.Acknowledgments, by, key []string, at time.Time) int {
	entry, found := a.Find(by, key, at)
	if found != (entry != nil) || !found {
		return 0
	}
	return entry.Line
}

func TestAnEntryCoversNoGroupThatIsWiderThanItsKey(t *testing.T) {
	a := acknowledging(t, `"manager":"Invoice","attribute":"total"`, `"user":null`)
	for _, row := range []struct {
		by, key []string
		line    int
	}{
		{[]string{"manager", "attribute"}, []string{"Invoice", "total"}, 1},
		{[]string{"attribute", "day", "manager"}, []string{"total", "2026-11-23", "Invoice"}, 1},
		{[]string{"manager", "attribute"}, []string{"Invoice", "owner"}, 0},
		{[]string{"manager", "attribute"}, []string{"Invoice", ""}, 0},
		{[]string{"manager", "attribute"}, []string{"total", "Invoice"}, 0},
		{[]string{"manager"}, []string{"Invoice"}, 0},
		{[]string{"manager", "action"}, []string{"Invoice", "update"}, 0},
		{nil, nil, 0},
		{[]string{"user"}, []string{""}, 2},
		{[]string{"user"}, []string{"null"}, 0},
		{[]string{"manager", "user"}, []string{"Invoice", ""}, 2},
		{[]string{"manager", "attribute"}, []string{"Invoice"}, 0},
	} {
		require.Equal(t, row.line, lineOf(a, row.by, row.key, begin), "%q %q", row.by, row.key)
	}
}

func TestTheMostSpecificEntryCoversAGroupAndOfThoseTheFirst(t *testing.T) {
	a := acknowledging(t,
		`"manager":"a"`, `"action":"b","attribute":"c"`, `"manager":"a","attribute":"c"`, `"attribute":"c"`,
		`"manager":"a","action":"b","attribute":"c","expires":"2026-11-22"`)
	by := []string{"manager", "action", "attribute"}
	require.Equal(t, 2, lineOf(a, by, []string{"a", "b", "c"}, begin))
	require.Equal(t, 3, lineOf(a, by, []string{"a", "x", "c"}, begin))
	require.Equal(t, 1, lineOf(a, by, []string{"a", "b", "x"}, begin))
	require.Equal(t, 4, lineOf(a, by, []string{"x", "x", "c"}, begin))
	require.Equal(t, 5, lineOf(a, by, []string{"a", "b", "c"}, begin.AddDate(0, 0, -1)), "it had not expired")
}

func TestADateIncludesTheWholeDayInUTC(t *testing.T) {
	a := acknowledging(t, `"user":"date","expires":"2026-11-23"`, `"user":"time","expires":"2026-11-23T01:00:00+01:00"`)
	for _, row := range []struct {
		user, at string
		covered  bool
	}{
		{"date", "2026-11-23T23:59:59.999999999Z", true},
		{"date", "2026-11-24T00:59:59+01:00", true},
		{"date", "2026-11-24T00:00:00Z", false},
		{"time", "2026-11-23T00:00:00Z", true},
		{"time", "2026-11-23T00:00:00.000000001Z", false},
	} {
		at, err := time.Parse(time.RFC3339, row.at)
		require.NoError(t, err)
		require.Equal(t, row.covered, lineOf(a, []string{"user"}, []string{row.user}, at) > 0, row)
	}
}

func TestTheReportSaysWhatEveryEntryDid(t *testing.T) {
	a := acknowledging(t,
		`"manager":"a"`, `"manager":"b","expires":"2026-11-22"`, `"manager":"c"`, `"manager":"d","expires":"2026-11-22"`,
		`"manager":"a","user":"7","metadata.x":"y"`, `"manager":"a","attribute":"t"`, `"manager":"a","attribute":"u","expires":"2026-11-22"`)
	report := a.Report([]string{"manager", "attribute"}, [][]string{{"a", "s"}, {"b", "s"}, {"x", "s"}, {"a", "t"}, {"a", "u"}}, begin)
	var covered, expired [][2]int
	for _, c := range report.Covered {
		covered = append(covered, [2]int{c.Index, c.Entry.Line})
	}
	for _, c := range report.Expired {
		expired = append(expired, [2]int{c.Index, c.Entry.Line})
	}
	require.Equal(t, [][2]int{{0, 1}, {3, 6}, {4, 1}}, covered)
	require.Equal(t, []string{"a", "t"}, report.Covered[1].Key)
	require.Equal(t, [][2]int{{1, 2}}, expired, "what an entry covers that has not expired is covered")
	require.Equal(t, []int{3, 4}, linesOf(report.Unused))
	require.Len(t, report.Inapplicable, 1)
	require.Equal(t, 5, report.Inapplicable[0].Entry.Line)
	require.Equal(t, []string{"user", "metadata.x"}, report.Inapplicable[0].Missing)
}

func TestNilAcknowledgesNothing(t *testing.T) {
	var none *analysis.Acknowledgments
	require.Zero(t, lineOf(none, []string{"manager"}, []string{"a"}, begin))
	require.Zero(t, none.Report([]string{"manager"}, [][]string{{"a"}}, begin))
	for range none.All() {
		require.Fail(t, "there is an entry")
	}
	report, err := analysis.Denied(t.Context(), decisions, query.Filter{})
	require.NoError(t, err)
	require.Zero(t, report.Acknowledge(none, begin))
	require.Len(t, report.Groups, 4)
}

func TestAcknowledgedGroupsLeaveTheReport(t *testing.T) {
	report, err := analysis.Denied(t.Context(), decisions, query.Filter{})
	require.NoError(t, err)
	before, notes := report.Groups, report.Notes
	whole := jsonLines(t, before)
	done := report.Acknowledge(acknowledging(t, `"attribute":"owner"`, `"manager":null`), begin)
	require.Equal(t, []string{whole[0], whole[3]}, jsonLines(t, report.Groups))
	require.Equal(t, whole, jsonLines(t, before), "they may be looked up")
	require.Equal(t, notes, report.Notes)
	require.Len(t, done.Covered, 2)
	for i, index := range []int{1, 2} {
		require.Equal(t, index, done.Covered[i].Index)
		require.Equal(t, before[index].Key, done.Covered[i].Key)
	}
	require.Empty(t, done.Unused)
}

func TestBypassesAreNeverAcknowledged(t *testing.T) {
	report, err := analysis.Bypasses(t.Context(), decisions, query.Filter{})
	require.NoError(t, err)
	require.Zero(t, report.Acknowledge(acknowledging(t, `"user":"4"`), begin))
	require.Len(t, report.Groups, 2)
}

func TestAcknowledgmentsMayBeUsedAtOnceAndDoNotChange(t *testing.T) {
	a := acknowledging(t, `"manager":"a"`, `"manager":"b"`)
	by := []string{"manager"}
	t.Run("at once", func(t *testing.T) {
		for range 4 {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for range 100 {
					entry, found := a.Find(by, []string{"a"}, begin)
					require.True(t, found)
					entry.Key["manager"], entry.Owner = "x", "x"
					report := a.Report(by, [][]string{{"a"}}, begin)
					report.Covered[0].Entry.Key["manager"] = "x"
					report.Unused[0].Expires = time.Time{}
					for entry := range a.All() {
						clear(entry.Key)
					}
				}
			})
		}
	})
	require.Equal(t, acknowledging(t, `"manager":"a"`, `"manager":"b"`), a)
}
