package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// logged runs the program, and returns its log.
func logged(t *testing.T) (path string) {
	t.Helper()
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	dir := t.TempDir()
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out, dir))
	require.Equal(t, "permission.log is in "+dir+"\n", out.String())
	return filepath.Join(dir, "permission.log")
}

func deployments(names ...string) query.Filter {
	return query.Filter{Metadata: map[string]query.Terms{audit.MetadataDeployment: {In: names}}}
}

// What the deployment v2 broke, compare, suggest and replay name; and nothing else.
func TestTheStoryOfADeployment(t *testing.T) {
	source := query.Files(logged(t))

	compared, err := analysis.Compare(t.Context(), source, deployments("v1"), deployments("v2"), nil)
	require.NoError(t, err)
	require.Zero(t, compared.Damaged+compared.Gaps)
	found := map[string]analysis.Verdict{}
	for _, k := range compared.Alerts() {
		found[strings.Join(k.Key, " ")] = k.Verdict
	}
	require.Equal(t, map[string]analysis.Verdict{
		"Task update estimate": analysis.VerdictLostRule,
		"Invoice read total":   analysis.VerdictRegression,
	}, found)
	var explained, loops []string
	for _, k := range compared.Keys {
		if k.DeniedWith != nil { // who changes a title and an estimate at once
			explained = append(explained, fmt.Sprint(k.Key, k.DeniedWith))
		}
		if k.Verdict == analysis.VerdictRetryLoop {
			loops = append(loops, fmt.Sprint(k.Key, k.Users))
		}
	}
	require.Equal(t, []string{"[Task update title] [Task update estimate]"}, explained)
	require.Equal(t, []string{"[Export create ] [report-job]"}, loops)
	require.Len(t, compared.Probers, 1)
	require.Equal(t, scanner.id, compared.Probers[0].User)

	suggested, err := analysis.Suggest(t.Context(), source, deployments("v1", "v2"), nil)
	require.NoError(t, err)
	require.Len(t, suggested.Candidates, 1)
	lost := suggested.Candidates[0]
	require.Equal(t, analysis.ClassLost, lost.Class)
	require.Equal(t, "Task update [estimate]", lost.Manager+" "+lost.Action+" ["+strings.Join(lost.Attributes, " ")+"]")
	require.Equal(t, begin.Day()+1, lost.GrantedUntil.Day(), "on the morning after the first night")
	require.Len(t, suggested.Probers, 1)
	require.Equal(t, scanner.id, suggested.Probers[0].User)

	// Before it is deployed: the rules of v2 decide what was asked of v1.
	roles := map[string]user{"report-job": {roles: []role{job}}}
	for _, u := range users() {
		roles[u.id] = u
	}
	replayed, err := analysis.Replay(t.Context(), source, deployments("v1"), func(_ context.Context, e audit.PermissionAuditEvent) (bool, error) {
		granted, _ := v2().allows(roles[e.UserID], check{e.Manager, e.Action, e.Attributes})
		return granted, nil
	})
	require.NoError(t, err)
	var denied, granted []string
	for _, g := range replayed.Groups {
		if g.NewlyDenied.Checks > 0 {
			denied = append(denied, strings.Join(g.Key, " "))
		}
		if g.NewlyGranted.Checks > 0 {
			granted = append(granted, strings.Join(g.Key, " "))
		}
	}
	require.ElementsMatch(t, []string{"Task update estimate", "Task update title", "Invoice read total"}, denied)
	require.Equal(t, []string{"Comment delete "}, granted)
	require.Zero(t, replayed.Inconsistent+replayed.Errors.Checks)
}

// The hurried repair has findings of its own.
func TestTheRepairIsSeen(t *testing.T) {
	compared, err := analysis.Compare(t.Context(), query.Files(logged(t)), deployments("v2"), deployments("v3"), nil)
	require.NoError(t, err)
	verdicts := map[string]analysis.Verdict{}
	for _, k := range compared.Keys {
		verdicts[strings.Join(k.Key, " ")] = k.Verdict
	}
	require.Equal(t, analysis.VerdictNewDenial, verdicts["Report create recipient"])
	require.Equal(t, analysis.VerdictVanished, verdicts["Invoice read total"])
	require.Equal(t, analysis.VerdictBypassUp, verdicts["Project delete "])
	require.Equal(t, analysis.VerdictImprovement, verdicts["Task update estimate"])
	require.Len(t, compared.Alerts(), 3)
}

func TestTheLogHasTheSameDecisionsEachTime(t *testing.T) {
	ids := regexp.MustCompile(`"id":"[0-9a-f-]+"`)
	var logs [2]string
	for i := range logs {
		text, err := os.ReadFile(logged(t))
		require.NoError(t, err)
		logs[i] = ids.ReplaceAllString(string(text), "")
	}
	require.NotEmpty(t, logs[0])
	require.Equal(t, logs[0], logs[1])
	require.True(t, slices.IsSorted(regexp.MustCompile(`"timestamp":"[^"]+"`).FindAllString(logs[0], -1)))
}
