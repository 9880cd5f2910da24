package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const regressionPage = "../../docs/regression.md"

// Each verdict is explained by a row that the commands of the page printed.
func TestTheRowsOfTheDocsArePrintedByItsCommands(t *testing.T) {
	blocks := blocksOf(t, regressionPage)
	printed := map[string]bool{}
	explained := 0
	for i, b := range blocks {
		isOutput := i > 0 && (blocks[i-1].language == "sh" || blocks[i-1].language == "go")
		if b.language != "text" {
			continue
		}
		for line := range strings.Lines(b.text) {
			if isOutput {
				printed[alike(line)] = true
			}
		}
	}
	for i, b := range blocks {
		if b.language != "text" || blocks[i-1].language == "sh" || blocks[i-1].language == "go" {
			continue
		}
		require.True(t, printed[alike(b.text)], b.text)
		explained++
	}
	require.Equal(t, 11, explained)
	text, err := os.ReadFile(regressionPage)
	require.NoError(t, err)
	for _, verdict := range []string{"lost_rule", "regression", "new_denial", "vanished", "bypass_up", "retry_loop", "improvement", "too_few", "unchanged"} {
		require.Regexp(t, `(?m)^### .*`+verdict, string(text))
		require.Regexp(t, "(?m)^"+verdict+" ", string(text))
	}
}

// The step leaves the same text in the summary and in the comment, and keeps the exit code.
func TestTheStepOfTheDocsCommentsAndKeepsTheExitCode(t *testing.T) {
	directory := example(t, "deployment")
	var step string
	for _, b := range blocksOf(t, regressionPage) {
		if b.language == "yaml" {
			step = b.text
		}
	}
	_, script, found := strings.Cut(step, "  run: |\n")
	require.True(t, found, step)
	script = regexp.MustCompile("(?m)^    ").ReplaceAllString(script, "")
	require.Contains(t, step, "BASELINE: v1\n")
	require.NotContains(t, script, "${{", "what comes from outside is a variable, not a part of the script")
	bin := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(bin, "gh"), []byte("#!/bin/sh\n[ \"$*\" = \"pr comment 7 --body-file compare.md\" ] && cat compare.md >>comments\n"), 0o700))
	for _, row := range []struct {
		baseline, candidate, from string
		code                      int
		says                      string
	}{
		{"v1", "v2", "permission.log", exitFinding, "### permaudit compare: 2 alerts\n"},
		{"v1", "v1 ..2026-11-24\\ 02:00", "permission.log", exitUsage, ""},
		{"v1", "v9", "permission.log", exitNoData, "### permaudit compare: not enough data to judge\n"},
		{"v1", "v2", "missing.log", exitTrouble, ""},
	} {
		for _, name := range []string{"summary", "comments"} {
			require.NoError(t, os.WriteFile(filepath.Join(directory, name), nil, 0o600))
		}
		result := runShell(t, directory, "PATH="+bin+":$PATH\nset -e\n"+script,
			"PULL_REQUEST=7", "GITHUB_STEP_SUMMARY=summary", "BASELINE="+row.baseline, "CANDIDATE="+row.candidate, fromVariable+"="+row.from)
		require.Equal(t, row.code, result.code, result.err)
		comment, err := os.ReadFile(filepath.Join(directory, "comments"))
		require.NoError(t, err)
		summary, err := os.ReadFile(filepath.Join(directory, "summary"))
		require.NoError(t, err)
		require.Equal(t, string(summary), string(comment))
		require.True(t, strings.HasPrefix(string(comment), row.says), string(comment))
		require.Equal(t, row.says == "", len(comment) == 0, string(comment))
	}
}

// The line of the crontab prints nothing but what somebody has to read.
func TestTheLineOfTheCrontabIsSilentWhileAllIsWell(t *testing.T) {
	page, err := os.ReadFile(regressionPage)
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^    0 6 \* \* \*  (.*)$`).FindSubmatch(page)
	require.NotNil(t, line)
	require.NotContains(t, string(line[1]), "%", "which crontabs take for the end of the line")
	command := strings.NewReplacer("'/var/log/service/permission*.log*'", "permission.log", "22d..1d", "metadata.deployment=$BASELINE", "1d..", "metadata.deployment=$CANDIDATE").Replace(string(line[1]))
	require.NotEqual(t, string(line[1]), command)
	directory := example(t, "deployment")
	for _, row := range []struct{ baseline, candidate, from, want string }{
		{"v1", "v2", "permission.log", "(?s)^baseline .*\nlost_rule .*\npermaudit: finding: .*\npermaudit: exit code 1\n$"},
		{"v1", "v9", "permission.log", "(?s)\npermaudit: not enough data to judge: .*\npermaudit: exit code 3\n$"},
		{"v1", "v2", "missing.log", "^permaudit: .*missing.log: .*\npermaudit: exit code 4\n$"},
		{"v2 manager=Project action=read", "v3 manager=Project", "permission.log", "^$"},
	} {
		text := strings.ReplaceAll(command, "permission.log", row.from)
		for _, name := range []string{"BASELINE", "CANDIDATE"} {
			text = strings.ReplaceAll(text, "metadata.deployment=$"+name, `"metadata.deployment=$`+name+`"`)
		}
		result := runShell(t, directory, text, "BASELINE="+row.baseline, "CANDIDATE="+row.candidate)
		require.Regexp(t, row.want, result.out)
		require.Empty(t, result.err)
	}
	result := runShell(t, directory, strings.ReplaceAll(string(line[1]), "'/var/log/service/permission*.log*'", "permission.log"))
	require.NotContains(t, result.out, "exit code 2", "as it stands, it is accepted")
}
