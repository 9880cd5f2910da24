package audit

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// openFiles counts the descriptors of the process below the directory of the spool.
func (f *faultyFS) openFiles(t *testing.T) (n int) {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	require.NoError(t, err)
	for _, link := range links {
		if name, err := os.Readlink(link); err == nil && strings.HasPrefix(name, f.root) {
			n++
		}
	}
	return n
}

// However long the disk fails: each attempt has a file of its own, none stays open.
func TestASpoolThatFailsForLongKeepsFewFiles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, store := fsys.startSpooling(t, nil)
		recordNamed(t, logger, "m0")
		<-time.After(time.Minute)
		fsys.fail(failing("sync permission.log", always, syscall.EIO))
		recordNamed(t, logger, "m1")
		<-time.After(time.Hour)
		if _, err := os.Stat("/proc/self/fd"); err == nil {
			require.LessOrEqual(t, fsys.openFiles(t), 5)
		}
		logger.queue.mu.Lock()
		require.LessOrEqual(t, len(logger.spooler.segments)+len(logger.spooler.consumed), 3)
		logger.queue.mu.Unlock()
		fsys.fail(nil)
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, manyNames(2), store.managers)
		require.NoError(t, logger.Close())
	})
}

// What a file holds counts until the file is gone: what failed to become durable, and
// what is delivered and cannot be deleted.
func TestTheLimitOfTheSpoolIsThatOfTheDisk(t *testing.T) {
	const limit = 200_000
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		size := func() (sum int64) {
			names, err := filepath.Glob(filepath.Join(filepath.Dir(fsys.log()), "permission*.log"))
			require.NoError(t, err)
			for _, name := range names {
				info, err := os.Stat(name)
				require.NoError(t, err)
				sum += info.Size()
			}
			return sum
		}
		logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) {
			o.SpoolMaxBytes, o.Buffer.BatchSize, o.Buffer.QueueSize, o.Buffer.MaxWait = limit, 50, 100, time.Second
		})
		syncs := 0
		fsys.fail(func(call string) error { // every third batch is written twice
			if strings.HasPrefix(call, "sync permission.log") {
				if syncs++; syncs%4 == 3 {
					return syscall.EIO
				}
			}
			return nil
		})
		accepted := 0
		for range 2000 {
			if logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Granted: true}) == nil {
				accepted++
			}
			require.LessOrEqual(t, size(), int64(limit))
		}
		require.Less(t, accepted, 900, "it is full")

		fsys.fail(failing("remove", always, syscall.EPERM))
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Len(t, store.managers, accepted)
		store.set(errDown)
		for range 2000 {
			_ = logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Granted: true})
			require.LessOrEqual(t, size(), int64(limit))
		}
		fsys.fail(nil)
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.NoError(t, logger.Close())
		requireLedgerHolds(t, logger)
		require.Equal(t, [][]string{{}}, fsys.content(t), "it is tried again")
	})
}
