package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestRecordReturnsAfterTheFsyncOfItsBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger := fsys.start(t, FileOptions{Buffer: BufferOptions{Ack: AckDurable}}, nil)
		release := make(chan struct{})
		fsys.fail(func(call string) error {
			if strings.HasPrefix(call, "sync ") {
				<-release
			}
			return nil
		})
		returned := make(chan error, 1)
		go func() {
			returned <- logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m0"})
		}()
		synctest.Wait()
		require.Equal(t, [][]string{{"m0"}}, fsys.content(t), "it is written")
		require.Empty(t, returned, "but not acknowledged")
		require.Zero(t, logger.Stats().Written)
		close(release)
		require.NoError(t, <-returned)
		require.NoError(t, logger.Close())
	})
}

func TestEveryBatchIsFsynced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger := fsys.start(t, FileOptions{}, nil)
		add(t, logger, "m0", "m1")
		require.Equal(t, []string{"write permission.log#1", "sync permission.log#1", "write permission.log#1", "sync permission.log#1"}, fsys.done("write", "sync"))
		require.NoError(t, logger.Flush(t.Context()))
		require.NoError(t, logger.Close())
		require.Empty(t, fsys.done("write", "sync"), "nothing is left to fsync")
	})
}

func TestNewNamesAreDurableBeforeTheFirstWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		base := fsys.root
		fsys.root += "/a/b"
		logger := fsys.start(t, FileOptions{MaxSize: 1}, nil)
		add(t, logger, "m0")
		require.Equal(t, []string{
			"mkdir ..", "syncdir ../..", "mkdir .", "syncdir ..", "syncdir .", "openlog permission.log", "syncdir .", "write permission.log#1", "sync permission.log#1",
		}, fsys.done("mkdir", "syncdir", "openlog", "write", "sync"))
		add(t, logger, "m1")
		require.Equal(t, []string{"rename permission.log", "syncdir .", "openlog permission.log", "syncdir .", "write permission.log#2", "sync permission.log#2"},
			fsys.done("mkdir", "syncdir", "openlog", "write", "sync", "rename"))
		require.NoError(t, os.RemoveAll(base+"/a"))
		logger.reporter.onError = func(error) {}
		add(t, logger, "m2")
		require.Equal(t, []string{"mkdir ..", "syncdir ../..", "mkdir .", "syncdir ..", "syncdir .", "openlog permission.log", "syncdir .", "write permission.log#3", "sync permission.log#3"},
			fsys.done("mkdir", "syncdir", "openlog", "write", "sync"))
		require.NoError(t, logger.Close())
	})
}

func TestAFailedWriteIsTakenBackAndTriedAgain(t *testing.T) {
	for _, written := range []int{0, 1, 200, 1 << 20} {
		for _, sync := range []SyncPolicy{SyncBatch, SyncNone} {
			t.Run(fmt.Sprint(written, " bytes, Sync ", sync), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					fsys := newFaultyFS(t)
					var told []error
					logger := fsys.start(t, FileOptions{Sync: sync}, &told)
					add(t, logger, "m0")
					fsys.fail(func(call string) error {
						if !strings.HasPrefix(call, "write ") {
							return nil
						}
						require.Equal(t, [][]string{{"m0"}}, fsys.content(t), "what failed before was taken back")
						return shortWrite{written, syscall.ENOSPC}
					})
					require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m1"}))
					require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m2"}))
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					err := logger.Flush(ctx)
					require.ErrorIs(t, err, context.DeadlineExceeded)
					require.ErrorIs(t, err, syscall.ENOSPC)
					require.Equal(t, [][]string{{"m0"}}, fsys.content(t))
					fsys.fail(nil)
					require.NoError(t, logger.Close())
					require.Equal(t, [][]string{{"m0", "m1", "m2"}}, fsys.content(t), "into the same file, once")
					require.ErrorIs(t, told[0], syscall.ENOSPC)
				})
			})
		}
	}
}

func TestAFailedWriteToALogThatWasEmptiedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger := fsys.start(t, FileOptions{}, &told)
		add(t, logger, "m0")
		write := failing("write ", 1, syscall.ENOSPC)
		fsys.fail(func(call string) error {
			err := write(call)
			if err != nil {
				require.NoError(t, os.Truncate(fsys.log(), 0))
			}
			return err
		})
		add(t, logger, "m1")
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m1"}}, fsys.content(t), "taking it back does not make the file longer")
		require.ErrorContains(t, errors.Join(told...), "another program truncated it")
	})
}

// The file is given up, and moved out of the way with all its whole lines.
func TestAFileWhoseTornBatchCannotBeTakenBackIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger := fsys.start(t, FileOptions{}, &told)
		add(t, logger, "m0")
		fsys.done()
		write, truncate := failing("write ", 1, shortWrite{100, syscall.EIO}), failing("truncate ", 1, syscall.EIO)
		fsys.fail(func(call string) error { return join(write(call), truncate(call)) })
		add(t, logger, "m1")
		add(t, logger, "m2")
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m0"}, {"m1", "m2"}}, fsys.content(t))
		require.Equal(t, []string{
			"write permission.log#1", "truncate permission.log#1", "truncate permission.log#1", "sync permission.log#1", "rename permission.log",
			"write permission.log#2", "sync permission.log#2", "write permission.log#2", "sync permission.log#2",
		}, fsys.done("write", "truncate", "sync", "rename"))
		require.ErrorContains(t, errors.Join(told...), "is not written to any more, it is now ")
	})
}

func TestAFileThatKeepsItsTornBatchIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger := fsys.start(t, FileOptions{}, &told)
		add(t, logger, "m0")
		write := failing("write ", 1, shortWrite{100, syscall.EIO})
		fsys.fail(func(call string) error {
			if strings.HasPrefix(call, "truncate ") {
				return syscall.EIO
			}
			return write(call)
		})
		add(t, logger, "m1")
		require.NoError(t, logger.Close())
		require.ErrorContains(t, errors.Join(told...), "ends in the middle of a line: ")
		rotated, _, err := rotatedFiles(osFS{}, fsys.log())
		require.NoError(t, err)
		require.Len(t, rotated, 1)
		info, err := os.Stat(rotated[0])
		require.NoError(t, err)
		require.NoError(t, os.Truncate(rotated[0], info.Size()-100))
		require.Equal(t, [][]string{{"m0"}, {"m1"}}, fsys.content(t))
	})
}

// The kernel marks what it could not write as clean: an fsync that succeeds
// afterwards proves nothing.
func TestAfterAFailedFsyncTheFileIsNeverWrittenAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger := fsys.start(t, FileOptions{Buffer: BufferOptions{Ack: AckDurable}}, &told)
		add(t, logger, "m0")
		fsys.done()
		fsys.fail(failing("sync ", 1, syscall.EIO))
		add(t, logger, "m1")
		require.Equal(t, []string{
			"write permission.log#1", "sync permission.log#1", "rename permission.log", "close permission.log#1",
			"syncdir .", "openlog permission.log", "syncdir .", "write permission.log#2", "sync permission.log#2",
		}, fsys.done("write", "sync", "truncate", "rename", "close", "openlog", "syncdir"))
		require.Equal(t, [][]string{{"m0", "m1"}, {"m1"}}, fsys.content(t), "the whole batch again, with the same ids")
		add(t, logger, "m2")
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m0", "m1"}, {"m1", "m2"}}, fsys.content(t))
		require.ErrorIs(t, told[0], syscall.EIO)
	})
}

// As long as no fsync succeeds nothing is acknowledged, no file piles up on
// another, and none that is whole is deleted to make room for them.
func TestAnFsyncThatFailsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger := fsys.start(t, FileOptions{MaxBackups: 2}, &told)
		add(t, logger, "m0")
		fsys.fail(failing("sync ", always, syscall.EIO))
		require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m1"}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		require.ErrorIs(t, logger.Flush(ctx), syscall.EIO)
		require.EqualValues(t, 1, logger.Stats().Pending)
		require.Equal(t, [][]string{{"m0", "m1"}, {"m1"}}, fsys.content(t))
		fsys.fail(nil)
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m0", "m1"}, {"m1"}}, fsys.content(t))
		require.EqualValues(t, 2, logger.Stats().Written)
	})
}

func TestAFileThatIsGivenUpAndGoneMeanwhile(t *testing.T) {
	for name, row := range map[string]struct {
		take func(path string) error
		told string
	}{
		"renamed": {func(path string) error { return os.Rename(path, path+".1") }, ""},
		"deleted": {os.Remove, "was deleted, with "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := newFaultyFS(t)
				var told []error
				logger := fsys.start(t, FileOptions{Buffer: BufferOptions{BatchSize: 1}}, &told)
				add(t, logger, "m0")
				fsys.fail(func(call string) error {
					if strings.HasPrefix(call, "sync ") {
						return join(row.take(fsys.log()), syscall.EIO)
					}
					return nil
				})
				require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m1"}))
				synctest.Wait()
				fsys.fail(nil)
				require.NoError(t, logger.Close())
				require.Equal(t, [][]string{{"m1"}}, fsys.content(t))
				require.ErrorContains(t, errors.Join(told...), row.told)
				require.NotContains(t, errors.Join(told...).Error(), "another program", "its size is no news")
			})
		})
	}
}

func TestSyncNoneFsyncsAtFlushRotationAndClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger := fsys.start(t, FileOptions{Sync: SyncNone, MaxSize: 600, Buffer: BufferOptions{BatchSize: 1}}, nil)
		write := func(managers ...string) []string {
			for _, manager := range managers {
				require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: manager}))
				synctest.Wait()
			}
			return fsys.done("write", "sync", "rename")
		}
		require.Equal(t, []string{"write permission.log#1", "write permission.log#1"}, write("m0", "m1"))
		require.Equal(t, []string{"sync permission.log#1", "rename permission.log", "write permission.log#2"}, write("m2"), "before the rename")
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, []string{"sync permission.log#2"}, write())
		require.NoError(t, logger.Flush(t.Context()))
		require.Empty(t, write(), "there was nothing new")
		require.Equal(t, []string{"write permission.log#2"}, write("m3"))
		require.NoError(t, logger.Close())
		require.Equal(t, []string{"sync permission.log#2"}, write())
		require.Equal(t, [][]string{{"m0", "m1"}, {"m2", "m3"}}, fsys.content(t))
	})
}

// Where the failed fsync happens makes no difference: no later Flush and no Close
// says that all is well.
func TestWhatAnFsyncLostUnderSyncNoneIsNeverCalledDelivered(t *testing.T) {
	for name, cause := range map[string]func(t *testing.T, logger *FileAuditLogger, fsys *faultyFS){
		"at Flush": func(*testing.T, *FileAuditLogger, *faultyFS) {},
		"at rotation": func(t *testing.T, logger *FileAuditLogger, _ *faultyFS) {
			logger.sink.options.MaxSize = 1
			require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m1"}))
		},
		"at Reopen": func(t *testing.T, logger *FileAuditLogger, fsys *faultyFS) {
			require.NoError(t, os.Rename(fsys.log(), fsys.log()+".1"))
			require.NoError(t, logger.Reopen())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fsys := newFaultyFS(t)
				var told []error
				logger := fsys.start(t, FileOptions{Sync: SyncNone, Buffer: BufferOptions{BatchSize: 1}}, &told)
				require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m0"}))
				synctest.Wait()
				fsys.fail(failing("sync ", 1, syscall.EIO))
				cause(t, logger, fsys)
				for range 2 {
					err := logger.Flush(t.Context())
					require.ErrorIs(t, err, syscall.EIO)
					require.ErrorContains(t, err, "events in "+fsys.log()+" may be lost")
				}
				synctest.Wait()
				require.ErrorIs(t, errors.Join(told...), syscall.EIO)
				require.ErrorIs(t, logger.Close(), syscall.EIO)
			})
		})
	}
	t.Run("at Close", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			fsys := newFaultyFS(t)
			var told []error
			logger := fsys.start(t, FileOptions{Sync: SyncNone}, &told)
			require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m0"}))
			fsys.fail(failing("sync ", 1, syscall.EIO))
			require.ErrorIs(t, logger.Close(), syscall.EIO)
		})
	})
}

func TestReopenWhileTheDiskFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger := fsys.start(t, FileOptions{}, &told)
		add(t, logger, "m0")
		fsys.fail(failing("write ", always, shortWrite{10, syscall.ENOSPC}))
		require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Manager: "m1"}))
		<-time.After(time.Minute + time.Second) // between two attempts
		require.NoError(t, os.Rename(fsys.log(), fsys.log()+".1"))
		require.NoError(t, logger.Reopen())
		<-time.After(time.Minute + time.Second) // between two attempts
		require.EqualValues(t, 1, logger.Stats().Pending)
		fsys.fail(failing("openlog ", always, syscall.EMFILE))
		require.NoError(t, os.Rename(fsys.log(), fsys.log()+".2"))
		require.ErrorIs(t, logger.Reopen(), syscall.EMFILE)
		fsys.fail(nil)
		add(t, logger, "m2")
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m1", "m2"}}, fsys.content(t))
		require.NoError(t, os.Rename(fsys.log()+".1", fsys.log()))
		require.Equal(t, [][]string{{"m0"}}, fsys.content(t), "the renamed file ends with a whole line")
	})
}
