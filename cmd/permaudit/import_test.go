package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// copied is a log with everything that a copy could change: gaps, events without id, equal
// ones too, secrets, repaired values, numbers, control characters.
func copied(t *testing.T) string {
	t.Helper()
	all := append(events(), event(6, func(e *audit.PermissionAuditEvent) {
		e.Metadata = map[string]any{"password": "kept", "n": 1.5, "nested": map[string]any{"a": []any{nil, true, "\x1b"}}}
		e.Sanitized = []string{"metadata.ua:utf8", "metadata.token:redacted"}
		e.Manager = "日本語\x1b\u202e"
	}), event(7, func(e *audit.PermissionAuditEvent) { e.Metadata = map[string]any{}; e.User = audit.UserRepr("both") }))
	const foreign = `{"timestamp": "2026-11-23T07:46:20.5+01:00", "action": "read", "attributes": ["a"], "granted": true, "manager": "X", "user": "eve", "metadata": null}` + "\n"
	return log(t, all...) + foreign + "damaged\n" + foreign + strings.Replace(foreign, "eve", "adam", 1)
}

func TestImportCopiesEverythingOnce(t *testing.T) {
	for name, to := range map[string]string{
		"sqlite": "sqlite:audit.db?table_name=decisions", "file": "copy.log", "postgres": "postgres",
	} {
		t.Run(name, func(t *testing.T) {
			c := inNewDirectory(t)
			if to == "postgres" {
				to = postgresTable(t)
			}
			c.write("permission.log", copied(t))
			result := c.run("import", "--to", to)
			require.Zero(t, result.code, result.err)
			require.Empty(t, result.out)
			require.Contains(t, result.err, "permission.log:10: ")
			require.Contains(t, result.err, "11 events read, 11 added, 0 there already, 0 refused, 1 damaged line skipped\n")

			want := readLines(t, "permission.log")
			got := readAll(t, to)
			require.Len(t, got, len(want))
			seen := map[audit.EventID]bool{}
			for i := range want {
				require.False(t, got[i].ID.IsZero())
				require.False(t, seen[got[i].ID])
				seen[got[i].ID] = true
				if want[i].ID.IsZero() {
					require.Equal(t, want[i].Timestamp.Truncate(1e6), got[i].ID.Time(), "the id sorts by the event's time")
					want[i].ID = got[i].ID
				}
				require.Equal(t, lineOf(t, want[i]), lineOf(t, got[i]))
			}

			result = c.run("import", "--to", to, "-q")
			require.Equal(t, outcome{0, "", ""}, result)
			require.Contains(t, c.run("import", "--to", to).err, "11 events read, 0 added, 11 there already, 0 refused, 1 damaged line skipped\n")
			require.Len(t, readAll(t, to), len(want))
			require.Contains(t, c.run("import", "--from", to, "--to", to).err, "--from and --to are the same")

			c.ok("import", "--from", to, "--to", "back.log", "-q")
			require.Equal(t, len(want), strings.Count(read(t, "back.log"), "\n"))
		})
	}
}

// readLines are the events of a log, without its damaged lines.
func readLines(t *testing.T, path string) []audit.PermissionAuditEvent {
	t.Helper()
	var all []audit.PermissionAuditEvent
	for line := range strings.Lines(read(t, path)) {
		var e audit.PermissionAuditEvent
		if e.UnmarshalJSON([]byte(line)) == nil {
			all = append(all, e)
		}
	}
	return all
}

func lineOf(t *testing.T, e audit.PermissionAuditEvent) string {
	t.Helper()
	return string(appendEvent(nil, &e))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

func TestImportOfAFileIsTheSameFile(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	c.ok("import", "--to", "copy.log", "-q")
	require.Equal(t, read(t, "permission.log"), read(t, "copy.log"))
}

func TestImportAddsWhatIsMissing(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()[:3]...))
	for _, to := range []string{"copy.log", "sqlite:audit.db"} {
		c.write("permission.log", log(t, events()[:3]...))
		c.ok("import", "--to", to)
		c.write("permission.log", log(t, events()...))
		require.Contains(t, c.run("import", "--to", to).err, "6 events read, 3 added, 3 there already")
		require.Equal(t, []int{5, 3, 2, 1, 0}, ids(t, c.ok("query", "--from", to)))
	}
}

func TestImportHeedsTheFilters(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	for i, row := range []struct {
		flags []string
		want  []int
	}{
		{[]string{"--denied"}, []int{1, 2}},
		{[]string{"--action", "read"}, []int{3}},
		{[]string{"--action", "!gap"}, []int{0, 1, 2, 3, 5}},
		{[]string{"--since", "2026-11-23 07:50"}, []int{4, 5}},
	} {
		to := fmt.Sprintf("copy%d.log", i)
		c.ok(append([]string{"import", "-q", "--to", to}, row.flags...)...)
		require.Equal(t, row.want, ids(t, read(t, to)))
	}
}

func TestImportReadsStandardInput(t *testing.T) {
	c := inNewDirectory(t)
	t.Setenv("TMPDIR", t.TempDir())
	c.stdin = "damaged\n" + log(t, events()...)
	result := c.run("import", "--from", "-", "--to", "copy.log")
	require.Zero(t, result.code, result.err)
	require.Contains(t, result.err, "-:1: ")
	require.Contains(t, result.err, "6 events read, 6 added")
	left, err := os.ReadDir(os.Getenv("TMPDIR"))
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestALogThatIsWrittenIsNoDestination(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	logger, err := audit.NewFileAuditLogger("live.log", nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, logger.Close()) }()
	result := c.run("import", "--to", "live.log")
	require.Equal(t, exitTrouble, result.code)
	requireOneLine(t, result, "locked", nil)
}

func TestIDsDependOnTheLineAndItsOccurrence(t *testing.T) {
	made := func(events ...audit.PermissionAuditEvent) (all []audit.EventID) {
		m := newIDMaker()
		for _, e := range events {
			e.ID = audit.EventID{}
			id := m.id(e)
			require.Equal(t, byte(7), id[6]>>4)
			require.Equal(t, byte(2), id[8]>>6)
			all = append(all, id)
		}
		return all
	}
	a, b := event(1, nil), event(2, nil)
	first := made(a, b, a)
	require.Equal(t, first, made(a, b, a), "the same every time")
	require.NotEqual(t, first[0], first[2], "equal lines are different events")
	other := made(b, a)
	require.Equal(t, []audit.EventID{first[1], first[0]}, other, "whatever stands between them")
	old := event(3, func(e *audit.PermissionAuditEvent) { e.Timestamp = e.Timestamp.AddDate(-100, 0, 0) })
	require.Zero(t, made(old)[0].Time().UnixMilli())
	// Ids that were given out once must not change, or a second import would add everything.
	require.Equal(t, "01a2075f-abbb-7269-9306-737cc55103c7", first[0].String())
}

func TestImportRefusesForeignActionsAndGoesOn(t *testing.T) {
	for _, to := range []string{"copy.log", "sqlite:audit.db"} {
		c := inNewDirectory(t)
		const foreign = `{"timestamp": "2026-11-23T07:46:20Z", "action": "", "attributes": [], "granted": true, "manager": "X", "metadata": null}` + "\n"
		c.write("permission.log", log(t, event(1, nil), event(2, func(e *audit.PermissionAuditEvent) { e.Action = audit.Action(strings.Repeat("x", 33)) }))+
			foreign+log(t, event(4, nil)))
		result := c.run("import", "--to", to)
		require.Equal(t, exitTrouble, result.code)
		require.Contains(t, result.err, "permaudit: event 019a0000-0000-7000-8000-000000000002 of 2026-11-23T07:48:20.123456Z is refused: ")
		require.Contains(t, result.err, "has 33 bytes, want 1 to 32\n")
		require.Contains(t, result.err, " of 2026-11-23T07:46:20.000000Z is refused: ")
		require.Contains(t, result.err, "4 events read, 2 added, 0 there already, 2 refused, 0 damaged lines skipped\n")
		require.Equal(t, []int{4, 1}, ids(t, c.ok("query", "--from", to)))
		require.Equal(t, exitTrouble, c.run("import", "--to", to).code, "again")
	}
}

func TestManyRefusedEventsAreOnlyCounted(t *testing.T) {
	c := inNewDirectory(t)
	var all []audit.PermissionAuditEvent
	for i := range 25 {
		all = append(all, event(i, func(e *audit.PermissionAuditEvent) { e.Action = "" }))
	}
	c.write("permission.log", log(t, all...))
	said := c.run("import", "--to", "copy.log").err
	require.Equal(t, mostNamed, strings.Count(said, " is refused: "))
	require.Contains(t, said, "permaudit: more such events are refused, and only counted\n")
	require.Contains(t, said, ", 25 refused,")
}

func TestImportMakesNoDirectory(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	for _, to := range []string{"made/up/copy.log", "sqlite:made/up/audit.db"} {
		result := c.run("import", "--to", to)
		require.Equal(t, exitTrouble, result.code)
		requireOneLine(t, result, "there is no directory made/up: create it first", nil)
		require.NoDirExists(t, "made")
	}
}
