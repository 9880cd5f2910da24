package main

import (
	"fmt"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// All without a user are somebody, not nobody.
func TestWhoHasNoUserIsNamedAsThat(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	for _, v := range []string{"v1", "v2"} {
		n.check(v, "Same", "name", 60, 6)
	}
	for k := range 150 {
		n.add("v2", "", func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = "Loop", false })
		n.add("v2", "", func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = fmt.Sprint("Secret", k%10), false })
	}
	c.write("permission.log", n.log(t))
	out := c.run(compared("-o", "table", "--match", "none")...).out
	require.Contains(t, out, " somebody without a user: denied 150 times\n")
	require.Contains(t, out, "prober: somebody without a user was denied in ")
	require.Contains(t, c.ok("suggest", "-o", "table", "--manager", "Loop"), "hammering: somebody without a user was denied manager=\"Loop\" action=\"update\" attributes=\"status\" 150 times\n")
	require.Contains(t, c.ok("suggest", "-o", "table", "--manager", "!Loop"), "prober: somebody without a user was denied in ")
}

// Who reads the table alone must not take some alerts for all of them.
func TestTheTableSaysThatAlertsAreCut(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everyVerdict().log(t))
	for _, row := range []struct{ limit, says string }{
		{"2", "5 of 7 alerts are left out: --limit 0 prints all"},
		{"6", "1 of 7 alerts is left out: --limit 0 prints all"},
		{"7", ""},
		{"8", ""},
		{"0", ""},
	} {
		for _, format := range []string{"table", "wide"} {
			out := c.run(compared("-o", format, "-n", row.limit)...).out
			if row.says == "" {
				require.NotContains(t, out, "left out")
			} else {
				require.Contains(t, out, "users to judge\n"+row.says+"\n")
			}
		}
	}
	require.NotContains(t, c.run(compared("-n", "2")...).out, "left out", "JSON is for programs")
	require.Contains(t, c.run(compared("-o", "markdown", "-n", "2")...).out, "; 21 more rows are left out, 5 of them alerts\n")
	require.Contains(t, c.run(compared("-o", "markdown", "-n", "8")...).out, "; 15 more rows are left out\n")
}

// What both sides select alike is a key like any other.
func TestMetadataMayBeAKeyIfTheSidesDoNotDifferInIt(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everyVerdict().log(t))
	for _, args := range [][]string{
		{"--baseline", "..2026-11-23\\ 09:30", "--candidate", "2026-11-23\\ 09:30.."},
		{"--baseline", "metadata.deployment=v1 ..2026-11-23\\ 09:30", "--candidate", "metadata.deployment=v1 2026-11-23\\ 09:30.."},
		{"--baseline", "..2026-11-23\\ 09:30", "--candidate", "2026-11-23\\ 09:30..", "--metadata", "deployment=v1,v2"},
	} {
		result := c.run(append(args, "compare", "--match", "none", "--by", "metadata.deployment")...)
		require.Contains(t, result.out, `{"metadata.deployment":"v1","verdict":`, result.err)
	}
}
