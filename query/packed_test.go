package query

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// pack compresses text.
func pack(tb testing.TB, text string) string {
	tb.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, text)
	require.NoError(tb, errors.Join(err, w.Close()))
	return packed.String()
}

// writeFiles writes files into a new directory, and returns it.
func writeFiles(tb testing.TB, files map[string]string) string {
	tb.Helper()
	directory := tb.TempDir()
	for name, content := range files {
		require.NoError(tb, os.WriteFile(filepath.Join(directory, name), []byte(content), 0o600))
	}
	return directory
}

func TestRotatedFilesAreReadInTheirOrder(t *testing.T) {
	directory := writeFiles(t, map[string]string{
		"permission-20261123T074620.123456Z.log.gz": pack(t, logOf(1, 2)),
		"permission-20261123T074620.123457Z.log":    logOf(3),
		"permission-20261124T000000.000000Z.log.gz": pack(t, logOf(4)) + pack(t, logOf(5)), // two members
		"permission.log": logOf(6, 7),
		"other.txt":      "x",
	})
	for _, limits := range []limits{defaultLimits, {line: 500, chunk: 33, repeatLines: 4, repeatFiles: 8}} {
		source, _ := Files(filepath.Join(directory, "*.log*")).(*fileSource)
		source.limits = limits
		require.Equal(t, upTo(1, 7), numbers(t, source, Filter{}))
		require.Equal(t, []int{7, 6, 5, 4, 3, 2, 1}, numbers(t, source, Filter{Newest: true}))
		require.Equal(t, []int{7, 6, 5, 4}, numbers(t, source, Filter{Newest: true, Limit: 4}))
		require.Contains(t, grouped(t, source, Filter{}, "manager")[0], "events 7 ")
	}
	handle, err := Open(t.Context(), filepath.Join(directory, "*.log*"))
	require.NoError(t, err)
	require.Equal(t, upTo(1, 7), numbers(t, handle, Filter{}))
	require.NoError(t, handle.Close())
}

func TestFilesOfLogrotateAreReadInTheirOrder(t *testing.T) {
	directory := writeFiles(t, map[string]string{
		"permission.log.10.gz": pack(t, logOf(1)), "permission.log.2.gz": pack(t, logOf(2)), "permission.log.1": logOf(3), "permission.log": logOf(4),
	})
	require.Equal(t, upTo(1, 4), numbers(t, Files(filepath.Join(directory, "permission.log*")), Filter{}))
}

func TestRepeatsAreFoundAcrossCompressedFiles(t *testing.T) {
	directory := writeFiles(t, map[string]string{
		"permission-20261123T074620.123456Z.log.gz": pack(t, logOf(1, 2, 3)),
		"permission.log": logOf(2, 3, 4),
	})
	source := Files(filepath.Join(directory, "*"))
	require.Equal(t, upTo(1, 4), numbers(t, source, Filter{}))
	require.Equal(t, []int{4, 3, 2, 1}, numbers(t, source, Filter{Newest: true}))
}

func TestAFileNamedLikeAGlobIsNone(t *testing.T) {
	directory := writeFiles(t, map[string]string{"a[1].log": logOf(1), "a1.log": logOf(2)})
	require.Equal(t, []int{1}, numbers(t, Files(filepath.Join(directory, "a[1].log")), Filter{}))
	require.Equal(t, []int{2}, numbers(t, Files(filepath.Join(directory, "a[12].log")), Filter{}))
}

// What is complete may end without LF; what is compressed says itself that it is.
func TestTheLastLineOfACompressedFileNeedsNoLF(t *testing.T) {
	log := logOf(1, 2)
	directory := writeFiles(t, map[string]string{"a.log": pack(t, log[:len(log)-1]), "torn.log": pack(t, logOf(1)+`{"id`)})
	source := Files(filepath.Join(directory, "a.log"))
	require.Equal(t, []int{1, 2}, numbers(t, source, Filter{}))
	require.Equal(t, []int{2, 1}, numbers(t, source, Filter{Newest: true}))
	torn := filepath.Join(directory, "torn.log")
	for _, newest := range []bool{false, true} {
		pairs := yielded(t.Context(), Files(torn), Filter{Newest: newest})
		require.Len(t, pairs, 2)
		require.Contains(t, strings.Join(pairs, "\n"), "damage "+torn+":2: ")
	}
}

// What was unpacked before the end is yielded.
func TestACompressedFileThatIsCutYieldsItsWholeLines(t *testing.T) {
	packed := pack(t, logOf(upTo(1, 3000)...))
	pairs := yielded(t.Context(), Files(writeLog(t, packed[:len(packed)-8])), Filter{})
	require.Greater(t, len(pairs), 2990)
	require.Contains(t, pairs[len(pairs)-1], "unexpected EOF")
}

// Our logger deletes the original when the other one is complete.
func TestAFileThatIsThereTwiceIsReadOnce(t *testing.T) {
	name, log := "permission-20261123T074620.123456Z.log", strings.Repeat(`{"timestamp":"2026-11-23T07:46:20Z","action":"read","granted":true}`+"\n", 5)
	directory := writeFiles(t, map[string]string{name: log, name + ".gz": pack(t, log)[:30]})
	require.Len(t, numbers(t, Files(filepath.Join(directory, "*")), Filter{}), 5)
}

// The log is rotated, and a rotated file compressed, before they are reached.
func TestFilesThatAreRotatedWhileTheyAreReadAreReadOnce(t *testing.T) {
	first, second := "permission-20261123T074620.123456Z.log", "permission-20261124T074620.123456Z.log"
	directory := writeFiles(t, map[string]string{
		first: logOf(upTo(1, 20_000)...), second: logOf(20_001), "permission.log": logOf(20_002),
	})
	n := 0
	for _, err := range Files(filepath.Join(directory, "permission*")).Events(t.Context(), Filter{}) {
		require.NoError(t, err)
		if n++; n == 1 {
			require.NoError(t, os.Remove(filepath.Join(directory, second)))
			appendTo(t, filepath.Join(directory, second+".gz"), pack(t, logOf(20_001)))
			require.NoError(t, os.Rename(filepath.Join(directory, "permission.log"), filepath.Join(directory, "permission-20261125T074620.123456Z.log")))
			appendTo(t, filepath.Join(directory, "permission.log"), "")
		}
	}
	require.Equal(t, 20_002, n)
}

func TestACompressedFileThatIsCutIsAnError(t *testing.T) {
	packed := pack(t, strings.Repeat(logOf(1), 1000))
	path := writeLog(t, packed[:len(packed)-10])
	for _, newest := range []bool{false, true} {
		pairs := yielded(t.Context(), Files(path), Filter{Newest: newest})
		require.Equal(t, "error query: read "+path+": unexpected EOF", pairs[len(pairs)-1])
	}
}

func TestNoTemporaryFileIsLeft(t *testing.T) {
	directory := t.TempDir()
	t.Setenv("TMPDIR", directory)
	path := writeLog(t, pack(t, logOf(upTo(1, 100)...)))
	for _, err := range Files(path).Events(t.Context(), Filter{Newest: true}) {
		require.NoError(t, err)
		left, err := os.ReadDir(directory)
		require.NoError(t, err)
		require.Empty(t, left, "not even while it is read")
	}
}

// piped is a source of what is piped to the program.
func piped(content io.Reader) *fileSource {
	source, _ := Files(standardInput).(*fileSource)
	source.stdin = &onceReader{Reader: content}
	return source
}

func TestStandardInputIsRead(t *testing.T) {
	log := "\n" + logOf(1, 2) + "damage\n" + logOf(2, 3)
	for _, content := range []string{log, log[:len(log)-1], pack(t, log)} {
		read := func(f Filter) []int {
			var found []int
			for event, err := range piped(strings.NewReader(content)).Events(t.Context(), f) {
				if err != nil {
					require.ErrorContains(t, err, "-:4: ")
					continue
				}
				found = append(found, int(event.ID[15]))
			}
			return found
		}
		require.Equal(t, []int{1, 2, 3}, read(Filter{}))
		require.Equal(t, []int{3, 2, 1}, read(Filter{Newest: true}), "through a temporary file")
		require.Equal(t, []int{3, 2}, read(Filter{Newest: true, Limit: 2}), "in memory")
		require.Equal(t, []int{3, 2, 1}, read(Filter{Newest: true, Limit: 4}))
		require.Equal(t, []int{1, 2}, read(Filter{Limit: 2}))
	}
	groups := grouped(t, piped(strings.NewReader(log)), Filter{}, "action")
	require.Len(t, groups, 2)
	require.Contains(t, groups[1], `["read"] events 3 checks 3`)
}

func TestBinaryStandardInputIsRefused(t *testing.T) {
	pairs := yielded(t.Context(), piped(strings.NewReader("\x7fELF\x02\x01\x01\x00\x00\x00\x00")), Filter{})
	require.Equal(t, []string{"error query: read -: it is binary, not a log of one JSON object a line"}, pairs)
}

func TestStandardInputIsReadOnce(t *testing.T) {
	source := piped(strings.NewReader(logOf(1)))
	require.Equal(t, []int{1}, numbers(t, source, Filter{}))
	require.Equal(t, []string{"error " + errReadTwice.Error()}, yielded(t.Context(), source, Filter{}))
}

// silent says something once, and then nothing until the test is over.
type silent struct {
	io.Reader

	asked chan struct{}
	over  <-chan struct{}
}

func newSilent(t *testing.T, text string) *silent {
	t.Helper()
	over := make(chan struct{})
	t.Cleanup(func() { close(over) })
	return &silent{strings.NewReader(text), make(chan struct{}), over}
}

func (s *silent) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if n == 0 {
		close(s.asked)
		<-s.over
	}
	return n, err
}

// The events are handed out that are there, and nobody waits for others who has
// enough.
func TestNobodyWaitsForStandardInputInVain(t *testing.T) {
	require.Equal(t, []int{1, 2}, numbers(t, piped(newSilent(t, logOf(1, 2))), Filter{Limit: 2}))

	ctx, cancel := context.WithCancel(t.Context())
	input := newSilent(t, logOf(1, 2))
	go func() {
		<-input.asked
		cancel()
	}()
	var pairs []string
	for event, err := range piped(input).Events(ctx, Filter{}) {
		pairs = append(pairs, pairText(event, err))
	}
	require.Equal(t, "error context canceled", pairs[len(pairs)-1])
}

func TestProgressIsTold(t *testing.T) {
	directory := writeFiles(t, map[string]string{"a.log": logOf(upTo(1, 5000)...), "b.log": logOf(upTo(5001, 6000)...), "c.log": pack(t, logOf(7000))})
	total := int64(0)
	for _, name := range []string{"a.log", "b.log", "c.log"} {
		info, err := os.Stat(filepath.Join(directory, name))
		require.NoError(t, err)
		total += info.Size()
	}
	told := make(chan [2]int64, 1000)
	ctx := ContextWithProgress(t.Context(), func(read, total int64) { told <- [2]int64{read, total} })
	for _, newest := range []bool{false, true} {
		n := 0
		for _, err := range Files(filepath.Join(directory, "*.log")).Events(ctx, Filter{Newest: newest}) {
			require.NoError(t, err)
			n++
		}
		require.Equal(t, 6001, n)
		last, calls := int64(0), len(told)
		for range calls {
			now := <-told
			require.Equal(t, total, now[1])
			last = max(last, now[0])
		}
		require.Equal(t, total, last)
		require.Greater(t, calls, 3)
	}
}
