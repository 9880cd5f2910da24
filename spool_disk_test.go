package audit

import (
	"errors"
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

// Another program changes the file between the look at it and the write: the batch is
// taken back, and comes again.
func TestASpoolThatIsChangedBetweenLookAndWrite(t *testing.T) {
	line := `{"timestamp": "2026-11-23T08:07:55.123456+00:00", "action": "read", "granted": true, "manager": "other"}`
	for name, row := range map[string]struct {
		change    func(path string) error
		delivered []string
		dropped   uint64
	}{
		"emptied":     {func(path string) error { return os.Truncate(path, 0) }, []string{"m0", "m2"}, 1},
		"appended to": {func(path string) error { return appendTo(path, line) }, []string{"m0", "m1", "other", "m2"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := newFaultyFS(t)
				logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) { o.Buffer.Ack, o.Buffer.BatchSize = AckDurable, 1 })
				recordNamed(t, logger, "m0", "m1")
				<-time.After(time.Minute) // the worker has read m0
				changed := false
				fsys.fail(func(call string) error {
					if changed || !strings.HasPrefix(call, "write permission.log#") {
						return nil
					}
					changed = true
					return row.change(fsys.log())
				})
				recordNamed(t, logger, "m2")
				requireLedgerHolds(t, logger)
				store.set(nil)
				require.NoError(t, logger.Flush(t.Context()))
				require.Equal(t, row.delivered, store.managers)
				require.Equal(t, row.dropped, logger.Stats().Dropped)
				require.EqualValues(t, len(row.delivered), logger.Stats().Written)
				require.Zero(t, logger.Stats().Pending)
				require.NoError(t, logger.Close())
				synctest.Wait()
				require.ErrorContains(t, errors.Join(store.told...), "at the same time")
			})
		})
	}
}

func appendTo(path, line string) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err == nil {
		_, err = file.WriteString(line + "\n")
		err = errors.Join(err, file.Close())
	}
	return err
}

// What is cut off again and again in the same file is counted once, and what is written
// behind it is delivered once.
func TestASpoolThatIsCutAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, store := fsys.startSpooling(t, func(o *DatabaseOptions) { o.Buffer.Ack, o.Buffer.BatchSize = AckDurable, 1 })
		recordNamed(t, logger, "x")
		<-time.After(time.Minute)
		lines := func() []string {
			text, err := os.ReadFile(fsys.log())
			require.NoError(t, err)
			return strings.SplitAfter(string(text), "\n")
		}
		recordNamed(t, logger, manyNames(8)...)
		for _, left := range []int{7, 4, 2} { // of the lines
			require.NoError(t, os.Truncate(fsys.log(), int64(len(strings.Join(lines()[:left], "")))))
			recordNamed(t, logger, "after", "after")
		}
		requireLedgerHolds(t, logger)
		store.set(nil)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, []string{"x", "m0", "after", "after"}, store.managers)
		stats := logger.Stats()
		require.Equal(t, []uint64{15, 4, 11, 0}, []uint64{stats.Recorded, stats.Written, stats.Dropped, stats.Pending})
		require.NoError(t, logger.Close())
	})
}
