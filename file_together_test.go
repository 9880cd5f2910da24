package audit

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// backlog records events in batches of two while the first of them is held up in its fsync,
// as on a disk that is behind. release lets that go on, and has every later call fail as
// fault says.
func backlog(t *testing.T, fsys *faultyFS, options FileOptions, told *[]error, batches int) (logger *FileAuditLogger, release func(fault func(string) error)) {
	t.Helper()
	options.Buffer.BatchSize, options.Buffer.FlushInterval = 2, time.Hour
	logger = fsys.start(t, options, told)
	held := make(chan struct{})
	fsys.fail(func(call string) error {
		if strings.HasPrefix(call, "sync ") {
			<-held
		}
		return nil
	})
	for i := range 2 * batches {
		require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Granted: true, Manager: fmt.Sprint("m", i)}))
		if i == 1 {
			synctest.Wait() // the first is being written
		}
	}
	return logger, func(fault func(string) error) {
		fsys.fail(fault)
		close(held)
	}
}

func managersUpTo(n int) []string {
	var names []string
	for i := range n {
		names = append(names, fmt.Sprint("m", i))
	}
	return names
}

func TestBatchesThatWaitInLineShareAnFsync(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, release := backlog(t, fsys, FileOptions{}, nil, 7)
		fsys.done()
		release(nil)
		synctest.Wait()
		const write, sync = "write permission.log#1", "sync permission.log#1"
		require.Equal(t, []string{write, write, write, write, sync, write, write, sync}, fsys.done("write", "sync"), "at most four; the first is being synced")
		require.Equal(t, [][]string{managersUpTo(14)}, fsys.content(t))
		require.EqualValues(t, 14, logger.Stats().Written)
		require.NoError(t, logger.Close())
	})
}

func TestRotationBySizeIsBetweenBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, release := backlog(t, fsys, FileOptions{MaxSize: 1}, nil, 4)
		release(nil)
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m0", "m1"}, {"m2", "m3"}, {"m4", "m5"}, {"m6", "m7"}}, fsys.content(t))
	})
}

func TestBatchesThatShareAnFsyncAreAckedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger, release := backlog(t, fsys, FileOptions{}, nil, 3)
		held := make(chan struct{})
		release(func(call string) error {
			if strings.HasPrefix(call, "sync ") {
				<-held
			}
			return nil
		})
		synctest.Wait()
		require.Equal(t, [][]string{managersUpTo(6)}, fsys.content(t), "they are written")
		require.EqualValues(t, 2, logger.Stats().Written, "but not durable")
		close(held)
		require.NoError(t, logger.Close())
		require.EqualValues(t, 6, logger.Stats().Written)
	})
}

// One for which there is no room keeps no other.
func TestABatchThatDoesNotFitKeepsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger, release := backlog(t, fsys, FileOptions{}, &told, 4)
		writes := 0
		release(func(call string) error {
			if !strings.HasPrefix(call, "write ") {
				return nil
			}
			if writes++; writes == 3 || writes > 5 { // the last one, together and alone
				return syscall.ENOSPC
			}
			return nil
		})
		synctest.Wait()
		require.Equal(t, [][]string{managersUpTo(6)}, fsys.content(t))
		require.EqualValues(t, 6, logger.Stats().Written)
		fsys.fail(nil)
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{managersUpTo(8)}, fsys.content(t))
	})
}

// None of them counts as written, and all come again, each alone: after a write that failed behind what
// is durable, after an fsync in another file.
func TestBatchesThatAreWrittenTogetherFailTogether(t *testing.T) {
	for _, row := range []struct {
		name  string
		fault func(call string) error
		files int
	}{
		{"write", afterCalls("write", 1, syscall.ENOSPC), 1},
		{"short write", afterCalls("write", 2, shortWrite{10, syscall.EIO}), 1},
		{"fsync", afterCalls("sync", 0, syscall.EIO), 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := newFaultyFS(t)
				var told []error
				logger, release := backlog(t, fsys, FileOptions{}, &told, 4)
				release(row.fault)
				require.NoError(t, logger.Flush(t.Context()))
				stats := logger.Stats()
				require.EqualValues(t, 8, stats.Written)
				require.Zero(t, stats.Pending)
				require.NoError(t, logger.Close())
				content := fsys.content(t)
				require.Len(t, content, row.files)
				var all []string
				for _, names := range content {
					all = append(all, names...)
				}
				if row.files == 1 {
					require.Equal(t, managersUpTo(8), all, "each once")
				} else { // what an fsync may have lost stands in both
					require.Equal(t, managersUpTo(8)[2:], content[1])
				}
				var failed *BackgroundError
				require.ErrorAs(t, told[0], &failed)
				require.Equal(t, 6, failed.Events, "it says how many wait")
			})
		})
	}
}

// afterCalls fails one call of an operation, after so many.
func afterCalls(op string, n int, err error) func(string) error {
	return func(call string) error {
		if strings.HasPrefix(call, op+" ") {
			if n--; n == -1 {
				return err
			}
		}
		return nil
	}
}

// When Shutdown gives up, those that were written together are lost together, and counted.
func TestBatchesThatAreWrittenTogetherAreGivenUpTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger, release := backlog(t, fsys, FileOptions{}, &told, 4)
		release(failing("write", always, syscall.EIO))
		synctest.Wait()
		var undelivered *UndeliveredError
		require.ErrorAs(t, logger.Close(), &undelivered)
		require.Equal(t, 6, undelivered.Events)
		stats := logger.Stats()
		require.EqualValues(t, 2, stats.Written)
		require.EqualValues(t, 6, stats.Pending)
	})
}
