package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// acknowledge writes entries, without owner and reason, as a.jsonl.
func (t *trial) acknowledge(entries ...string) {
	t.Helper()
	var text strings.Builder
	for _, entry := range entries {
		text.WriteString("{" + entry + `,"owner":"o@example.com","reason":"it is right"}` + "\n")
	}
	t.write("a.jsonl", text.String())
}

// denials is a log in which so many events of m0, m1, ... are denied.
func denials(t *testing.T, counts ...int) string {
	t.Helper()
	var all []audit.PermissionAuditEvent
	for i, n := range counts {
		for range n {
			all = append(all, event(len(all), func(e *audit.PermissionAuditEvent) { e.Granted, e.Manager = false, fmt.Sprint("m", i) }))
		}
	}
	return log(t, all...)
}

func TestAcknowledgedGroupsAreLeftOutAndTold(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", denials(t, 3, 2, 1))
	c.acknowledge(
		`"manager":"m0","attribute":"status","expires":"2999-03-31"`,
		`"manager":"m1","expires":"2026-11-01"`,
		`"manager":"m7","expires":"2999-03-31"`,
		`"manager":"m8","expires":"2026-11-01"`,
		`"manager":"m0","action":"update","expires":"2999-03-31"`,
	)
	result := c.run("denied", "--acknowledged", "a.jsonl", "-o", "csv")
	require.Zero(t, result.code)
	require.NotContains(t, result.out, "m0")
	require.Equal(t, 3, strings.Count(result.out, "\n"), result.out)
	require.Equal(t, `window: everything
note: acknowledged: manager="m0" attribute="status": 3 denied, 1 user; owner: o@example.com, until 2999-03-31: it is right
note: no longer acknowledged: manager="m1" attribute="status": 2 denied, 1 user; expired 2026-11-01, owner: o@example.com (a.jsonl:2)
note: 2 entries of a.jsonl cover no group here: lines 3, 4
note: 1 entry of a.jsonl covers no group here, for want of --by action: line 5
`, result.err)
	require.Empty(t, c.run("denied", "--acknowledged", "a.jsonl", "-q").err)
	require.Equal(t, c.ok("denied"), c.ok("denied", "--acknowledged", os.DevNull), "a file without entries")
}

func TestAcknowledgedGroupsAreNoFindings(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", denials(t, 3, 2, 1))
	c.acknowledge(`"manager":"m0","expires":"2999-03-31"`, `"manager":"m2","expires":"2026-11-01"`)
	args := []string{"denied", "--by", "manager", "--acknowledged", "a.jsonl", "--max"}
	result := c.run(append(args, "1")...)
	require.Equal(t, exitFinding, result.code)
	require.Contains(t, result.out, `"manager":"m1"`)
	require.Equal(t, 1, strings.Count(result.out, "\n"), result.out)
	require.Contains(t, result.err, `note: no longer acknowledged: manager="m2": 1 denied,`, "below --max, too")
	require.Contains(t, result.err, "permaudit: finding: manager=\"m1\": 2 denied, more than --max 1\n")
	require.Equal(t, 1, strings.Count(result.err, "finding"))

	result = c.run(append(args, "2")...)
	require.Equal(t, exitOK, result.code)
	require.Empty(t, result.out)
	require.Contains(t, result.err, "note: no other group has more than 2 denied events\n")
	c.acknowledge(`"manager":"m2","expires":"2026-11-01"`)
	require.Contains(t, c.run(append(args, "1")...).err, `note: no longer acknowledged: manager="m2": 1 denied,`)
	c.acknowledge(`"attribute":"status","expires":"2999-03-31"`)
	result = c.run("denied", "--acknowledged", "a.jsonl", "--max", "0")
	require.Equal(t, exitOK, result.code)
	require.Contains(t, result.err, "note: no other event is denied\n")
}

func TestManyAcknowledgedGroupsAreCounted(t *testing.T) {
	c := inNewDirectory(t)
	counts := make([]int, 60)
	var entries []string
	for i := range counts {
		counts[i] = 1
		if i > 0 {
			entries = append(entries, fmt.Sprintf(`"manager":"m%d","expires":"%d-01-01"`, i, 2000+i%2*999), fmt.Sprintf(`"manager":"x%d","expires":"2000-01-01"`, i))
		}
	}
	c.write("permission.log", denials(t, counts...))
	c.acknowledge(entries...)
	said := c.run("denied", "--acknowledged", "a.jsonl").err
	require.Equal(t, 20, strings.Count(said, "note: acknowledged: manager="), said)
	require.Contains(t, said, "note: acknowledged: 10 more groups\n")
	require.Equal(t, 20, strings.Count(said, "note: no longer acknowledged: manager="), said)
	require.Contains(t, said, "note: no longer acknowledged: 9 more groups\n")
	require.Contains(t, said, "note: 59 entries of a.jsonl cover no group here: lines 2, 4, 6, ")
	require.Contains(t, said, ", 40, ...\n")
}

func TestNothingOfAnAcknowledgmentReachesATerminalRaw(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, event(1, func(e *audit.PermissionAuditEvent) { e.Granted, e.Manager = false, "a\x1b[31m" })))
	const parts = `,"owner":"o\u001b]0;\u0007\u202e","reason":"r\nnote: nothing\u009b2J","metadata.a\u001b":"b"}`
	const key, path = `"manager":"a\u001b[31m"`, "a\x1b\u202e\n.jsonl"
	for _, text := range []string{
		`{` + key + `,"expires":"2999-03-31","owner":"o\u001b]0;\u0007\u202e","reason":"r\nnote: nothing\u009b2J"}`,
		`{` + key + `,"expires":"2026-11-01","owner":"o\u001b]0;\u0007\u202e","reason":"r\nnote: nothing\u009b2J"}`,
		`{` + key + `,"expires":"2999-03-31"` + parts,
		`{"manager` + "\u202e" + `":{"a":"` + "\u202e\u007f" + `"}}`,
		"\x1b\x07",
	} {
		c.write(path, text)
		result := c.run("denied", "--acknowledged", path)
		requireHarmless(t, result.err)
		require.NotContains(t, result.err, "\nnote: nothing")
	}
}

func TestAWrongFileOfAcknowledgmentsIsWrongUsage(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	require.NoError(t, os.Mkdir("directory", 0o700))
	c.write("one.jsonl", "# ok\n{\"user\":\"7\",\"owner\":\"o\",\"reason\":\"r\",\"expires\":\"soon\"}\n")
	c.write("many.jsonl", "{\"usr\\u001b\":\"7\"}\n\n{}\n")
	for _, row := range []struct{ path, want string }{
		{"one.jsonl", "permaudit: --acknowledged: one.jsonl:2: expires \"soon\": want a date (2027-03-31) or RFC 3339 (2027-03-31T12:00:00Z)\n"},
		{"many.jsonl", `--acknowledged: many.jsonl:1: member "usr\x1b" with the value "7": it is unknown, want some of manager, `},
		{"many.jsonl", " (and 7 more problems)\n"},
		{"missing.jsonl", "--acknowledged: open missing.jsonl: no such file or directory: want a file of JSON lines"},
		{"directory", "--acknowledged: directory: read directory: is a directory: want a file of JSON lines"},
		{"permission.log", "--acknowledged: permission.log:1: "},
		{"", `--acknowledged "": want a file of JSON lines, such as acknowledged.jsonl`},
	} {
		args := []string{"denied", "--acknowledged", row.path}
		result := c.run(args...)
		require.Equal(t, exitUsage, result.code, row.path)
		requireOneLine(t, result, row.want, args)
	}
	args := []string{"denied", "--acknowledged", "one.jsonl", "--acknowledged", "many.jsonl"}
	result := c.run(args...)
	require.Equal(t, exitUsage, result.code)
	requireOneLine(t, result, `--acknowledged "many.jsonl": want one file, but it is the second`, args)
	args = []string{"bypasses", "--acknowledged", "one.jsonl"}
	result = c.run(args...)
	require.Equal(t, exitUsage, result.code)
	requireOneLine(t, result, "unknown flag --acknowledged", args)
}
