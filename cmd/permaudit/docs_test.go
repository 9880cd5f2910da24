package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// block is a fenced block of a page.
type block struct{ language, text string }

func blocksOf(t *testing.T, page string) (blocks []block) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, found := range regexp.MustCompile("(?s)```([a-z]+)\n(.*?)```").FindAllSubmatch(text, -1) {
		blocks = append(blocks, block{string(found[1]), string(found[2])})
	}
	return blocks
}

// quickstart runs the example of that name, and returns the directory of its files.
func quickstart(t *testing.T) string {
	t.Helper()
	return example(t, "quickstart")
}

func example(t *testing.T, name string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "go", "run", "./examples/"+name)
	command.Dir = "../.."
	command.Env = append(os.Environ(), "GOWORK=off", "TMPDIR="+t.TempDir())
	said, err := command.CombinedOutput()
	require.NoError(t, err, "%s", said)
	directory := regexp.MustCompile(`(?:is|are) in (\S+)\n$`).FindSubmatch(said)
	require.NotNil(t, directory, "%s", said)
	return string(directory[1])
}

// shell runs text as somebody who pastes it does, with the command on the PATH. What it
// returns ends with the exit code, if there is nothing else or something was found.
func shell(t *testing.T, directory, text string, env ...string) string {
	t.Helper()
	result := runShell(t, directory, text, env...)
	require.LessOrEqual(t, result.code, exitFinding, "%s: %s", text, result.err)
	if result.code != 0 || result.out == "" {
		return fmt.Sprintf("%sexit %d\n", result.out, result.code)
	}
	return result.out
}

func runShell(t *testing.T, directory, text string, env ...string) outcome {
	t.Helper()
	program, err := os.Executable()
	require.NoError(t, err)
	bin := t.TempDir()
	script := "#!/bin/sh\n" + asCommand + "=1 GORACE=atexit_sleep_ms=0 exec " + program + " \"$@\"\n"
	require.NoError(t, os.WriteFile(filepath.Join(bin, "permaudit"), []byte(script), 0o700))
	command := exec.CommandContext(t.Context(), "bash", "-c", text)
	command.Dir = directory
	command.Env = append(append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), fromVariable+"="), env...)
	var wrong strings.Builder
	command.Stderr = &wrong
	out, err := command.Output()
	var exit *exec.ExitError
	if err != nil {
		require.ErrorAs(t, err, &exit, "%s", wrong.String())
	}
	return outcome{command.ProcessState.ExitCode(), string(out), wrong.String()}
}

// alike takes from an output what is another each time: times, ids, and how wide the
// columns are.
func alike(text string) string {
	for pattern, by := range map[string]string{
		`\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z?`: "<time>",
		`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`:   "<id>",
		`(?m)^[ \t]+|[ \t]+$`:                         "",
		`[ \t]+`:                                      " ",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, by)
	}
	return text
}

func TestTheCommandsOfTheDocsSayWhatTheDocsSay(t *testing.T) {
	logs := map[string]string{"quickstart": quickstart(t), "deployment": example(t, "deployment")}
	require.NoError(t, os.Symlink(filepath.Join(logs["deployment"], "permission.log"), filepath.Join(logs["quickstart"], "deployment.log")))
	for page, its := range map[string]struct {
		log      string
		commands int
	}{
		"../../docs/analysis.md":   {"quickstart", 10},
		"../../docs/alerts.md":     {"quickstart", 9},
		"../../docs/regression.md": {"deployment", 3},
		"../../docs/suggest.md":    {"deployment", 3},
	} {
		blocks, directory := blocksOf(t, page), logs[its.log]
		run := 0
		for i, b := range blocks {
			if b.language != "sh" {
				continue
			}
			run++
			require.Equal(t, "text", blocks[i+1].language, "%s: what does it print? %s", page, b.text)
			var env []string
			if strings.Contains(b.text, "DATABASE_URL") {
				dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
				if dsn == "" {
					t.Log("not run, for want of a PostgreSQL server, which scripts/with-postgres.sh starts:", b.text)
					continue
				}
				env = append(env, "DATABASE_URL="+ownDatabase(t, dsn))
			}
			require.Equal(t, alike(blocks[i+1].text), alike(shell(t, directory, b.text, env...)), "%s: %s", page, b.text)
		}
		require.Equal(t, its.commands, run, page)
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		require.Regexp(t, "in that directory, with `bin/` on the `PATH`|\\(see \\[analysis\\.md\\]", string(text), "%s: where are its commands run?", page)
	}
}

func TestNoAlertOfTheDocsTakesAMissingLogForAGoodOne(t *testing.T) {
	recipes := 0
	for _, b := range blocksOf(t, "../../docs/alerts.md") {
		if b.language != "sh" {
			continue
		}
		recipes++
		result := runShell(t, t.TempDir(), b.text, fromVariable+"=missing.log")
		require.NotZero(t, result.code, "%s: %s", b.text, result.out)
		if !strings.Contains(b.text, "jq") {
			require.Equal(t, exitTrouble, result.code, "%s: %s", b.text, result.err)
		}
	}
	require.Equal(t, 9, recipes)
}

func TestTheSQLForDuckDBOfTheDocsSaysWhatTheDocsSay(t *testing.T) {
	script, err := filepath.Abs("../../bin/duckdb/duckdb.js")
	require.NoError(t, err)
	if _, err := os.Stat(script); errors.Is(err, os.ErrNotExist) {
		t.Skip("needs DuckDB: make duckdb installs it in bin/")
	}
	blocks := blocksOf(t, "../../docs/analysis.md")
	for i, b := range blocks {
		if b.language != "sql" {
			continue
		}
		command := exec.CommandContext(t.Context(), "node", script)
		command.Dir = quickstart(t)
		question, err := json.Marshal(b.text)
		require.NoError(t, err)
		command.Stdin = strings.NewReader(string(question) + "\n")
		out, err := command.Output()
		require.NoError(t, err)
		lines := bufio.NewScanner(strings.NewReader(string(out)))
		require.True(t, lines.Scan(), "its version")
		require.True(t, lines.Scan(), "its answer")
		var answer struct {
			Error string
			Rows  [][]any
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &answer))
		require.Empty(t, answer.Error)
		var text strings.Builder
		for _, row := range answer.Rows {
			for j := range row {
				if row[j] == nil {
					row[j] = "null"
				}
			}
			fmt.Fprintln(&text, row...)
		}
		require.Equal(t, blocks[i+1].text, text.String())
		return
	}
	require.Fail(t, "the page has no SQL")
}
