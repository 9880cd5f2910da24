package main

import (
	"strings"
	"testing"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestEveryCommandHasHelpWithAnExample(t *testing.T) {
	c := inNewDirectory(t)
	root := c.ok("--help")
	require.Equal(t, root, c.ok(), "without a command there is help")
	require.Contains(t, root, "Exit codes: 0; 1 a finding")
	for _, name := range []string{"query", "tail", "trace", "denied", "bypasses", "compare", "suggest", "stats", "import", "prune", "version"} {
		require.Contains(t, root, "\n  "+name)
		help := c.ok(name, "--help")
		require.Contains(t, help, "Examples:\n  permaudit "+name)
		require.Equal(t, help, c.ok("help", name))
		for line := range strings.Lines(help) {
			require.LessOrEqual(t, len(line), 170, line)
		}
	}
}

func TestTheExamplesOfTheHelpAreAccepted(t *testing.T) {
	c := inNewDirectory(t)
	c.write("acknowledged.jsonl", "")
	var examples []string
	for _, command := range (&invocation{getenv: func(string) string { return "" }}).newRoot().Commands() {
		for line := range strings.Lines(command.Example) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "permaudit ") && !strings.Contains(line, "completion") {
				examples = append(examples, line)
			}
		}
	}
	require.Greater(t, len(examples), 12)
	for _, line := range examples {
		args := strings.Fields(strings.TrimPrefix(line, "permaudit "))
		for i := range args {
			args[i] = strings.Trim(args[i], "'")
			if i > 0 && args[i-1] == "--from" || args[i] == "-f" {
				args[i] = "--from=missing/x.log"
			}
		}
		args = append(args, "--from=missing/x.log")
		if args[0] == "version" {
			args = args[:1]
		}
		if args[0] == "prune" {
			args = append(args, "--yes")
		}
		result := c.run(args...)
		require.NotEqual(t, exitUsage, result.code, "%s: %s", line, result.err)
	}
}

func TestTheShellCompletes(t *testing.T) {
	c := inNewDirectory(t)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(t, c.ok("completion", shell), "permaudit")
	}
	for _, row := range []struct {
		args []string
		want []string
	}{
		{[]string{"den"}, []string{"denied\tGroup denied events: which rules are missing?"}},
		{[]string{"query", "-o", ""}, formats},
		{[]string{"query", "--output", "j"}, []string{"json"}},
		{[]string{"denied", "--by", ""}, query.Dimensions()},
		{[]string{"denied", "--by", "manager,at"}, []string{"manager,attribute"}},
		{[]string{"query", "--action", "read,de"}, []string{"read,delete"}},
		{[]string{"compare", "--match", ""}, []string{"auto", "overlap", "weekday", "hour", "none"}},
		{[]string{"compare", "--by", "manager,a"}, []string{"manager,attribute", "manager,action"}},
		{[]string{"compare", "-o", "m"}, []string{"markdown"}},
		{[]string{"query", "--color", "a"}, []string{"auto", "always"}},
	} {
		out := c.ok(append([]string{"__complete"}, row.args...)...)
		lines := strings.Split(strings.TrimSpace(out), "\n")
		require.Equal(t, row.want, lines[:len(lines)-1], "%q", row.args)
	}
}

func TestTheHelpNamesWhatFlagsTake(t *testing.T) {
	c := inNewDirectory(t)
	require.Contains(t, c.ok("query", "--help"), "--from source ")
	require.Equal(t, c.ok("completion"), c.ok("completion", "--help"), "without a shell there is help")
	require.Equal(t, c.ok("completion", "bash", "--help"), c.ok("help", "completion", "bash"))
}

func TestVersionIsPrinted(t *testing.T) {
	c := inNewDirectory(t)
	out := c.ok("version")
	require.Regexp(t, `^permaudit \S.* ?go1\.\d+`, out)
	require.Equal(t, out, c.ok("--version"))
}
