package main

import (
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// Where nobody is granted anything there is nothing to lose: that no rule was found lost is no
// news.
func TestALogOfDenialsIsNotEnoughToJudge(t *testing.T) {
	const want = allDenied + "\n"
	for name, c := range map[string]struct {
		add  func(n *nights)
		args []string
		code int
	}{
		"denials only": {func(n *nights) { n.check("v2", "Same", "name", 60, 60) }, nil, exitNoData},
		"denials only, and few": {func(n *nights) {
			n.events = nil
			n.check("v1", "Same", "name", 2, 2)
			n.check("v2", "Same", "name", 2, 2)
		}, nil, exitNoData},
		"the candidate has grants": {func(n *nights) { n.check("v2", "Same", "name", 60, 0) }, nil, exitOK},
		"the baseline has one":     {func(n *nights) { n.check("v1", "Other", "name", 1, 0); n.check("v2", "Same", "name", 60, 60) }, nil, exitOK},
		"not within the filter":    {func(n *nights) { n.check("v1", "Other", "name", 1, 0); n.check("v2", "Same", "name", 60, 60) }, []string{"--manager", "Same"}, exitNoData},
		"somebody bypasses the rules": {func(n *nights) {
			n.add("v1", "root", func(e *audit.PermissionAuditEvent) { e.Manager, e.Bypassed = "Other", true })
			n.check("v2", "Same", "name", 60, 60)
		}, nil, exitOK},
		"an alert": {func(n *nights) {
			n.check("v1", "Gone", "name", 60, 60)
			n.check("v2", "Same", "name", 60, 60)
		}, nil, exitFinding},
	} {
		t.Run(name, func(t *testing.T) {
			d := inNewDirectory(t)
			n := &nights{}
			n.check("v1", "Same", "name", 60, 60)
			c.add(n)
			d.write("permission.log", n.log(t))
			args := compared(append(c.args, "-o", "markdown", "--match", "none")...)
			result := d.run(args...)
			require.Equal(t, c.code, result.code, result.err)
			switch c.code {
			case exitNoData:
				require.Equal(t, "permaudit: not enough data to judge: "+want, result.err)
				require.Contains(t, result.out, "### permaudit compare: not enough data to judge\n")
			case exitFinding:
				require.Contains(t, result.err, "note: "+want)
				require.Contains(t, result.err, `permaudit: finding: manager="Gone"`)
				require.NotContains(t, d.run(append(args, "-q")...).err, "nobody could lose")
			default:
				require.Empty(t, result.err)
				require.Contains(t, result.out, "### permaudit compare: no alert\n")
			}
		})
	}
}

// Where a side has no checks there is one way to mend it: what was asked for, or the filters.
func TestCompareSaysWhyASideHasNoChecks(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{next: map[string]int{"v2": 2 * 360}} // it begins two hours later
	n.check("v1", "Same", "name", 60, 6)
	n.check("v2", "Same", "name", 60, 6)
	n.check("v2", "New", "name", 60, 6)
	c.write("permission.log", n.log(t)+"garbage\n")
	const (
		v1, v2 = "metadata.deployment=v1", "metadata.deployment=v2"
		log    = "; the log has 180, from 2026-11-23T07:46:20Z to 2026-11-23T10:06:10Z: want other terms or times, or another source\n"
	)
	for _, row := range []struct {
		baseline, candidate string
		args                []string
		says                string
	}{
		{v1, "manager=Nobody", nil, "the candidate, manager=Nobody, has no checks" + log},
		{"2026-10-01..2026-10-11", "2026-11-20..", nil, "the baseline, 2026-10-01..2026-10-11, has no checks" + log},
		{"2026-11-20..", "2026-10-01..2026-10-11", []string{"--match", "none"}, "the candidate, 2026-10-01..2026-10-11, has no checks" + log},
		{"..2026-11-23", "2026-11-23..2026-11-24", nil, "the baseline, ..2026-11-23, has no checks" + log},
		{
			v1 + " ..2026-11-23\\ 09:00", v1 + " 2026-11-23\\ 09:00..2026-11-24",
			[]string{"--manager", "Same"},
			"the candidate, " + v1 + " 2026-11-23\\ 09:00..2026-11-24, has no checks" + log,
		},
		{
			v1, v2,
			[]string{"--since", "2026-11-23 09:00", "--manager", "Same,!Other"},
			"the baseline, " + v1 + ", has no checks with --since 2026-11-23 09:00 --manager Same,!Other, and filters hold for both sides; " +
				"without it has 60, from 2026-11-23T07:46:20Z to 2026-11-23T07:56:10Z: want other filters\n",
		},
		{
			"..2026-11-23\\ 09:00", "2026-11-23\\ 09:00..2026-11-24",
			[]string{"--metadata", "deployment=v2"},
			"the baseline, ..2026-11-23\\ 09:00, has no checks with --metadata deployment=v2, and filters hold for both sides; " +
				"without it has 60, from 2026-11-23T07:46:20Z to 2026-11-23T07:56:10Z: want other filters\n",
		},
		{
			v1, v2,
			[]string{"--match", "none", "--until", "2026-11-23 09:00"},
			"the candidate, " + v2 + ", has no checks with --until 2026-11-23 09:00, and filters hold for both sides; " +
				"without it has 120, from 2026-11-23T09:46:20Z to 2026-11-23T10:06:10Z: want other filters\n",
		},
	} {
		result := c.run(append(row.args, "compare", "--baseline", row.baseline, "--candidate", row.candidate, "-o", "table")...)
		require.Equal(t, exitNoData, result.code, "%v: %s", row, result.err)
		require.Contains(t, result.err, "permaudit: not enough data to judge: "+row.says)
		require.Equal(t, 1, strings.Count(result.err, ":181: "), "what is damaged is noted once: %s", result.err)
	}
	out := c.run("compare", "--baseline", v1, "--candidate", "metadata.deployment=v9", "-o", "table").out
	require.Contains(t, out, "baseline   "+v1+": 2026-11-23 07:46:20 to 2026-11-23 07:56:10\ncandidate  metadata.deployment=v9: no checks\n", "nobody was counted")
	out = c.run("compare", "--baseline", v1, "--candidate", "metadata.deployment=v9", "-o", "table", "--match", "none").out
	require.Contains(t, out, "baseline   "+v1+": 60 users, 2026-11-23 07:46:20 to 2026-11-23 07:56:10\n", "they were counted")
}

// A side may have checks, and none at the times that are compared.
func TestCompareSaysThatASideIsSilentAtTheTimesThatMatch(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	n.check("v1", "Same", "name", 1, 0)
	n.next["v1"] = 8 * 24 * 360
	n.check("v1", "Same", "name", 1, 0)
	n.next["v2"] = 9*24*360 + 3*360
	n.check("v2", "Same", "name", 60, 0)
	c.write("permission.log", n.log(t))
	for _, match := range []string{"hour", "weekday"} {
		result := c.run(compared("--match", match, "-o", "table")...)
		require.Equal(t, exitNoData, result.code)
		require.Regexp(t, "the baseline, metadata.deployment=v1, has no checks in 2026-11-2.*; it has 2, from 2026-11-23T07:46:20Z to 2026-12-01T07:46:20Z: want longer times, or another --match\n", result.err)
		require.Contains(t, result.out, "baseline   metadata.deployment=v1: 0 users, 2026-11-2")
	}
}
