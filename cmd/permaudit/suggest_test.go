package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// everySuggestion is a log in which a rule is missing, one is lost, and some denials are no
// evidence.
func everySuggestion() *nights {
	n := &nights{}
	for hour := range 8 {
		for i := range 30 {
			user := fmt.Sprintf("u%d", i)
			n.add("v1", user, func(e *audit.PermissionAuditEvent) { e.Manager, e.Attributes = "Task", []string{"title"} })
			if i < 10 {
				n.add("v1", user, func(e *audit.PermissionAuditEvent) {
					e.Manager, e.Attributes, e.Granted = "Task", []string{"lost"}, hour < 4
				})
				n.add("v1", user, func(e *audit.PermissionAuditEvent) {
					e.Manager, e.Action, e.Attributes, e.Granted, e.Permissions = "Report", "create", []string{"name", "to"}, false, []string{"isA", "isB"}
				})
			}
			n.add("v1", user, func(e *audit.PermissionAuditEvent) {
				e.Manager, e.Attributes, e.Granted = "Invoice", []string{"total"}, i < 20
			})
		}
		n.add("v1", "root", func(e *audit.PermissionAuditEvent) { e.Manager, e.Attributes, e.Bypassed = "Account", nil, true })
		n.add("v1", "root", func(e *audit.PermissionAuditEvent) {
			e.Manager, e.Attributes, e.Bypassed = "Task", []string{"lost"}, true
		})
		for range 4 {
			n.add("v1", "robot", func(e *audit.PermissionAuditEvent) { e.Manager, e.Attributes, e.Granted = "Export", nil, false })
		}
		for k := range 6 {
			n.add("v1", "scanner", func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = fmt.Sprint("Secret", k), false })
		}
	}
	return n
}

func TestSuggestListsWhatMayBeMissingAndApartWhatIsNone(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everySuggestion().log(t))
	result := c.run("suggest", "-o", "table")
	require.Zero(t, result.code, "a suggestion is no finding")
	require.Equal(t, "window: everything\n", result.err)
	require.Equal(t, `SUGGESTION  MANAGER  ACTION  ATTRIBUTES  USERS  DENIED  CHECKS  GRANTED UNTIL        LAST DENIED          PERMISSIONS  NOTE
missing     Report   create  name, to       10      80      80  never                2026-11-23 09:40:00  isA, isB     -
lost        Task     update  lost           10      40      88  2026-11-23 08:38:30  2026-11-23 09:39:50  isSelf       10 of them got something else of Task; 1 superuser did it 8 times

only superusers got:
MANAGER  ACTION  ATTRIBUTES  SUPERUSERS  BYPASSED  DENIED  LAST BYPASSED
Account  update  -                    1         8       0  2026-11-23 09:47:00

hammering: user "robot" was denied manager="Export" action="update" 32 times
prober: user "scanner" was denied in 6 of 6 keys, 48 times

11 keys were denied: 1 lost, 2 missing, 1 granted to others, 1 denied to one or two, again and again, 6 denied to too few to say anything
A denial may be right: ask before you allow it. Nothing was changed.
`, result.out)
}

func TestSuggestionsAreObjectsThatSayWhatTheyAre(t *testing.T) {
	c := inNewDirectory(t)
	n := everySuggestion()
	c.write("permission.log", n.log(t))
	want, err := analysis.Suggest(t.Context(), query.Slice(n.events), query.Filter{}, nil)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(c.ok("suggest"), "\n"), "\n")
	require.Len(t, lines, len(want.Candidates)+len(want.Explained)+len(want.Bypasses)+len(want.Hammering)+len(want.Probers))
	classes := map[string]int{}
	for i, line := range lines {
		var object map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &object))
		classes[fmt.Sprint(object["class"])]++
		if i < len(want.Candidates) {
			text, err := json.Marshal(want.Candidates[i])
			require.NoError(t, err)
			require.Equal(t, string(text), line)
		}
		for name := range object {
			require.Contains(t, suggestedColumns, name)
		}
	}
	require.Equal(t, map[string]int{"missing": 1, "lost": 1, "only_superusers": 1, "hammering": 1, "prober": 1}, classes)

	rows, err := csv.NewReader(strings.NewReader(c.ok("suggest", "-o", "csv"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, suggestedColumns, rows[0])
	require.Len(t, rows, 1+len(lines))
	for _, row := range rows[1:] {
		if row[0] == "lost" {
			require.Equal(t, []string{"lost", "Task", "update", `["lost"]`, `["isSelf"]`, "40", "88"}, row[:7])
		}
	}
}

func TestSuggestLeavesOutWhatIsAcknowledgedAndSaysSo(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everySuggestion().log(t))
	c.write("owned.jsonl", `{"manager":"Task","attribute":"lost","owner":"a@example.com","reason":"meant","expires":"2999-12-31"}`+"\n")
	result := c.run("suggest", "--acknowledged", "owned.jsonl", "-o", "table")
	require.NotContains(t, result.out, "lost        Task")
	require.Contains(t, result.out, "missing     Report")
	require.Contains(t, result.err, `note: acknowledged: manager="Task" action="update" attribute="lost"; owner: a@example.com, until 2999-12-31: meant`+"\n")
}

// An entry that does nothing here may be needed elsewhere, and no flag helps.
func TestSuggestSaysWhyAnEntryCoversNothing(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everySuggestion().log(t))
	c.acknowledge(
		`"manager":"Task","user":"u1","expires":"2999-12-31"`,
		`"manager":"Export","expires":"2999-12-31"`,
		`"manager":"Nowhere","expires":"2999-12-31"`,
	)
	require.Equal(t, `window: everything
note: 1 entry of a.jsonl covers no group here: line 3
note: 1 entry of a.jsonl covers no group here, since suggest looks at manager, action and attribute only: line 1
`, c.run("suggest", "--acknowledged", "a.jsonl").err)
}

func TestSuggestSaysThatAllThatItFoundIsAcknowledged(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everySuggestion().log(t))
	c.acknowledge(`"manager":"Task","expires":"2999-12-31"`, `"manager":"Report","expires":"2999-12-31"`)
	out := c.run("suggest", "--acknowledged", "a.jsonl", "-o", "table").out
	require.True(t, strings.HasPrefix(out, "nothing but what is acknowledged looks like a missing or a lost rule\n\n"), out)
	require.Contains(t, out, "6 denied to too few to say anything; 3 are acknowledged\n")
	c.acknowledge(`"manager":"Task","expires":"2999-12-31"`)
	out = c.run("suggest", "--acknowledged", "a.jsonl", "-o", "table").out
	require.Contains(t, out, "missing     Report")
	require.Contains(t, out, "6 denied to too few to say anything; 1 is acknowledged\n")
}

// A log of denials alone has nothing that was granted.
func TestSuggestNotesThatNothingWasGranted(t *testing.T) {
	c := inNewDirectory(t)
	n := everySuggestion()
	const note = "note: the rules granted nothing in what was read: in a log of denials alone everything looks missing\n"
	c.write("permission.log", n.log(t))
	require.NotContains(t, c.run("suggest").err, note)
	n.events = slices.DeleteFunc(n.events, func(e audit.PermissionAuditEvent) bool { return e.Granted })
	c.write("permission.log", n.log(t))
	result := c.run("suggest")
	require.Zero(t, result.code)
	require.Contains(t, result.err, note)
	require.Empty(t, c.run("suggest", "-q").err)
}

func TestSuggestSaysThatNothingWasChangedAlsoIfThereIsNothing(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	require.Equal(t, "nothing looks like a missing or a lost rule\n\n"+
		"1 key was denied: 1 granted to others\nA denial may be right: ask before you allow it. Nothing was changed.\n", c.ok("suggest", "-o", "table", "--user", "!7", "--manager", "Project"))
	c.write("permission.log", "")
	require.Equal(t, outcome{
		0, "no events\n\n0 keys were denied\nA denial may be right: ask before you allow it. Nothing was changed.\n",
		"window: everything\nnote: no events: there was nothing to look at\n",
	}, c.run("suggest", "-o", "wide"))
	require.Equal(t, outcome{0, "", "window: everything\nnote: no events: there was nothing to look at\n"}, c.run("suggest"))
	c.write("permission.log", log(t, events()[0]))
	require.Equal(t, outcome{
		0, "nothing looks like a missing or a lost rule\n\n0 keys were denied\nA denial may be right: ask before you allow it. Nothing was changed.\n",
		"window: everything\n",
	}, c.run("suggest", "-o", "table"), "there was something to look at")
}

func TestSuggestPrintsAtMostSoMany(t *testing.T) {
	c := inNewDirectory(t)
	n := everySuggestion()
	for k := range 30 {
		for i := range 12 {
			n.add("v1", fmt.Sprintf("u%d", i), func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = fmt.Sprintf("Missing%02d", k), false })
		}
	}
	c.write("permission.log", n.log(t))
	result := c.run("suggest", "-o", "table")
	require.Equal(t, defaultSuggestions, strings.Count(result.out, "\nmissing ")+strings.Count(result.out, "\nlost "))
	require.Contains(t, result.err, "note: 12 more rows are left out; --limit 0 prints all\n")
	require.Equal(t, 30, strings.Count(c.ok("suggest", "-o", "table", "-n", "0"), "\nmissing     Missing"))
	require.Equal(t, 1+1+1+1, strings.Count(c.ok("suggest", "-n", "1"), "\n"), "one of each list")
}

// Suggest reads a log several times, and tells once what is wrong with it.
func TestSuggestNotesWhatTheAnswerIsWorthOnce(t *testing.T) {
	c := inNewDirectory(t)
	n := everySuggestion()
	n.add("v1", "", func(e *audit.PermissionAuditEvent) { e.UserID = "" })
	c.write("permission.log", "garbage\n"+n.log(t)+"{\x1b\n")
	for _, from := range []string{"permission.log", "-"} {
		c.stdin = "garbage\n" + n.log(t) + "{\x1b\n"
		result := c.run("suggest", "--from", from, "-o", "table")
		require.Equal(t, 1, strings.Count(result.err, ":1: "), result.err)
		require.Contains(t, result.err, "note: 2 lines were damaged and left out\n")
		require.Contains(t, result.err, "note: events without a user were counted 1 time: in each group they count as one user\n")
		requireHarmless(t, result.err)
		result = c.run("suggest", "--from", from, "-o", "table", "--manager", "nobody")
		require.Equal(t, 1, strings.Count(result.err, ":1: "), "also if there is nothing else: %s", result.err)
	}
	lines := strings.SplitAfter(n.log(t), "\n")
	middle := len(lines) / 2
	c.write("permission.log", "garbage\n"+strings.Join(slices.Concat(lines[middle:], lines[:middle]), ""))
	result := c.run("suggest")
	require.Contains(t, result.out, `{"class":"missing","manager":"Report"`, "in any order")
	require.Equal(t, 1, strings.Count(result.err, ":1: "), result.err)
}

func TestNothingOfTheLogReachesATerminalRawInSuggestions(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	for i := range 40 {
		for _, text := range hostileTexts {
			n.add("v1", fmt.Sprint(text, i%12), func(e *audit.PermissionAuditEvent) {
				e.Manager, e.Attributes, e.Permissions, e.Granted = text, []string{text, "=1+1"}, []string{text}, false
			})
			n.add("v1", text, func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = "hammer"+text, false })
		}
	}
	c.write("permission.log", n.log(t))
	for _, format := range formats {
		requireHarmless(t, c.ok("suggest", "-o", format))
	}
	rows, err := csv.NewReader(strings.NewReader(c.ok("suggest", "-o", "csv", "--manager", "@everyone"))).ReadAll()
	require.NoError(t, err)
	require.Equal(t, "'@everyone", rows[1][1])
}
