package main

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestQuerySelectsByEveryFlag(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	for _, row := range []struct {
		flags []string
		want  []int
	}{
		{nil, []int{5, 3, 2, 1, 0}},
		{[]string{"--newest=false"}, []int{0, 1, 2, 3, 5}},
		{[]string{"--limit", "2"}, []int{5, 3}},
		{[]string{"-n", "0"}, []int{5, 3, 2, 1, 0}},
		{[]string{"--since", "2026-11-23 07:49"}, []int{5, 3}},
		{[]string{"--until", "2026-11-23T07:49:20.123456Z"}, []int{2, 1, 0}},
		{[]string{"--since", "2026-11-23T07:47:20.123456Z", "--until", "2026-11-23T09:49:20.123457+02:00"}, []int{3, 2, 1}},
		{[]string{"--action", "read"}, []int{3}},
		{[]string{"--action", "read,gap"}, []int{4, 3}},
		{[]string{"--action", "!read"}, []int{5, 2, 1, 0}},
		{[]string{"--manager", "Invoice"}, []int{3}},
		{[]string{"--manager", "Invoice,"}, []int{5, 3}},
		{[]string{"--manager", ""}, []int{5}},
		{[]string{"--manager", "!", "--manager", "!Invoice"}, []int{2, 1, 0}},
		{[]string{"--attribute", `a\,b`}, []int{5}},
		{[]string{"--attribute", `\!c`}, []int{5}},
		{[]string{"--attribute", "!status"}, []int{5}},
		{[]string{"--user", "7", "--user", "anna"}, []int{5, 2}},
		{[]string{"--permission", "isSelf", "--user", "!42"}, []int{5, 2}},
		{[]string{"--metadata", "request_id=r-1,r-3"}, []int{3, 1}},
		{[]string{"--metadata", "request_id=!r-1", "--metadata", "request_id=!"}, []int{3, 2, 0}},
		{[]string{"--granted"}, []int{5, 3, 0}},
		{[]string{"--granted=false"}, []int{2, 1}},
		{[]string{"--denied"}, []int{2, 1}},
		{[]string{"--denied=false"}, []int{5, 3, 0}},
		{[]string{"--denied", "--granted=false"}, []int{2, 1}},
		{[]string{"--bypassed"}, []int{3}},
		{[]string{"--bypassed=false", "--granted"}, []int{5, 0}},
	} {
		require.Equal(t, row.want, ids(t, c.ok(append([]string{"query"}, row.flags...)...)), "%q", row.flags)
	}
}

func TestQueryLimitDefaultsToFifty(t *testing.T) {
	c := inNewDirectory(t)
	var many []audit.PermissionAuditEvent
	for i := range 60 {
		many = append(many, event(i, nil))
	}
	c.write("permission.log", log(t, many...))
	require.Len(t, ids(t, c.ok("query")), 50)
	require.Len(t, ids(t, c.ok("query", "--limit", "0")), 60)
}

func TestRelativeTimesReferToNow(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, event(1, func(e *audit.PermissionAuditEvent) { e.Timestamp = e.Timestamp.AddDate(100, 0, 0) })))
	result := c.run("query", "--since", "36500d")
	require.Len(t, ids(t, result.out), 1)
	require.Regexp(t, `^window: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ to now\n$`, result.err)
	require.Empty(t, c.ok("query", "--until", "1s"))
}

func TestJSONIsTheLineFormat(t *testing.T) {
	c := inNewDirectory(t)
	hostile := event(1, func(e *audit.PermissionAuditEvent) {
		e.Manager = "\x1b[2J\u202e\u009b\x7f<b>"
		e.Metadata = map[string]any{"password": "as it was recorded"}
		e.Sanitized = []string{"user:utf8"}
	})
	text := log(t, events()[5], hostile)
	withoutID := `{"timestamp": "2026-11-23T07:46:20+00:00", "action": "read", "granted": true}` + "\n"
	c.write("permission.log", text+withoutID)
	for _, flags := range [][]string{nil, {"-o", "json"}} {
		out := c.ok(append([]string{"query", "--newest=false"}, flags...)...)
		require.Equal(t, text+`{"id":null,"timestamp":"2026-11-23T07:46:20.000000Z","action":"read","attributes":[],"granted":true,"bypassed":false,`+
			`"manager":null,"user_id":null,"user":null,"permissions":[],"metadata":null}`+"\n", strings.ReplaceAll(out, `\u202e`, "\u202e"))
		requireHarmless(t, out)
	}
}

func TestCSVIsNoFormula(t *testing.T) {
	c := inNewDirectory(t)
	var all []audit.PermissionAuditEvent
	managers := []string{"=1+1", "+1", "-1", "@x", "\tx", "\rx", "＝1", "plain, \"quoted\"", "x\x1b[0m", ""}
	for i, manager := range managers {
		all = append(all, event(i, func(e *audit.PermissionAuditEvent) { e.Manager = manager }))
	}
	c.write("permission.log", log(t, all...))
	out := c.ok("query", "-o", "csv", "--newest=false")
	requireHarmless(t, out)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, csvColumns, rows[0])
	require.Equal(t, []string{
		"019a0000-0000-7000-8000-000000000000", "2026-11-23T07:46:20.123456Z", "update", `["status"]`, "true", "false",
		"'=1+1", "42", "", `["isSelf"]`, `{"request_id":"r-0"}`, "",
	}, rows[1])
	var got []string
	for _, row := range rows[1:] {
		got = append(got, row[6])
	}
	require.Equal(t, []string{"'=1+1", "'+1", "'-1", "'@x", `'\tx`, `'\rx`, "'＝1", `plain, "quoted"`, `x\x1b[0m`, ""}, got)
	require.Equal(t, strings.Join(csvColumns, ",")+"\n", c.ok("query", "-o", "csv", "--user", "nobody"))
}

func TestTablesAreReadable(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, event(1, nil), event(2, func(e *audit.PermissionAuditEvent) {
		e.Granted, e.Manager, e.Attributes = false, "\x1b[2J日本語", []string{strings.Repeat("x", 40), "status"}
	}), event(3, func(e *audit.PermissionAuditEvent) { e.Bypassed = true }),
		event(14, func(e *audit.PermissionAuditEvent) { e.Bypassed, e.Granted = true, false }), events()[4]))
	out := c.ok("query", "-o", "table", "--action", "update,gap", "--newest=false")
	require.Equal(t, `TIME                     RESULT            ACTION  USER  MANAGER        ATTRIBUTES
2026-11-23 07:47:20.123  granted           update  42    Project        status
2026-11-23 07:48:20.123  denied            update  42    \x1b[2J日本語  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, s…
2026-11-23 07:49:20.123  bypassed          update  42    Project        status
2026-11-23 08:00:20.123  denied, bypassed  update  42    Project        status
2026-11-23 07:50:20.123  gap               gap     -     -              -
`, out)
	wide := c.ok("query", "-o", "wide", "--denied", "--limit", "1")
	require.Contains(t, wide, "PERMISSIONS")
	wide = c.ok("query", "-o", "wide", "--metadata", "request_id=r-2")
	require.Contains(t, wide, strings.Repeat("x", 40)+", status", "nothing is cut")
	for _, want := range []string{"2026-11-23T07:48:20.123456Z", "isSelf", `{"request_id":"r-2"}`, "019a0000-0000-7000-8000-000000000002"} {
		require.Contains(t, wide, want)
	}
	require.Empty(t, c.ok("query", "-o", "table", "--user", "nobody"))
}

func TestColoursAreForTerminalsAlone(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	require.NotContains(t, c.ok("query", "-o", "table"), "\x1b")
	colored := c.ok("query", "-o", "table", "--color", "always")
	require.Contains(t, colored, colorRed+"denied"+colorOff)
	require.Contains(t, colored, colorGold+"bypassed"+colorOff)
	require.Contains(t, c.ok("stats", "-o", "table", "--color", "always"), colorRed+"2"+colorOff)
	require.Contains(t, c.ok("denied", "-o", "table", "--color", "always"), colorRed)
	require.NotContains(t, c.ok("query", "-o", "json", "--color", "always"), "\x1b")
	require.NotContains(t, c.ok("query", "-o", "csv", "--color", "always"), "\x1b")
}

func TestLongTablesAreStreamed(t *testing.T) {
	c := inNewDirectory(t)
	var many []audit.PermissionAuditEvent
	for i := range 3 * rowsKept {
		many = append(many, event(i, nil))
	}
	c.write("permission.log", log(t, many...))
	out := c.ok("query", "-o", "table", "--limit", "0")
	require.Equal(t, 3*rowsKept+1, strings.Count(out, "\n"))
	require.Equal(t, 1, strings.Count(out, "TIME"))
}

func TestTailPrintsTheLastOnesInOrder(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	require.Equal(t, []int{0, 1, 2, 3, 5}, ids(t, c.ok("tail")))
	require.Equal(t, []int{3, 5}, ids(t, c.ok("tail", "-n", "2")))
	require.Equal(t, []int{1, 2}, ids(t, c.ok("tail", "--denied", "--lines", "5")))
	require.Empty(t, c.ok("tail", "-n", "0"))
}

func TestTraceIsInOrderOfTime(t *testing.T) {
	c := inNewDirectory(t)
	same := func(e *audit.PermissionAuditEvent) { e.Metadata = map[string]any{"request_id": "r=1"} }
	c.write("permission.log", log(t, event(3, same), event(1, same), event(2, nil)))
	require.Equal(t, []int{1, 3}, ids(t, c.ok("trace", "request_id=r=1")))
	require.Equal(t, []int{1}, ids(t, c.ok("trace", "request_id=r=1", "--until", "2026-11-23 07:48")))
	result := c.run("trace", "request_id=\x1b")
	require.Equal(t, outcome{0, "", "note: no event has request_id=\\x1b\n"}, result)
}

func TestNothingFoundIsSaid(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	for _, command := range []string{"query", "tail"} {
		require.Equal(t, outcome{0, "", noMatch + "\n"}, c.run(command, "--user", "nobody"))
		require.NotContains(t, c.run(command).err, noMatch)
	}
	require.Empty(t, c.run("tail", "-n", "0").err)
}

func TestAForeignActionIsPrintedAsItIs(t *testing.T) {
	c := inNewDirectory(t)
	long := strings.Repeat("x", audit.MaxActionBytes+1)
	lines := log(t, event(1, nil), event(2, func(e *audit.PermissionAuditEvent) { e.Action = "" }),
		event(3, func(e *audit.PermissionAuditEvent) { e.Action = audit.Action(long) }), event(4, nil))
	c.write("permission.log", lines)
	require.Equal(t, lines, c.ok("query", "--newest=false"))
	require.Equal(t, lines, c.ok("tail"))
	require.Equal(t, 5, strings.Count(c.ok("query", "-o", "csv"), "\n"))
	require.Contains(t, c.ok("query", "-o", "csv"), ","+long+",")
	require.Contains(t, c.ok("query", "-o", "table"), long)
}

func TestAFileWithTheNameOfAGlobIsNone(t *testing.T) {
	c := inNewDirectory(t)
	c.write("a[1].log", log(t, event(1, nil)))
	c.write("a1.log", log(t, event(2, nil)))
	require.False(t, isPattern("a[1].log"))
	require.True(t, isPattern("a[2].log"))
	require.Equal(t, []int{1}, ids(t, c.ok("query", "--from", "a[1].log")))
	c.ok("import", "--from", "a1.log", "--to", "a[1].log", "-q")
	require.Equal(t, []int{1, 2}, ids(t, read(t, "a[1].log")))
	require.Contains(t, c.run("import", "--from", "a[1].log", "--to", "a[1].log").err, "are the same")
}
