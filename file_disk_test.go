//go:build linux

package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func init() { childTasks["limited"] = logWithinLimit }

// smallDisk mounts one of 256 KiB.
func smallDisk(t *testing.T) string {
	t.Helper()
	directory := t.TempDir()
	if err := syscall.Mount("none", directory, "tmpfs", 0, "size=256k"); err != nil {
		t.Skip("cannot mount a tmpfs, which takes root:", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(directory, 0)) })
	return directory
}

func TestAFullDiskHoldsEventsBackUntilThereIsRoom(t *testing.T) {
	directory := smallDisk(t)
	path, ballast := filepath.Join(directory, "permission.log"), filepath.Join(directory, "ballast")
	require.NoError(t, os.WriteFile(ballast, make([]byte, 200<<10), 0o600))
	errs := newHeard()
	logger := openLog(t, path, audit.FileOptions{Buffer: audit.BufferOptions{
		QueueSize: 300, BatchSize: 100, MaxWait: time.Millisecond, OnError: errs.add,
	}})
	var accepted []string
	refused := 0
	for _, name := range named(700) {
		if err := logger.Record(t.Context(), granted(name)); err != nil {
			require.ErrorIs(t, err, audit.ErrQueueFull)
			refused++
			continue
		}
		accepted = append(accepted, name)
	}
	errs.await(t, "no space left on device")
	require.Positive(t, refused, "memory is bounded")
	stats := logger.Stats()
	requireLedger(t, stats)
	require.EqualValues(t, refused, stats.Refused)
	require.EqualValues(t, 300, stats.Pending)
	require.Len(t, logged(t, path), int(stats.Written), "what is in the file are whole lines, also now")

	require.NoError(t, os.Remove(ballast))
	require.NoError(t, logger.Flush(bounded(t, 20*time.Second)), "it goes on when space is back")
	require.Equal(t, accepted, logged(t, path), "each accepted event once, in order")
	require.NoError(t, logger.Close())
}

func TestAFileSizeLimitHoldsEventsBackUntilItIsRaised(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	limited := startChild(t, "limited", path)
	require.Contains(t, limited.says(t), "file too large")
	require.Equal(t, named(30)[:20], logged(t, path), "the batch that does not fit was taken back")
	limited.goOn(t)
	require.Equal(t, "flushed: <nil>", limited.says(t))
	require.Equal(t, named(30), logged(t, path))
}

// logWithinLimit logs 30 events in three batches, of which the last one does not
// fit into the largest file that the process may write, until it is told to raise
// that limit.
func logWithinLimit(path string, lines *bufio.Scanner) {
	size := len(strings.Join(named(30), "")) + 30*lineLength(granted("")) - 1
	limit := syscall.Rlimit{Cur: uint64(size), Max: ^uint64(0)}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
		return
	}
	var once sync.Once
	logger, err := audit.NewFileAuditLogger(path, &audit.FileOptions{Buffer: audit.BufferOptions{
		BatchSize: 10,
		OnError:   func(err error) { once.Do(func() { fmt.Println(err) }) },
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range named(30) {
		if err := logger.Record(context.Background(), granted(name)); err != nil {
			fmt.Println(err)
		}
	}
	lines.Scan()
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
	}
	fmt.Println("flushed:", logger.Flush(context.Background()))
}

// lineLength is how many bytes of a file an event takes up.
func lineLength(event audit.PermissionAuditEvent) int {
	entry, err := audit.NewEntry(context.Background(), event)
	if err != nil {
		panic(err)
	}
	// A manager that is null is longer than one that is "" and quoted.
	return len(entry.AppendJSON(nil)) + 1 - len("null") + len(`""`)
}
