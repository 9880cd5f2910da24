//go:build unix && !solaris && !illumos && !aix

package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// child is this test binary, run once more: it does what childTasks says, prints
// lines, and reads lines that tell it to go on.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   *bufio.Scanner
}

// childTasks are what a child can do with the log at a path.
var childTasks = map[string]func(path string, lines *bufio.Scanner){
	"hold":         holdLog,
	"unprivileged": holdUnprivileged,
}

func startChild(t *testing.T, task, path string) *child {
	t.Helper()
	command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChildProcess$", "-test.timeout=60s")
	command.Env = append(os.Environ(), "AUDIT_TEST_TASK="+task, "AUDIT_TEST_PATH="+path)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	require.NoError(t, err)
	stdout, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	return &child{command: command, stdin: stdin, lines: bufio.NewScanner(stdout)}
}

// says returns the next line that the child prints.
func (c *child) says(t *testing.T) string {
	t.Helper()
	require.True(t, c.lines.Scan(), "the child ended: %v", c.lines.Err())
	return c.lines.Text()
}

// goOn lets the child take its next step.
func (c *child) goOn(t *testing.T) {
	t.Helper()
	_, err := io.WriteString(c.stdin, "\n")
	require.NoError(t, err)
}

func (c *child) kill(t *testing.T) {
	t.Helper()
	require.NoError(t, c.command.Process.Kill())
	_ = c.command.Wait()
}

func TestChildProcess(t *testing.T) {
	task, ok := childTasks[os.Getenv("AUDIT_TEST_TASK")]
	if !ok {
		t.Skip("only run by other tests, as their child process")
	}
	task(os.Getenv("AUDIT_TEST_PATH"), bufio.NewScanner(os.Stdin))
	os.Exit(0)
}

// holdLog opens the log and prints how that went, then records an event for each
// line that it reads, and prints how that went. It prints background errors too.
func holdLog(path string, lines *bufio.Scanner) {
	logger, err := audit.NewFileAuditLogger(path, &audit.FileOptions{Buffer: audit.BufferOptions{
		Ack:     audit.AckDurable,
		OnError: func(err error) { fmt.Println("in the background:", err) },
	}})
	fmt.Println(err)
	for err == nil && lines.Scan() {
		fmt.Println(logger.Record(context.Background(), granted("child")))
	}
}

// holdUnprivileged is holdLog as a user who is not root.
func holdUnprivileged(path string, lines *bufio.Scanner) {
	if os.Geteuid() == 0 {
		for _, err := range []error{syscall.Setgroups(nil), syscall.Setgid(nobody), syscall.Setuid(nobody)} {
			if err != nil {
				fmt.Println("cannot become another user:", err)
				return
			}
		}
	}
	holdLog(path, lines)
}

// nobody is whom root becomes for it.
const nobody = 65534

// unprivilegedTempDir is a temporary directory of the user that holdUnprivileged is.
func unprivilegedTempDir(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if os.Geteuid() == 0 {
		require.NoError(t, os.Chmod(filepath.Dir(directory), 0o711))
		require.NoError(t, os.Chown(directory, nobody, nobody))
	}
	return directory
}
