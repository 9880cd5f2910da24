package query

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestContextEndsTheReadingWithItsCause(t *testing.T) {
	path := writeLog(t, logOf(1, 2, 3))
	for _, cause := range []error{errors.New("the reader gave up"), io.EOF, &DamageError{Err: io.EOF}} {
		for _, newest := range []bool{false, true} {
			for after := range 4 {
				ctx, cancel := context.WithCancelCause(t.Context())
				if after == 0 {
					cancel(cause)
				}
				var errs []error
				pairs := 0
				for event, err := range Files(path).Events(ctx, Filter{Newest: newest}) {
					errs = append(errs, err)
					if pairs++; pairs == after {
						cancel(cause)
					}
					if err != nil {
						require.Zero(t, event)
					}
				}
				require.Equal(t, append(make([]error, after), cause), errs)
				cancel(nil)
			}
		}
	}
}

// Wherever the context ends, the reading ends there with its cause, and no goroutine
// is left.
func TestContextMayEndAnywhere(t *testing.T) {
	path := writeLog(t, strings.Repeat(logOf(1)+strings.Repeat(" ", 2000)+"\n"+logOf(2)+"damage\n"+logOf(3), 100))
	source := Files(path)
	source.(*fileSource).limits = limits{line: 500, chunk: 100, repeatLines: 3, repeatFiles: 1}
	for _, newest := range []bool{false, true} {
		whole := yielded(t.Context(), source, Filter{Newest: newest})
		for after := range 20 {
			ctx, cancel := context.WithCancel(t.Context())
			var pairs []string
			for event, err := range source.Events(ctx, Filter{Newest: newest}) {
				pairs = append(pairs, pairText(event, err))
				if len(pairs) == after+1 {
					cancel()
				}
			}
			cancel()
			require.Equal(t, "error context canceled", pairs[after+1])
			require.Equal(t, whole[:after+1], pairs[:after+1])
			require.Len(t, pairs, after+2)
		}
	}
}

// openFiles counts the descriptors of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("the system does not list open files")
	}
	return len(entries)
}

func TestFilesAreClosedHoweverTheReadingEnds(t *testing.T) {
	paths := make([]string, 60)
	for i := range paths {
		paths[i] = writeLog(t, logOf(i))
	}
	before := openFiles(t)
	for _, newest := range []bool{false, true} {
		most := 0
		for event, err := range Files(paths...).Events(t.Context(), Filter{Newest: newest}) {
			require.NoError(t, err, event.ID)
			most = max(most, openFiles(t)-before)
		}
		require.Equal(t, before, openFiles(t), "read to the end")
		// Those that repeats are looked for in, and what was read ahead.
		require.LessOrEqual(t, most, 1+defaultLimits.repeatFiles+4*runtime.GOMAXPROCS(0))

		for _, err := range Files(paths...).Events(t.Context(), Filter{Newest: newest}) {
			require.NoError(t, err)
			break
		}
		require.Equal(t, before, openFiles(t), "broken off")

		func() {
			defer func() { require.NotNil(t, recover()) }()
			for _, err := range Files(paths...).Events(t.Context(), Filter{Newest: newest}) {
				require.NoError(t, err)
				panic("the caller's")
			}
		}()
		require.Equal(t, before, openFiles(t), "panicked")
	}
}

func TestFilesWithoutLinesAreClosed(t *testing.T) {
	paths := []string{writeLog(t, logOf(1))}
	for range 100 {
		paths = append(paths, writeLog(t, "torn"))
	}
	before := openFiles(t)
	for _, err := range Files(paths...).Events(t.Context(), Filter{Newest: true}) {
		require.NoError(t, err)
		require.Less(t, openFiles(t)-before, 50)
	}
}

func TestMemoryDoesNotGrowWithALine(t *testing.T) {
	path := writeLog(t, "")
	require.NoError(t, os.Truncate(path, 32<<20)) // sparse: NUL bytes, on one line
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = file.WriteString("\n" + logOf(1))
	require.NoError(t, errors.Join(err, file.Close()))
	for _, newest := range []bool{false, true} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.Len(t, yielded(t.Context(), Files(path), Filter{Newest: newest}), 2)
		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20), "half of the line")
	}
}

func TestFilesMayBeReadConcurrentlyAndAgain(t *testing.T) {
	source := Files("testdata/general_manager.log")
	want := yielded(t.Context(), source, Filter{})
	sequence := source.Events(t.Context(), Filter{})
	got := make([][]string, 8)
	var readers sync.WaitGroup
	for i := range got {
		readers.Add(1)
		go func() {
			defer readers.Done()
			for event, err := range sequence {
				got[i] = append(got[i], pairText(event, err))
			}
		}()
	}
	readers.Wait()
	for i := range got {
		require.Equal(t, want, got[i])
	}
}
