package audit_test

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// namesIn are the names of the files in a directory, in order.
func namesIn(t *testing.T, directory string) []string {
	t.Helper()
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Size()
}

func TestNoFilePassesMaxSize(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	const maxSize = 2000
	logger := openLog(t, path, audit.FileOptions{MaxSize: maxSize, Buffer: audit.BufferOptions{BatchSize: 3}})
	for _, name := range named(100) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
	}
	require.NoError(t, logger.Close())
	logs := allLogs(t, path)
	batch := int64(3 * (len(lineOf(t, granted("m10"))) + 1))
	for _, log := range logs {
		require.LessOrEqual(t, sizeOf(t, log), int64(maxSize))
		if log != path {
			require.Greater(t, sizeOf(t, log)+batch, int64(maxSize), "no file is rotated before its time")
			require.Regexp(t, `^permission-\d{8}T\d{6}\.\d{6}Z\.log$`, filepath.Base(log))
		}
	}
	require.Equal(t, named(100), logged(t, logs...), "over all files no event is lost, doubled or out of order")
}

func TestABatchOverMaxSizeHasAFileOfItsOwn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{MaxSize: 700, Buffer: audit.BufferOptions{FlushInterval: time.Hour}})
	record(t, logger, "m0")
	record(t, logger, "m1", "m2", "m3", "m4")
	record(t, logger, "m5")
	require.NoError(t, logger.Close())
	logs := allLogs(t, path)
	require.Len(t, logs, 3)
	require.Equal(t, []string{"m1", "m2", "m3", "m4"}, logged(t, logs[1]))
	require.Equal(t, named(6), logged(t, logs...))
}

func TestMaxSizeCountsWhatWasThereBefore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{})
	record(t, logger, named(5)...)
	require.NoError(t, logger.Close())
	logger = openLog(t, path, audit.FileOptions{MaxSize: sizeOf(t, path)})
	record(t, logger, "m5")
	require.NoError(t, logger.Close())
	require.Equal(t, []string{"m5"}, logged(t, path))
	require.Equal(t, named(6), logged(t, allLogs(t, path)...))
}

func TestRotatedFilesAreNamedByTheMomentOfRotation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := t.TempDir()
		<-time.After(7*time.Hour + 46*time.Minute + 20*time.Second + 123456*time.Microsecond + 789)
		for _, file := range []string{"permission.log", "without-extension", "two.dots.ndjson", ".hidden"} {
			logger := openLog(t, filepath.Join(directory, file), audit.FileOptions{MaxSize: 1})
			record(t, logger, "m0")
			record(t, logger, "m1")
			record(t, logger, "m2") // in the same microsecond
			require.NoError(t, logger.Close())
		}
		require.Equal(t, []string{
			"-20000101T074620.123456Z.hidden", "-20000101T074620.123457Z.hidden", ".hidden",
			"permission-20000101T074620.123456Z.log", "permission-20000101T074620.123457Z.log", "permission.log",
			"two.dots-20000101T074620.123456Z.ndjson", "two.dots-20000101T074620.123457Z.ndjson", "two.dots.ndjson",
			"without-extension", "without-extension-20000101T074620.123456Z", "without-extension-20000101T074620.123457Z",
		}, namesIn(t, directory))
	})
}

// Otherwise MaxBackups would delete the youngest file.
func TestRotatedFilesSortInOrderWhenTheClockWasSetBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	older := strings.TrimSuffix(path, ".log") + "-20990101T000000.999999Z.log"
	require.NoError(t, os.WriteFile(older+".gz", nil, 0o600))
	logger := openLog(t, path, audit.FileOptions{MaxSize: 1, MaxBackups: 2})
	for _, name := range named(3) {
		record(t, logger, name)
	}
	require.NoError(t, logger.Reopen())
	require.NoError(t, logger.Flush(t.Context()))
	younger := filepath.Join(filepath.Dir(path), "permission-20990101T000001.000001Z.log")
	require.FileExists(t, younger)
	require.NoError(t, os.Rename(younger, path+".shipped"))
	record(t, logger, "m3")
	require.NoError(t, logger.Close())
	require.Equal(t, []string{"permission-20990101T000001.000000Z.log", "permission-20990101T000001.000002Z.log", "permission.log", "permission.log.shipped"}, namesIn(t, filepath.Dir(path)))
	require.Equal(t, []string{"m0", "m2", "m3"}, logged(t, allLogs(t, path)...))
}

func TestAFileIsRotatedMaxAgeAfterItsFirstEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "permission.log")
		options := audit.FileOptions{MaxAge: time.Hour}
		logger := openLog(t, path, options)
		<-time.After(2 * time.Hour) // an empty file has no age
		record(t, logger, "m0")
		<-time.After(time.Hour - time.Second)
		record(t, logger, "m1")
		require.Len(t, allLogs(t, path), 1)
		<-time.After(time.Second)
		record(t, logger, "m2")
		require.Equal(t, []string{"m2"}, logged(t, path))
		<-time.After(30 * time.Minute)
		record(t, logger, "m3")
		require.NoError(t, logger.Close())

		<-time.After(30*time.Minute - time.Second)
		logger = openLog(t, path, options)
		record(t, logger, "m4")
		require.Equal(t, []string{"m2", "m3", "m4"}, logged(t, path), "a restart does not make it older")
		<-time.After(time.Second)
		record(t, logger, "m5")
		require.Equal(t, []string{"m5"}, logged(t, path), "nor younger")
		require.NoError(t, logger.Close())
		require.Equal(t, named(6), logged(t, allLogs(t, path)...))
	})
}

func TestTheAgeOfAFileWithoutReadableFirstEventBeginsAnew(t *testing.T) {
	for name, first := range map[string]string{
		"damaged":          "damaged\n",
		"from the future":  `{"timestamp":"2999-01-01T00:00:00Z","action":"read","granted":true}` + "\n",
		"longer than ours": strings.Repeat("x", audit.MaxLineBytes) + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "permission.log")
				require.NoError(t, os.WriteFile(path, []byte(first), 0o600))
				logger := openLog(t, path, audit.FileOptions{MaxAge: time.Hour})
				<-time.After(time.Hour - time.Second)
				record(t, logger, "m0")
				require.Len(t, allLogs(t, path), 1)
				<-time.After(time.Second)
				record(t, logger, "m1")
				require.Equal(t, []string{"m1"}, logged(t, path))
				require.NoError(t, logger.Close())
			})
		})
	}
}

func TestMaxBackupsDeletesTheOldestAndNothingElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		directory := t.TempDir()
		path := filepath.Join(directory, "permission.log")
		similar := []string{
			"permission-19990101T000000.000000Z.log.bak", "permission-19990101T000000.000000Z.txt", "permission-19990101T000000.000000Z",
			"permission-19990101T000000.log", "permission-19990101T000000,000000Z.log", "permission-19991301T000000.000000Z.log",
			"permission-old.log", "other-19990101T000000.000000Z.log", "permission-x-19990101T000000.000000Z.log", "permission.log.1", "permission.log.torn",
		}
		for _, name := range similar {
			require.NoError(t, os.WriteFile(filepath.Join(directory, name), nil, 0o600))
		}
		const folder = "permission-19990101T000000.000001Z.log"
		require.NoError(t, os.Mkdir(filepath.Join(directory, folder), 0o700))
		logger := openLog(t, path, audit.FileOptions{MaxSize: 1, MaxBackups: 2})
		for _, name := range named(6) {
			record(t, logger, name)
			<-time.After(time.Second)
		}
		require.NoError(t, logger.Close())
		want := append([]string{folder, "permission-20000101T000004.000000Z.log", "permission-20000101T000005.000000Z.log", "permission.log"}, similar...)
		slices.Sort(want)
		require.Equal(t, want, namesIn(t, directory))
		require.Equal(t, named(6)[3:], logged(t, filepath.Join(directory, "permission-20000101T000004.000000Z.log"), filepath.Join(directory, "permission-20000101T000005.000000Z.log"), path))
	})
}

func TestMaxBackupsIsKeptWhenTheLogIsOpened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "permission.log")
		logger := openLog(t, path, audit.FileOptions{MaxSize: 1})
		for _, name := range named(6) {
			record(t, logger, name)
		}
		require.NoError(t, logger.Close())
		require.Equal(t, named(6), logged(t, allLogs(t, path)...), "without MaxBackups nothing is ever deleted")
		require.NoError(t, openLog(t, path, audit.FileOptions{MaxBackups: 2}).Close())
		require.Equal(t, named(6)[3:], logged(t, allLogs(t, path)...))
	})
}

// unzip returns the content of a compressed file.
func unzip(t *testing.T, path string) string {
	t.Helper()
	file, err := os.Open(path)
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	reader, err := gzip.NewReader(file)
	require.NoError(t, err)
	text, err := io.ReadAll(reader)
	require.NoError(t, err)
	return string(text)
}

func TestCompressReplacesRotatedFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{MaxSize: 5000, Compress: true, Mode: 0o640, Buffer: audit.BufferOptions{BatchSize: 3}})
	for _, name := range named(100) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
	}
	require.NoError(t, logger.Shutdown(context.Background()), "it waits for the compression")
	files := namesIn(t, filepath.Dir(path))
	require.Greater(t, len(files), 3)
	var text strings.Builder
	for _, name := range files[:len(files)-1] {
		require.Regexp(t, `^permission-\d{8}T\d{6}\.\d{6}Z\.log\.gz$`, name)
		zipped := filepath.Join(filepath.Dir(path), name)
		require.Equal(t, created(t, 0o640), permissions(t, zipped))
		text.WriteString(unzip(t, zipped))
	}
	last, err := os.ReadFile(path)
	require.NoError(t, err)
	text.Write(last)
	require.NoError(t, os.WriteFile(path, []byte(text.String()), 0o600))
	require.Equal(t, named(100), logged(t, path))
}

// As a crash at any moment of the compression leaves them.
func TestCompressionIsResumedWhenTheLogIsOpened(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "permission.log")
	write := func(name, text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(filepath.Join(directory, name), []byte(text), 0o600))
	}
	rotated := func(n int) string { return fmt.Sprintf("permission-2026010%dT000000.000000Z.log", n) }
	write(rotated(1), "1\n") // not begun
	write(rotated(2), "2\n") // half done
	write(rotated(2)+".gz.part", "half of it")
	write(rotated(3), "3\n") // done, but for the removal
	require.NoError(t, openLog(t, filepath.Join(directory, "permission.log"), audit.FileOptions{Compress: true}).Close())
	require.NoError(t, os.Rename(filepath.Join(directory, rotated(3)+".gz"), filepath.Join(directory, "kept")))
	write(rotated(3), "3\n")
	require.NoError(t, os.Rename(filepath.Join(directory, "kept"), filepath.Join(directory, rotated(3)+".gz")))
	write(rotated(4)+".gz.part", "of a file that was deleted since")
	write("permission-old.log.gz.part", "somebody else's")

	require.NoError(t, openLog(t, path, audit.FileOptions{Compress: true}).Close())
	require.Equal(t, []string{rotated(1) + ".gz", rotated(2) + ".gz", rotated(3) + ".gz", "permission-old.log.gz.part", "permission.log"}, namesIn(t, directory))
	for n := 1; n <= 3; n++ {
		require.Equal(t, fmt.Sprintln(n), unzip(t, filepath.Join(directory, rotated(n)+".gz")))
	}
}

func TestMaxBackupsCountsBothFormsOfAFileOnce(t *testing.T) {
	directory := t.TempDir()
	for n := 1; n <= 4; n++ {
		for _, form := range []string{"", ".gz"} {
			name := fmt.Sprintf("permission-2026010%dT000000.000000Z.log%s", n, form)
			require.NoError(t, os.WriteFile(filepath.Join(directory, name), nil, 0o600))
		}
	}
	require.NoError(t, openLog(t, filepath.Join(directory, "permission.log"), audit.FileOptions{MaxBackups: 2}).Close())
	require.Equal(t, []string{
		"permission-20260103T000000.000000Z.log", "permission-20260103T000000.000000Z.log.gz",
		"permission-20260104T000000.000000Z.log", "permission-20260104T000000.000000Z.log.gz", "permission.log",
	}, namesIn(t, directory))
}
