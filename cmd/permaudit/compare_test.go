package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// What matters comes first, and a row says what happened to whom.
func TestCompareSaysWhatMattersFirst(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everyVerdict().log(t))
	c.write("owned.jsonl", acknowledgedOwned)
	result := c.run(compared("-o", "table", "--acknowledged", "owned.jsonl")...)
	require.Equal(t, exitFinding, result.code)
	require.Equal(t, `baseline   metadata.deployment=v1: 140 users, 2026-11-23 07:46:20 to 2026-11-23 11:23:10
candidate  metadata.deployment=v2: 142 users, 2026-11-23 07:46:20 to 2026-11-23 11:23:10
matched    by overlap: the time in which both ran

VERDICT      MANAGER  ACTION  ATTRIBUTE  DENIED USERS             RATIO        Q  NOTE
lost_rule    Both     update  cause      0/60 -> 60/60                -  <0.0001  -
lost_rule    Lost     update  name       0/40 -> 40/40                -  <0.0001  -
regression   Worse    update  name       4/80 -> 40/80              10x  <0.0001  -
new_denial   New      update  name       new: 50/50                   -  <0.0001  -
vanished     Gone     update  name       checked 60 -> 0              -  <0.0001  -
bypass_up    Root     update  status     bypassed 0/60 -> 40/60       -  <0.0001  -

regression   Both     update  with       0/120 -> 60/120              -  <0.0001  denied together with attribute=cause
retry_loop   Loop     update  status     new: 1/1                     -        -  user robot denied 150 times
regression   Owned    update  name       0/80 -> 60/80                -  <0.0001  acknowledged by billing@example.com until 2999-12-31: as it should be
improvement  Better   update  name       60/80 -> 4/80           0.067x  <0.0001  -

prober: user "scanner" was denied in 10 of 10 keys, 10 times

23 keys: 6 alerts, 1 explained by them, 1 acknowledged, 1 retry loop, 1 improvement, 11 unchanged, 2 with too few users to judge
`, result.out)
	require.Equal(t, `permaudit: finding: manager="Both" action="update" attribute="cause": lost_rule, denied users 0/60 -> 60/60
permaudit: finding: manager="Lost" action="update" attribute="name": lost_rule, denied users 0/40 -> 40/40
permaudit: finding: manager="Worse" action="update" attribute="name": regression, denied users 4/80 -> 40/80
permaudit: finding: manager="New" action="update" attribute="name": new_denial, denied users new: 50/50
permaudit: finding: manager="Gone" action="update" attribute="name": vanished, checked 60 -> 0
permaudit: finding: manager="Root" action="update" attribute="status": bypass_up, bypassed 0/60 -> 40/60
`, result.err, "an acknowledged alert is no finding, nor is one that another explains")
}

func TestUnchangedKeysAreInTheTableIfTheyAreAskedFor(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everyVerdict().log(t))
	rows := func(args ...string) int {
		rows := 0
		for line := range strings.Lines(c.run(compared(args...)...).out) {
			if strings.Contains(line, " update ") {
				rows++
			}
		}
		return rows
	}
	require.Equal(t, 10, rows("-o", "table"))
	require.Equal(t, 23, rows("-o", "table", "--limit", "0"))
	require.Equal(t, 23, rows("-o", "wide"))
	require.Equal(t, 3, rows("-o", "table", "--limit", "3"))
	require.Contains(t, c.run(compared("-o", "table", "-n", "3")...).err, "note: 20 more keys are left out; --limit 0 prints all\n", "those too that are in no table by default")
	require.Contains(t, c.run(compared("-o", "wide", "-n", "8")...).err, "note: 15 more keys are left out; --limit 0 prints all\n")
	require.NotContains(t, c.run(compared("-o", "table")...).err, "left out", "the last line counts what is unchanged")
	require.Contains(t, c.run(compared("-o", "wide")...).out, "EXPOSURE")
	require.NotContains(t, c.run(compared("-o", "json")...).out, "exposure", "the page says that it is nowhere else")
}

// All alerts are in a table, however many there are, and ten of the rest.
func TestNoAlertIsLeftOut(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	for k := range 60 {
		n.check("v1", fmt.Sprint("Lost", k), "name", 15, 0)
		n.check("v2", fmt.Sprint("Lost", k), "name", 15, 15)
	}
	for k := range 12 {
		n.check("v1", fmt.Sprint("Better", k), "name", 30, 30)
		n.check("v2", fmt.Sprint("Better", k), "name", 30, 0)
	}
	c.write("permission.log", n.log(t))
	result := c.run(compared("-o", "table")...)
	require.Equal(t, 60, strings.Count(result.out, "\nlost_rule "))
	require.Equal(t, 10, strings.Count(result.out, "\nimprovement "))
	require.Contains(t, result.err, "note: 2 more keys are left out; --limit 0 prints all\n")
	require.Contains(t, result.err, "permaudit: finding: and 40 more keys\n")
	comment := c.run(compared("-o", "markdown")...).out
	require.Contains(t, comment, "### permaudit compare: 60 alerts\n")
	require.Equal(t, 50, strings.Count(comment, "\n| lost_rule "), "a comment is not as long as one likes")
	require.Contains(t, comment, "; 22 more rows are left out, 10 of them alerts\n")
}

// JSON and CSV have all keys, in their order.
func TestJSONAndCSVHaveEveryKeyAsCompareGivesIt(t *testing.T) {
	c := inNewDirectory(t)
	n := everyVerdict()
	c.write("permission.log", n.log(t))
	c.write("owned.jsonl", acknowledgedOwned)
	file, err := os.Open("owned.jsonl")
	require.NoError(t, err)
	entries, err := analysis.ReadAcknowledgments(file, "owned.jsonl")
	require.NoError(t, err)
	require.NoError(t, file.Close())
	deployment := func(v string) query.Filter {
		return query.Filter{Metadata: map[string]query.Terms{"deployment": {In: []string{v}}}}
	}
	want, err := analysis.Compare(t.Context(), query.Slice(n.events), deployment("v1"), deployment("v2"), &analysis.CompareOptions{Acknowledged: entries})
	require.NoError(t, err)
	result := c.run(compared("--acknowledged", "owned.jsonl")...)
	require.Equal(t, exitFinding, result.code)
	lines := strings.Split(strings.TrimSuffix(result.out, "\n"), "\n")
	require.Len(t, lines, len(want.Keys))
	for i, key := range want.Keys {
		text, err := json.Marshal(key)
		require.NoError(t, err)
		require.Equal(t, string(text), lines[i])
	}
	for _, note := range []string{
		"baseline   metadata.deployment=v1: 140 users, 2026-11-23 07:46:20 to 2026-11-23 11:23:10\n",
		"matched    by overlap: the time in which both ran\n",
		"note: prober: user \"scanner\" was denied in 10 of 10 keys, 10 times\n",
		"note: acknowledged: manager=\"Owned\" action=\"update\" attribute=\"name\": regression, denied users 0/80 -> 60/80; owner: billing@example.com, until 2999-12-31: as it should be\n",
	} {
		require.Contains(t, result.err, note)
	}

	rows, err := csv.NewReader(strings.NewReader(c.run(compared("--acknowledged", "owned.jsonl", "-o", "csv")...).out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+len(want.Keys))
	require.Equal(t, strings.Split("manager,action,attribute,verdict,alert,"+
		"baseline_checks,baseline_denied,baseline_users,baseline_denied_users,baseline_bypassed,baseline_bypassed_users,baseline_all_users,"+
		"candidate_checks,candidate_denied,candidate_users,candidate_denied_users,candidate_bypassed,candidate_bypassed_users,candidate_all_users,"+
		"ratio,q,loop_users,denied_with,owner,reason,expires", ","), rows[0])
	for _, row := range []string{
		"Worse,update,name,regression,true,80,4,80,4,0,0,80,80,40,80,40,0,0,80,10,1.1e-10,,,,,",
		`Both,update,with,regression,false,120,0,120,0,0,0,120,120,60,120,60,0,0,120,,1.59e-22,,{"manager":"Both";"action":"update";"attribute":"cause"},,,`,
		`Loop,update,status,retry_loop,false,0,0,0,0,0,0,0,150,150,1,1,0,0,1,,,["robot"],,,,`,
		"Owned,update,name,regression,false,80,0,80,0,0,0,80,80,60,80,60,0,0,80,,4.66e-26,,,billing@example.com,as it should be,2999-12-31",
	} {
		cells := strings.Split(row, ",")
		for i := range cells {
			cells[i] = strings.ReplaceAll(cells[i], ";", ",")
		}
		require.Contains(t, rows, cells)
	}
	require.Equal(t, 3, strings.Count(c.run(compared("-n", "3")...).out, "\n"))
}

func TestTheExitCodeOfCompareIsItsAnswer(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	n.check("v1", "Same", "name", 60, 6)
	n.check("v2", "Same", "name", 60, 6)
	n.check("v3", "Same", "name", 60, 60)
	n.check("few1", "Same", "name", 2, 0)
	n.check("few2", "Same", "name", 2, 2)
	c.write("permission.log", n.log(t)+"garbage\n")
	c.write("empty.log", "")
	c.write("owned.jsonl", strings.Replace(acknowledgedOwned, "Owned", "Same", 1))
	for _, row := range []struct {
		baseline, candidate string
		args                []string
		code                int
		says                string
	}{
		{"v1", "v2", nil, exitOK, ""},
		{"v1", "v3", nil, exitFinding, "permaudit: finding: manager=\"Same\" action=\"update\" attribute=\"name\": regression, denied users 6/60 -> 60/60\n"},
		{"v1", "v3", []string{"--acknowledged", "owned.jsonl"}, exitOK, ""},
		{"v3", "v1", nil, exitOK, ""},
		{"v1", "v3", []string{"--min-users", "55"}, exitOK, ""},
		{"v1", "v3", []string{"--min-ratio", "1e6"}, exitOK, ""},
		{"few1", "few2", nil, exitNoData, "permaudit: not enough data to judge: no key has enough users, of 1: want longer times, or wider keys, such as --by manager\n"},
		{"v1", "v9", nil, exitNoData, "permaudit: not enough data to judge: the candidate, metadata.deployment=v9, has no checks; the log has 184, from 2026-11-23T07:46:20Z to 2026-11-23T07:56:10Z: want other terms or times, or another source\n"},
		{"v9", "v1", nil, exitNoData, "the baseline, metadata.deployment=v9, has no checks; the log has 184"},
		{"v9", "v8", nil, exitNoData, "the baseline, metadata.deployment=v9, has no checks; the log has 184"},
		{"v1", "v2 2026-11-20..2026-11-21", nil, exitNoData, "the candidate, metadata.deployment=v2 2026-11-20..2026-11-21, has no checks; the log has 184, from 2026-11-23T07:46:20Z to 2026-11-23T07:56:10Z: want other terms or times, or another source\n"},
		{"v1 2026-11-23..2026-11-24", "v1 2026-11-20..2026-11-21", nil, exitNoData, "the candidate, metadata.deployment=v1 2026-11-20..2026-11-21, has no checks; the log has 184, from 2026-11-23T07:46:20Z to 2026-11-23T07:56:10Z: want other terms or times, or another source\n"},
		{"v1", "v2", []string{"--match", "weekday", "--since", "2026-11-23", "--until", "2026-11-24"}, exitOK, ""},
		{"v1 2026-11-01..2026-11-03", "v1 2026-11-12..2026-11-14", []string{"--match", "overlap"}, exitNoData, "permaudit: not enough data to judge: no hours match by \"overlap\": the two sides never ran at once"},
		{"v1", "v2", []string{"--from", "empty.log"}, exitNoData, "has no checks; the log has none at all: want other terms or times, or another source\n"},
		{"v1", "v2", []string{"--from", "missing.log"}, exitTrouble, "no such file"},
		{"v1", "v1", nil, exitUsage, "permaudit: --baseline and --candidate: baseline and candidate select the same checks from 2026-11-23T07:46:20Z to 2026-11-23T07:56:10Z; want other times, or other filters\n"},
	} {
		for _, format := range []string{"table", "wide", "markdown", "json", "csv"} {
			result := c.run(append(row.args, "compare", "--baseline", "metadata.deployment="+row.baseline, "--candidate", "metadata.deployment="+row.candidate, "-o", format, "-q")...)
			require.Equal(t, row.code, result.code, "%v: %s", row, result.err)
			if row.says == "" {
				require.Empty(t, result.err)
			} else {
				require.Contains(t, result.err, row.says)
				require.Equal(t, 1, strings.Count(result.err, "\n"), result.err)
			}
		}
	}
	require.Contains(t, c.run("compare", "--baseline", "metadata.deployment=v9", "--candidate", "metadata.deployment=v1", "-o", "table").out, "baseline   metadata.deployment=v9: no checks\n")
}

// Compare reads a log three times, and tells once what is wrong with it.
func TestCompareNotesWhatTheAnswerIsWorthOnce(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	n.add("v2", "", func(e *audit.PermissionAuditEvent) { e.Manager, e.UserID = "Same", "" })
	n.add("v2", "u1", func(e *audit.PermissionAuditEvent) {
		e.Action, e.Metadata = audit.ActionGap, map[string]any{"dropped": 5, "deployment": "v2"}
	})
	n.add("v2", "u2", func(e *audit.PermissionAuditEvent) { e.Manager, e.Metadata["sample_rate"] = "Same", 0.5 })
	n.check("v1", "Same", "name", 70, 6)
	n.check("v2", "Same", "name", 60, 6)
	c.write("permission.log", "garbage\n"+n.log(t)+"\x1b[31mgarbage\n")
	for _, from := range [][]string{nil, {"--from", "-"}} {
		if from != nil {
			c.stdin = "garbage\n" + n.log(t) + "\x1b[31mgarbage\n"
		}
		for _, side := range []string{"v2", "v9"} { // v9 has no checks
			result := c.run(append([]string{"compare", "--baseline", "metadata.deployment=v1", "--candidate", "metadata.deployment=" + side, "-o", "table"}, from...)...)
			require.Equal(t, 1, strings.Count(result.err, ":1: "), result.err)
			require.Contains(t, result.err, "note: 2 lines were damaged and left out\n")
			requireHarmless(t, result.err)
			if side == "v2" {
				require.Contains(t, result.err, "note: the log is incomplete: 1 gap, 5 events were dropped\n")
				require.Contains(t, result.err, "note: events with a sample_rate were counted 1 time")
				require.Contains(t, result.err, "note: events without a user were counted 1 time: in each group they count as one user\n")
			}
		}
	}
}

func TestAFindingIsAFindingAlsoIfNobodyReadsTheTable(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", everyVerdict().log(t))
	v := &invocation{stdin: strings.NewReader(""), stdout: closedPipe{}, stderr: &strings.Builder{}, getenv: func(string) string { return "" }, now: begin}
	require.Equal(t, exitFinding, v.exitCode(t.Context(), v.execute(t.Context(), compared("-o", "table"))))
}

func TestTheTimesOfASideAreNarrowedByTheFilters(t *testing.T) {
	c := inNewDirectory(t)
	n := everyVerdict()
	c.write("permission.log", n.log(t))
	cut := compared("--until", "2026-11-23T10:45:00Z", "--manager", "Both", "-o", "json")
	want := c.run("compare", "--baseline", "metadata.deployment=v1 ..2026-11-23T10:45:00Z manager=Both", "--candidate", "metadata.deployment=v2 manager=Both", "--candidate", `..2026-11-23\ 10:45`, "-o", "json")
	require.NotEmpty(t, want.out)
	require.Equal(t, want.out, c.run(cut...).out)
	require.NotEqual(t, want.out, c.run(compared("--manager", "Both")...).out)
	require.Contains(t, c.run(compared("--by", "manager")...).out, `{"manager":"Both","verdict":`)
	require.Equal(t, slices.Sorted(slices.Values(strings.Split(c.run(compared("--by", "manager", "--by", "attribute")...).out, "\n"))),
		slices.Sorted(slices.Values(strings.Split(c.run(compared("--by", "manager,attribute")...).out, "\n"))))
}

// closedPipe is an output that nobody reads any more.
type closedPipe struct{}

func (closedPipe) Write([]byte) (int, error) { return 0, syscall.EPIPE }

func TestNothingOfTheLogReachesATerminalRawInComparisons(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	for _, text := range append([]string{"=1+1"}, hostileTexts...) {
		n.check("v1", text, text, 30, 0)
		n.check("v2", text, text, 30, 30)
		for range 120 {
			n.add("v2", text, func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = "loop"+text, false })
		}
	}
	c.write("permission.log", n.log(t))
	for _, format := range []string{"table", "wide", "json", "csv", "markdown"} {
		result := c.run("compare", "--baseline", "metadata.deployment=v1 manager=!\x1b[31mred", "--candidate", "metadata.deployment=v2", "-o", format, "-n", "0")
		require.Equal(t, exitFinding, result.code)
		requireHarmless(t, result.out)
		requireHarmless(t, result.err)
	}
	rows, err := csv.NewReader(strings.NewReader(c.run(compared("-o", "csv", "--manager", "=1+1")...).out)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"'=1+1", "update", "'=1+1"}, rows[1][:3])
}
