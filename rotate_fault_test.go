package audit

import (
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCompressionNeverDelaysABatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger := fsys.start(t, FileOptions{MaxSize: 1, Compress: true}, nil)
		release := make(chan struct{})
		fsys.fail(func(call string) error {
			if strings.HasPrefix(call, "write ") && strings.Contains(call, ".part#") {
				<-release
			}
			return nil
		})
		start := time.Now()
		add(t, logger, "m0", "m1", "m2", "m3") // Record and Flush, four times
		require.Zero(t, time.Since(start))
		closed := make(chan error, 1)
		go func() { closed <- logger.Shutdown(context.Background()) }()
		synctest.Wait()
		require.Empty(t, closed, "Shutdown waits for the compression")
		close(release)
		require.NoError(t, <-closed)
		names, _, err := rotatedFiles(osFS{}, fsys.log())
		require.NoError(t, err)
		require.Len(t, names, 3)
		for _, name := range names {
			require.NoFileExists(t, name)
			require.FileExists(t, name+gzipSuffix)
		}
	})
}

func TestShutdownGivesUpCompressionWhenItsContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger := fsys.start(t, FileOptions{MaxSize: 1, Compress: true}, nil)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		fsys.fail(func(call string) error {
			if strings.HasPrefix(call, "read ") {
				<-time.After(time.Minute + time.Millisecond) // so slow is the disk
			}
			return nil
		})
		add(t, logger, "m0", "m1")
		start := time.Now()
		require.NoError(t, logger.Shutdown(ctx), "all events are delivered")
		require.Equal(t, time.Minute+time.Millisecond, time.Since(start))
		require.Equal(t, [][]string{{"m0"}, {"m1"}}, fsys.content(t), "the rotated file is as it was")
		entries, err := os.ReadDir(fsys.root)
		require.NoError(t, err)
		require.Len(t, entries, 2, "and nothing half done is beside it")
	})
}

func TestWhatCannotBeDeletedKeepsNothingElseFromBeing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		var told []error
		logger := fsys.start(t, FileOptions{MaxSize: 1, MaxBackups: 1}, &told)
		fsys.fail(failing("remove permission-20000101T000001.000000Z.log", always, syscall.EPERM))
		for _, name := range []string{"m0", "m1", "m2", "m3"} {
			add(t, logger, name)
			<-time.After(time.Second)
		}
		require.NoError(t, logger.Close())
		require.Equal(t, [][]string{{"m2"}, {"m3"}}, fsys.content(t)[1:])
		require.Len(t, fsys.content(t), 3)
		var background *BackgroundError
		require.ErrorAs(t, told[0], &background)
		require.Equal(t, "prune", background.Op)
		require.ErrorIs(t, background, syscall.EPERM)
	})
}

// The compressed form is complete and durable before the original goes.
func TestTheOriginalIsRemovedAfterItsCompressedFormIsDurable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fsys := newFaultyFS(t)
		logger := fsys.start(t, FileOptions{MaxSize: 1}, nil)
		add(t, logger, "m0", "m1")
		require.NoError(t, logger.Close())
		logger = fsys.start(t, FileOptions{Compress: true}, nil)
		synctest.Wait()
		calls := fsys.done("write", "sync", "close", "rename", "syncdir", "remove")
		const rotated = "permission-20000101T000000.000000Z.log"
		part := rotated + ".gz.part#5"
		require.Contains(t, calls, "sync "+part)
		require.Equal(t, []string{
			"sync " + part, "close " + part, "close " + rotated + "#4", "rename " + rotated + ".gz.part", "syncdir .", "remove " + rotated,
		}, calls[slices.Index(calls, "sync "+part):])
		require.NoError(t, logger.Close())
	})
}

// Every call of the compression fails in turn. What was rotated is always there, in
// one form or the other, and the next opening completes it.
func TestAFaultAtAnyCallOfTheCompression(t *testing.T) {
	for at, met := 0, true; met; at++ {
		synctest.Test(t, func(t *testing.T) {
			fsys := newFaultyFS(t)
			logger := fsys.start(t, FileOptions{MaxSize: 1, MaxBackups: 2}, nil)
			add(t, logger, "m0", "m1", "m2")
			require.NoError(t, logger.Close())
			want := fsys.content(t)

			calls := 0
			fsys.fail(func(call string) error {
				if strings.HasPrefix(call, "readdir") || strings.Contains(call, "permission-") {
					if calls++; calls == at+1 {
						return syscall.EIO
					}
				}
				return nil
			})
			var told []error
			require.NoError(t, fsys.start(t, FileOptions{Compress: true, MaxBackups: 2}, &told).Close())
			met = calls > at
			fsys.fail(nil)
			require.Equal(t, want, unzipped(t, fsys))

			require.NoError(t, fsys.start(t, FileOptions{Compress: true, MaxBackups: 2}, nil).Close())
			require.Equal(t, want, unzipped(t, fsys))
			entries, err := os.ReadDir(fsys.root)
			require.NoError(t, err)
			require.Len(t, entries, 3, "nothing is left half done")
		})
	}
}

// unzipped is content with the compressed files read too.
func unzipped(t *testing.T, fsys *faultyFS) [][]string {
	t.Helper()
	names, _, err := rotatedFiles(osFS{}, fsys.log())
	require.NoError(t, err)
	for _, name := range names {
		file, err := os.Open(name + gzipSuffix)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		require.NoError(t, err)
		reader, err := gzip.NewReader(file)
		require.NoError(t, err)
		text, err := io.ReadAll(reader)
		require.NoError(t, join(err, file.Close()))
		if plain, err := os.ReadFile(name); err == nil {
			require.Equal(t, string(plain), string(text), "both forms are the same")
		}
		require.NoError(t, os.WriteFile(name, text, 0o600))
		require.NoError(t, os.Remove(name+gzipSuffix))
	}
	return fsys.content(t)
}
