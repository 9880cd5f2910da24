package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestGroupsHaveTheShapeOfTheContract(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	for _, row := range []struct {
		want string
		args []string
	}{
		{
			`{"manager":"Project","attribute":"status","denied":2,"checks":3,"users":2,"first":"2026-11-23T07:47:20.123456Z","last":"2026-11-23T07:48:20.123456Z"}` + "\n",
			[]string{"denied"},
		},
		{
			`{"user":"42","action":"update","denied":1,"checks":2,"users":1,"first":"2026-11-23T07:47:20.123456Z","last":"2026-11-23T07:47:20.123456Z"}` + "\n" +
				`{"user":"7","action":"update","denied":1,"checks":1,"users":1,"first":"2026-11-23T07:48:20.123456Z","last":"2026-11-23T07:48:20.123456Z"}` + "\n",
			[]string{"denied", "--by", "user, action"},
		},
		{
			`{"user":"42","manager":"Invoice","bypassed":1,"checks":1,"first":"2026-11-23T07:49:20.123456Z","last":"2026-11-23T07:49:20.123456Z"}` + "\n",
			[]string{"bypasses"},
		},
	} {
		require.Equal(t, row.want, c.ok(row.args...))
	}
	require.Equal(t, "window: everything\nnote: the log is incomplete: 1 gap, 5 events were dropped\n", c.run("denied").err)
	require.Equal(t, "MANAGER  ATTRIBUTE  DENIED  CHECKS  SHARE  USERS  FIRST                LAST\n"+
		"Project  status          2       3    66%      2  2026-11-23 07:47:20  2026-11-23 07:48:20\n", c.ok("denied", "-o", "table"))
	require.Contains(t, c.ok("denied", "-o", "wide"), "2026-11-23T07:47:20.123456Z")
	require.Equal(t, "manager,attribute,denied,checks,users,first,last\n"+
		"Project,status,2,3,2,2026-11-23T07:47:20.123456Z,2026-11-23T07:48:20.123456Z\n", c.ok("denied", "-o", "csv"))
	require.Equal(t, "window: everything\nnote: no event is denied\nnote: the log is incomplete: 1 gap, 5 events were dropped\n", c.run("denied", "--user", "nobody").err)
	require.Contains(t, c.ok("bypasses", "-o", "csv", "--by", "hour"), "hour,bypassed,checks,users,first,last\n2026-11-23T07:00:00Z,1,5,")
	for _, dimension := range []string{"manager", "attribute", "action", "user", "permission", "day", "hour", "granted", "bypassed", "metadata.x"} {
		require.Contains(t, c.ok("denied", "--by", dimension), `{"`+dimension+`":`)
	}
}

func TestMaxIsAnAlert(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, append(events(), event(6, func(e *audit.PermissionAuditEvent) { e.Granted, e.Manager = false, "a\x1b" }))...))
	for _, row := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"denied", "--max", "2"}, 0, ""},
		{[]string{"denied", "--max", "1"}, 1, "permaudit: finding: manager=\"Project\" attribute=\"status\": 2 denied, more than --max 1\n"},
		{
			[]string{"denied", "--max", "0", "--limit", "1"},
			1,
			"permaudit: finding: manager=\"Project\" attribute=\"status\": 2 denied, more than --max 0\npermaudit: finding: manager=\"a\\x1b\" attribute=\"status\": 1 denied, more than --max 0\n",
		},
		{[]string{"bypasses", "--max", "0"}, 1, "permaudit: finding: user=\"42\" manager=\"Invoice\": 1 bypassed, more than --max 0\n"},
		{[]string{"bypasses", "--max", "1"}, 0, ""},
	} {
		result := c.run(append(row.args, "-q")...)
		require.Equal(t, row.code, result.code, "%v", row.args)
		require.Equal(t, row.want, result.err, "-q does not silence a finding")
	}
}

func TestAnAlertNamesTheWorstGroups(t *testing.T) {
	c := inNewDirectory(t)
	var many []audit.PermissionAuditEvent
	for i := range 60 {
		many = append(many, event(i, func(e *audit.PermissionAuditEvent) { e.Granted, e.Manager = false, fmt.Sprint("m", i) }))
	}
	c.write("permission.log", log(t, many...))
	result := c.run("denied", "-o", "table", "--max", "0")
	require.Equal(t, 1, result.code)
	require.Equal(t, 51, strings.Count(result.out, "\n"), "50 groups and the titles")
	require.Contains(t, result.err, "note: 10 more groups are left out; --limit 0 prints all\n")
	require.Equal(t, 21, strings.Count(result.err, "finding"))
	require.Contains(t, result.err, "finding: and 40 more groups\n")
	require.Equal(t, 61, strings.Count(c.ok("denied", "-o", "table", "--limit", "0"), "\n"))
	require.Equal(t, 60, strings.Count(c.ok("denied"), "\n"), "other formats have all")
	require.Equal(t, 3, strings.Count(c.ok("denied", "-n", "3"), "\n"))
}

func TestStatsHasTheShapeOfTheContract(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...)+"garbage\n")
	result := c.run("stats")
	require.Equal(t, `{"events":5,"granted":3,"denied":2,"bypassed":1,"gaps":1,"dropped":5,"damaged":1,"first":"2026-11-23T07:46:20.123456Z","last":"2026-11-23T07:51:20.123456Z"}`+"\n", result.out)
	require.Contains(t, result.err, "permission.log:7: ")
	require.Equal(t, "events,granted,denied,bypassed,gaps,dropped,damaged,first,last\n5,3,2,1,1,5,1,2026-11-23T07:46:20.123456Z,2026-11-23T07:51:20.123456Z\n", c.ok("stats", "-o", "csv"))
	table := c.ok("stats", "-o", "table", "--user", "nobody")
	require.True(t, strings.HasPrefix(table, "events    0\n"), table)
	require.Contains(t, table, "first     -\n")
}

func TestNotesSayWhatAnAnswerIsWorth(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, event(1, func(e *audit.PermissionAuditEvent) {
		e.Granted, e.UserID, e.Metadata = false, "", map[string]any{"sample_rate": 0.5}
	}))+"\x1b[31mgarbage\n{\n")
	result := c.run("denied", "--since", "2026-11-23", "--until", "2026-11-24")
	lines := strings.Split(result.err, "\n")
	require.Equal(t, "window: 2026-11-23T00:00:00Z to 2026-11-24T00:00:00Z", lines[0])
	require.Regexp(t, `^permission\.log:2: .`, lines[1])
	require.Regexp(t, `^permission\.log:3: .`, lines[2])
	require.Equal(t, []string{
		"note: events with a sample_rate were counted 1 time: each stands for 1/rate events in every count",
		"note: events without a user were counted 1 time: in each group they count as one user",
		"note: 2 lines were damaged and left out", "",
	}, lines[3:])
	require.Contains(t, result.out, `"denied":2,`)
	requireHarmless(t, result.err)
	require.Zero(t, result.code, "damage is no failure")

	for _, command := range []string{"denied", "bypasses", "stats", "query", "tail"} {
		require.Empty(t, c.run(command, "--quiet").err)
	}
	require.Regexp(t, `^permission\.log:3: .*\npermission\.log:2: .*\nnote: 2 lines were damaged and left out\n$`, c.run("query").err)
	require.Contains(t, c.run("stats", "--until", "2026-11-24").err, "window: the beginning to 2026-11-24T00:00:00Z\n")
}

// Two events of three attributes are no six events.
func TestNotesDoNotSayThatThereAreMoreEventsThanThereAre(t *testing.T) {
	c := inNewDirectory(t)
	n := &nights{}
	for _, deployment := range []string{"v1", "v2"} {
		n.add(deployment, "", func(e *audit.PermissionAuditEvent) {
			e.Granted, e.Attributes, e.Metadata["sample_rate"] = false, []string{"a", "b", "c"}, 0.5
		})
	}
	c.write("permission.log", n.log(t))
	for _, args := range [][]string{{"denied"}, {"suggest"}, compared()} {
		said := c.run(args...).err
		require.Contains(t, said, "note: events with a sample_rate were counted 6 times: each stands for 1/rate events in every count\n")
		require.Contains(t, said, "note: events without a user were counted 6 times: in each group they count as one user\n")
	}
}

func TestMaxPrintsOnlyTheGroupsAboveIt(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, append(events(), event(6, func(e *audit.PermissionAuditEvent) { e.Granted, e.Manager = false, "" }))...))
	for _, format := range []string{"table", "wide", "json", "csv"} {
		result := c.run("denied", "--max", "1", "-o", format)
		require.Equal(t, exitFinding, result.code)
		require.Equal(t, c.ok("denied", "--manager", "Project", "-o", format), result.out, "the other group is not above it")
	}
	result := c.run("denied", "--max", "2", "-o", "table")
	require.Empty(t, result.out)
	require.Contains(t, result.err, "note: no group has more than 2 denied events\n")
	require.Equal(t, outcome{}, c.run("denied", "--max", "2", "-o", "table", "-q"), "cron has nothing to mail")
	require.Contains(t, c.run("denied", "--max", "0").err, `manager=null attribute="status"`)
}

func TestRepeatedColumnsAddUp(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	require.Equal(t, c.ok("denied", "--by", "manager,user,day"), c.ok("denied", "--by", "manager", "--by", "user,day"))
	require.Contains(t, c.ok("bypasses", "--by", "day"), `{"day":`, "the default is replaced")
}

func TestMuchDamageIsOnlyCounted(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, event(1, nil))+strings.Repeat("garbage\n", 25))
	for _, command := range []string{"query", "denied"} {
		said := c.run(command).err
		require.Equal(t, mostNamed, strings.Count(said, "permission.log:"), said)
		require.Contains(t, said, "note: more lines are damaged, and only counted\n")
		require.Contains(t, said, "note: 25 lines were damaged and left out\n")
	}
}
