//go:build linux

package audit_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

func init() { childTasks["limited"] = logWithinLimit }

// fill leaves no room on the disk of a directory. free makes room again.
func fill(t *testing.T, directory string) (free func()) {
	t.Helper()
	path := filepath.Join(directory, "ballast")
	file, err := os.Create(path)
	require.NoError(t, err)
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, file.Close())
	return func() { require.NoError(t, os.Remove(path)) }
}

// recordMany records events, some of which are refused since the disk is full, and
// returns those that are accepted.
func recordMany(t *testing.T, logger interface {
	audit.AuditLogger
	Stats() audit.Stats
}, n int,
) (accepted []string) {
	t.Helper()
	for _, name := range named(n) {
		if err := logger.Record(t.Context(), granted(name)); err != nil {
			require.ErrorIs(t, err, audit.ErrQueueFull)
			continue
		}
		accepted = append(accepted, name)
	}
	stats := logger.Stats()
	requireLedger(t, stats)
	require.EqualValues(t, n-len(accepted), stats.Refused)
	require.Positive(t, stats.Refused, "memory is bounded")
	require.EqualValues(t, 300, stats.Pending-stats.Spooled, "the queue is full")
	return accepted
}

func TestFault05AFullDiskHoldsEventsBackUntilThereIsRoom(t *testing.T) {
	if !faults.InPrivateMounts(t) {
		return
	}
	directory := t.TempDir()
	faults.SmallDisk(t, directory, "256k")
	path := filepath.Join(directory, "permission.log")
	free := fill(t, directory)
	errs := newHeard()
	logger := openLog(t, path, audit.FileOptions{Buffer: audit.BufferOptions{
		QueueSize: 300, BatchSize: 100, MaxWait: time.Millisecond, OnError: errs.add,
	}})
	stop := faults.WatchLedger(t, logger.Stats)
	accepted := recordMany(t, logger, 700)
	errs.await(t, "no space left on device")
	require.Len(t, logged(t, path), int(logger.Stats().Written), "what is in the file are whole lines, also now")
	free()
	require.NoError(t, logger.Flush(bounded(t, 20*time.Second)), "it goes on when space is back")
	require.Equal(t, accepted, logged(t, path), "each accepted event once, in order")
	require.NoError(t, logger.Close())
	stop()
	reportDisk(t, "5 full disk, file", 700, accepted)
}

func TestFault05AFullDiskHoldsBackWhatTheSpoolCannotTake(t *testing.T) {
	if !faults.InPrivateMounts(t) {
		return
	}
	directory := t.TempDir()
	faults.SmallDisk(t, directory, "256k")
	path := filepath.Join(directory, "audit.spool")
	store, broken := breakable()
	errs := newHeard()
	logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
		o.Buffer.QueueSize, o.Buffer.BatchSize, o.Buffer.MaxWait, o.Buffer.OnError = 300, 100, time.Millisecond, errs.add
	})
	stop := faults.WatchLedger(t, logger.Stats)
	recordAll(t, logger, named(50)...)
	require.Eventually(t, func() bool { return logger.Stats().Spooled == 50 }, 20*time.Second, time.Millisecond)
	free := fill(t, directory)
	accepted := recordMany(t, logger, 700)
	errs.await(t, "no space left on device")
	free()
	require.Eventually(t, func() bool { return logger.Stats().Pending == logger.Stats().Spooled }, 20*time.Second, time.Millisecond,
		"it goes on when space is back")
	broken.Store(false)
	require.NoError(t, logger.Flush(bounded(t, 20*time.Second)))
	require.Equal(t, append(named(50), accepted...), store.managers(), "each accepted event once, in order")
	require.NoError(t, logger.Close())
	stop()
	reportDisk(t, "5 full disk, spool", 750, store.managers())
}

func reportDisk(t *testing.T, fault string, submitted int, accepted []string) {
	t.Helper()
	faults.Report(t, faults.Row{Fault: fault, Rounds: 1, Counts: faults.Counts{
		Submitted: submitted, Acked: len(accepted), Refused: submitted - len(accepted), Found: len(accepted),
	}})
}

func TestFault05AFileSizeLimitHoldsEventsBackUntilItIsRaised(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	limited := startChild(t, "limited", path)
	require.Contains(t, limited.says(t), "file too large")
	require.Equal(t, named(30)[:20], logged(t, path), "the batch that does not fit was taken back")
	limited.goOn(t)
	require.Equal(t, "flushed: <nil>", limited.says(t))
	require.Equal(t, named(30), logged(t, path))
	reportDisk(t, "5 RLIMIT_FSIZE, file", 30, named(30))
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
		OnError: func(err error) {
			// Batches that waited in line were tried together before.
			if failed := (*audit.BackgroundError)(nil); errors.As(err, &failed) && failed.Events == 10 {
				once.Do(func() { fmt.Println(err) })
			}
		},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, name := range named(30) {
		if err := errors.Join(logger.Record(context.Background(), granted(name)), faults.Balance(logger.Stats())); err != nil {
			fmt.Println(err)
		}
	}
	lines.Scan()
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		fmt.Println(err)
	}
	fmt.Println("flushed:", errors.Join(logger.Flush(context.Background()), faults.Balance(logger.Stats())))
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
