//go:build unix

package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestExitCodesOfTheProcess(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	for _, row := range []struct {
		code int
		args []string
	}{
		{0, []string{"query"}},
		{0, []string{"--help"}},
		{1, []string{"denied", "--max", "1"}},
		{2, []string{"query", "--nix"}},
		{4, []string{"query", "--from", "missing.log"}},
	} {
		command := c.command(row.args...)
		var out, err bytes.Buffer
		command.Stdout, command.Stderr = &out, &err
		code := 0
		var exit *exec.ExitError
		if failed := command.Run(); errors.As(failed, &exit) {
			code = exit.ExitCode()
		} else {
			require.NoError(t, failed)
		}
		require.Equal(t, row.code, code, "%v: %s", row.args, err.String())
	}
}

func TestAClosedOutputIsNoFailure(t *testing.T) {
	c := inNewDirectory(t)
	var many []audit.PermissionAuditEvent
	for i := range 2000 {
		many = append(many, event(i, func(e *audit.PermissionAuditEvent) { e.Granted = false }))
	}
	c.write("permission.log", log(t, many...))
	for _, row := range []struct {
		code int
		args []string
	}{
		{0, []string{"query", "--limit", "0"}},
		{0, []string{"query", "--limit", "0", "-o", "csv"}},
		{0, []string{"query", "--limit", "0", "-o", "table"}},
		{0, []string{"stats"}},
		{0, []string{"denied", "--by", "metadata.request_id", "-q"}},
		{1, []string{"denied", "--max", "1"}}, // an alert is one all the same
		{0, []string{"--help"}},
	} {
		read, write, err := os.Pipe()
		require.NoError(t, err)
		require.NoError(t, read.Close())
		var said bytes.Buffer
		command := c.command(append(row.args, "-q")...)
		command.Stdout, command.Stderr = write, &said
		failed := command.Run()
		require.NoError(t, write.Close())
		require.Equal(t, row.code, command.ProcessState.ExitCode(), "%v: %v %s", row.args, failed, said.String())
		require.NotContains(t, said.String(), "pipe")
	}
}

func TestAnOutputThatCannotBeWrittenIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full here")
	}
	defer func() { require.NoError(t, full.Close()) }()
	c := inNewDirectory(t)
	c.write("permission.log", log(t, events()...))
	for _, args := range [][]string{{"query"}, {"denied"}, {"stats", "-o", "table"}, {"query", "-o", "csv"}, {"version"}} {
		var said bytes.Buffer
		command := c.command(append(args, "-q")...)
		command.Stdout, command.Stderr = full, &said
		require.Error(t, command.Run())
		require.Equal(t, exitTrouble, command.ProcessState.ExitCode(), args)
		require.Contains(t, said.String(), "permaudit: write output: ")
	}
}

func TestSignalsEndTheProcess(t *testing.T) {
	for _, row := range []struct {
		signal syscall.Signal
		code   int
	}{{syscall.SIGINT, 130}, {syscall.SIGTERM, 143}} {
		c := inNewDirectory(t)
		command := c.command("import", "--from", "-", "--to", "copy.log")
		stdin, err := command.StdinPipe() // which nobody writes to
		require.NoError(t, err)
		require.NoError(t, command.Start())
		waitForTemporary(t, command)
		require.NoError(t, command.Process.Signal(row.signal))
		_ = command.Wait()
		require.Equal(t, row.code, command.ProcessState.ExitCode())
		_ = stdin.Close()
		require.NoFileExists(t, "copy.log")
	}
}

// waitForTemporary waits until the process listens to signals: main does before it
// opens anything.
func waitForTemporary(t *testing.T, command *exec.Cmd) {
	t.Helper()
	require.Eventually(t, func() bool {
		caught, err := os.ReadFile("/proc/" + itoa(command.Process.Pid) + "/status")
		if err != nil {
			return true // not Linux: it has had its time
		}
		mask := regexp.MustCompile(`SigIgn:\s*([0-9a-f]+)`).FindSubmatch(caught)
		return mask != nil && mask[1][len(mask[1])-4]&1 != 0 // SIGPIPE, 13, is ignored last
	}, patienceOfTests, tick)
}

// onTerminal runs the command with a terminal for all three streams, and returns what it
// printed, with \n for \r\n.
func (t *trial) onTerminal(input string, env []string, args ...string) (out string, code int) {
	t.Helper()
	command := t.command(args...)
	command.Env = append(command.Env, env...)
	terminal, err := pty.StartWithSize(command, &pty.Winsize{Rows: 24, Cols: 200})
	require.NoError(t, err)
	defer func() { require.NoError(t, terminal.Close()) }()
	_, err = io.WriteString(terminal, input)
	require.NoError(t, err)
	var all bytes.Buffer
	_, _ = io.Copy(&all, terminal) // Linux ends it with EIO
	_ = command.Wait()
	return strings.ReplaceAll(all.String(), "\r\n", "\n"), command.ProcessState.ExitCode()
}

func TestATerminalGetsATableWithColours(t *testing.T) {
	c := inNewDirectory(t)
	c.write("permission.log", log(t, append(events(), event(6, func(e *audit.PermissionAuditEvent) { e.Manager = "\x1b]0;x\x07\u202e" }))...))
	out, code := c.onTerminal("", nil, "query")
	require.Zero(t, code)
	require.Contains(t, out, colorRed+"denied"+colorOff)
	require.Contains(t, out, `\x1b]0;x\x07\u202e`)
	require.NotContains(t, out, "\x1b]0")
	require.NotContains(t, out, "\u202e")
	require.NotContains(t, out, "{")
	for _, env := range []string{"NO_COLOR=1", "TERM=dumb"} {
		plain, _ := c.onTerminal("", []string{env}, "query")
		require.NotContains(t, plain, "\x1b", env)
		require.Contains(t, plain, "denied")
	}
	plain, _ := c.onTerminal("", nil, "query", "--color", "never")
	require.NotContains(t, plain, "\x1b")
	json, _ := c.onTerminal("", nil, "query", "-o", "json")
	require.NotContains(t, json, "\x1b")
	require.NotContains(t, json, "\u202e")
}

func TestPruneAsksOnATerminal(t *testing.T) {
	for answer, deleted := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false, "yep\n": false, "\x04": false} {
		c := inNewDirectory(t)
		c.write("permission.log", log(t, events()...))
		c.ok("import", "--to", "sqlite:audit.db")
		c.write("permission-20261123T074900.000000Z.log", log(t, event(0, nil)))
		out, code := c.onTerminal(answer, nil, "prune", "--older-than", "2026-11-23 07:48", "--from", "sqlite:audit.db", "--from", "permission.log")
		require.Zero(t, code)
		require.Contains(t, out, "older than 2026-11-23T07:48:00Z: 2 rows of sqlite:audit.db\n")
		require.Contains(t, out, "older than 2026-11-23T07:48:00Z: file permission-20261123T074900.000000Z.log\n")
		require.Contains(t, out, "Delete all of it? [y/N] ")
		_, err := os.Stat("permission-20261123T074900.000000Z.log")
		require.Equal(t, deleted, err != nil, "%q", answer)
		require.Equal(t, deleted, len(ids(t, c.ok("query", "--from", "sqlite:audit.db"))) == 3)
		require.Equal(t, !deleted, strings.Contains(out, "nothing is deleted\n"))
	}
}

func TestTailFollowsAFileUntilItIsInterrupted(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		c := inNewDirectory(t)
		command := c.command("tail", "-f", "--denied", "--from", "permission.log")
		out, err := command.StdoutPipe()
		require.NoError(t, err)
		said, err := command.StderrPipe()
		require.NoError(t, err)
		require.NoError(t, command.Start())
		line := make([]byte, len("note: waiting for permission.log\n"))
		_, err = io.ReadFull(said, line)
		require.NoError(t, err)
		require.Equal(t, "note: waiting for permission.log\n", string(line))

		c.write("permission.log", log(t, events()...))
		want := log(t, events()[1], events()[2])
		got := make([]byte, len(want))
		_, err = io.ReadFull(out, got)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		require.NoError(t, command.Process.Signal(signal))
		_, err = io.ReadAll(out)
		require.NoError(t, err)
		_, err = io.ReadAll(said)
		require.NoError(t, err)
		require.NoError(t, command.Wait(), "the exit code is 0")
	}
}
