//go:build cgo

package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// childTasks are what this test binary does when it is run once more, in the directory
// of the database: print lines, and perhaps wait for the end of its input.
var childTasks = map[string]func() error{
	"acks":  logWithAcks,
	"write": writeMany,
	"lock":  holdLock,
}

// childPath is the database of a child. newPath returns such paths.
const childPath = "audit.db"

// child is such a process.
type child struct {
	command *exec.Cmd
	stdin   io.WriteCloser
	lines   *bufio.Scanner
}

// childCommand is the command line of a child, perhaps below another program.
func childCommand(tb testing.TB, task, path string, below ...string) *exec.Cmd {
	tb.Helper()
	itself, err := os.Executable()
	require.NoError(tb, err)
	args := slices.Concat(below, []string{itself, "-test.run=^TestChildProcess$", "-test.timeout=120s"})
	command := exec.CommandContext(tb.Context(), args[0], args[1:]...)
	require.Equal(tb, childPath, filepath.Base(path))
	command.Dir = filepath.Dir(path)
	command.Env = append(os.Environ(), "AUDIT_TEST_TASK="+task)
	command.Stderr = os.Stderr
	return command
}

func startChild(tb testing.TB, task, path string) *child {
	tb.Helper()
	command := childCommand(tb, task, path)
	stdin, err := command.StdinPipe()
	require.NoError(tb, err)
	stdout, err := command.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, command.Start())
	c := &child{command, stdin, bufio.NewScanner(stdout)}
	tb.Cleanup(c.kill)
	return c
}

// says returns the next line that the child prints.
func (c *child) says(tb testing.TB) string {
	tb.Helper()
	require.True(tb, c.lines.Scan(), "the child ended: %v", c.lines.Err())
	return c.lines.Text()
}

func (c *child) kill() {
	_ = c.command.Process.Kill()
	_ = c.command.Wait()
}

func TestChildProcess(t *testing.T) {
	task, ok := childTasks[os.Getenv("AUDIT_TEST_TASK")]
	if !ok {
		t.Skip("only run by other tests, as their child process")
	}
	if err := task(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

// logWithAcks logs from several goroutines until it is killed. It says of each event
// that it is about to be recorded, and that it is durable.
func logWithAcks() error {
	store, err := Open(context.Background(), childPath, nil)
	if err != nil {
		return err
	}
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{Buffer: audit.BufferOptions{Ack: audit.AckDurable}})
	if err != nil {
		return err
	}
	var say sync.Mutex
	line := func(word string, id audit.EventID) {
		say.Lock()
		defer say.Unlock()
		fmt.Println(word, id)
	}
	failed := make(chan error)
	for range 4 {
		go func() {
			for {
				e := event("child")
				e.ID = audit.NewEventID()
				line("TRY", e.ID)
				if err := logger.Record(context.Background(), e); err != nil {
					failed <- err
					return
				}
				line("ACK", e.ID)
			}
		}()
	}
	return <-failed
}

// holdLock locks the database until the end of its input.
func holdLock() error {
	db, err := sql.Open(driverName, childPath)
	if err != nil {
		return err
	}
	if _, err := db.ExecContext(context.Background(), "BEGIN EXCLUSIVE"); err != nil {
		return err
	}
	fmt.Println("READY")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// writeMany logs 10,000 events, and says when it begins. It goes on at the end of
// its input.
func writeMany() error {
	store, err := Open(context.Background(), childPath, nil)
	if err != nil {
		return err
	}
	logger, err := audit.NewDatabaseAuditLogger(store, nil)
	if err != nil {
		return err
	}
	if err := store.Ping(context.Background()); err != nil {
		return err
	}
	fmt.Println("READY")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	for i := range 10_000 {
		err = errors.Join(err, logger.Record(context.Background(), event(fmt.Sprint("m", i))))
	}
	return errors.Join(err, logger.Close())
}
