package query

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// requireBoth requires that source yields want in order of arrival, and the reverse
// for Newest.
func requireBoth(t *testing.T, source Source, want ...string) {
	t.Helper()
	want = slices.Clone(want)
	require.Equal(t, want, append(want[:0:0], yielded(t.Context(), source, Filter{})...))
	slices.Reverse(want)
	require.Equal(t, want, append(want[:0:0], yielded(t.Context(), source, Filter{Newest: true})...), "newest first")
}

func TestLogOfGeneralManagerIsReadWhole(t *testing.T) {
	source := Files("testdata/general_manager.log")
	count := make(map[string]int)
	for event, err := range source.Events(t.Context(), Filter{}) {
		require.NoError(t, err)
		count["all"]++
		for name, holds := range map[string]bool{
			"denied": !event.Granted, "bypassed": event.Bypassed, "null manager": event.Manager == "",
			"no id": event.ID.IsZero(), "no user id": event.UserID == "", "integer key": event.UserID == "4",
			"UUID key":      event.UserID == "8f14e45f-ceea-467f-a0e6-0d1b2c3d4e5f",
			"anonymous":     event.User == audit.UserRepr("<AnonymousUser object>"),
			"quotes":        event.User == audit.UserRepr(`svc "cron" é中🔒`),
			"null metadata": event.Metadata == nil, "empty metadata": event.Metadata != nil && len(event.Metadata) == 0,
		} {
			if holds {
				count[name]++
			}
		}
		if nested, found := event.Metadata["nested"]; found {
			count["nested"]++
			require.Equal(t, map[string]any{
				"a": []any{json.Number("1"), json.Number("2.5"), nil, true}, "b": "x\ny\t\"z\"",
			}, nested)
		}
	}
	require.Equal(t, map[string]int{
		"all": 600, "denied": 151, "bypassed": 15, "null manager": 164, "no id": 600, "no user id": 57, "integer key": 25,
		"UUID key": 24, "anonymous": 24, "quotes": 17, "null metadata": 159, "empty metadata": 148, "nested": 140,
	}, count)

	requireBoth(t, source, yielded(t.Context(), source, Filter{})...)
	require.Len(t, yielded(t.Context(), source, Filter{Granted: No}), 151)
	require.Len(t, yielded(t.Context(), source, Filter{Manager: in("")}), 164)
	require.Len(t, yielded(t.Context(), source, Filter{Attribute: in("équipe")}), 87)
	require.Len(t, yielded(t.Context(), source, Filter{User: in(`svc "cron" é中🔒`)}), 17)
	require.Len(t, yielded(t.Context(), source, Filter{Metadata: map[string]Terms{"nested": in(`{"a":[1,2.5,null,true],"b":"x\ny\t\"z\""}`)}}), 140)
}

func TestWhatALoggerWroteIsReadBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger, err := audit.NewFileAuditLogger(path, nil)
	require.NoError(t, err)
	event := audit.PermissionAuditEvent{
		ID: audit.NewEventID(), Timestamp: begin, Action: audit.ActionUpdate, Attributes: []string{"status"}, Bypassed: true,
		Manager: "Project\u2028\r\n", User: account{}, Permissions: []string{"isSelf"}, Metadata: map[string]any{"n": 1.5, "secret": "x"},
	}
	require.NoError(t, logger.Record(t.Context(), event))
	source := Files(path)
	require.NoError(t, logger.Flush(t.Context()))
	event.User, event.Metadata = audit.UserRepr("an account"), map[string]any{"n": json.Number("1.5"), "secret": audit.Redacted}
	event.Sanitized = []string{"metadata.secret:redacted"}
	for read, err := range source.Events(t.Context(), Filter{}) {
		require.NoError(t, err)
		require.Equal(t, event, read)
	}
	requireBoth(t, source, pairText(event, nil))
	require.NoError(t, logger.Close())
}

func TestFilesAreReadInTheOrderGiven(t *testing.T) {
	source := Files(writeLog(t, logOf(3, 4)), writeLog(t, ""), writeLog(t, logOf(1, 2)))
	require.Equal(t, []int{3, 4, 1, 2}, numbers(t, source, Filter{}))
	require.Equal(t, []int{2, 1, 4, 3}, numbers(t, source, Filter{Newest: true}))
}

func TestFilterAndLimitAreHonoured(t *testing.T) {
	source := Files(writeLog(t, logOf(1, 2, 3)), writeLog(t, logOf(4, 5, 6)))
	for _, row := range []struct {
		filter Filter
		want   []int
	}{
		{Filter{Limit: 2}, []int{1, 2}},
		{Filter{Limit: 4}, []int{1, 2, 3, 4}},
		{Filter{Limit: 4, Newest: true}, []int{6, 5, 4, 3}},
		{Filter{Limit: 7}, []int{1, 2, 3, 4, 5, 6}},
		{Filter{Limit: -1}, []int{1, 2, 3, 4, 5, 6}},
		{Filter{Since: begin.Add(3e9), Until: begin.Add(5e9)}, []int{3, 4}},
		{Filter{Since: begin.Add(3e9), Limit: 2}, []int{3, 4}},
		{Filter{Until: begin.Add(5e9), Limit: 2, Newest: true}, []int{4, 3}},
		{Filter{Manager: notIn("Project")}, []int{}},
	} {
		require.Equal(t, row.want, numbers(t, source, row.filter), "%+v", row.filter)
	}
}

func TestNothingIsReadBehindTheLimit(t *testing.T) {
	path := writeLog(t, logOf(1)+"damage\n")
	require.Equal(t, []int{1}, numbers(t, Files(path, "missing"), Filter{Limit: 1}))
	require.Len(t, yielded(t.Context(), Files(path, "missing"), Filter{}), 3)
}

func TestTornTailIsNeitherDamageNorEvent(t *testing.T) {
	line := `{"timestamp":"2026-11-23T07:46:20Z","action":"read","granted":true,"manager":"ü"}` + "\n"
	log := line + "\r\n" + line + line
	path := writeLog(t, log)
	for size := len(log); size >= 0; size-- {
		require.NoError(t, os.Truncate(path, int64(size)))
		whole := strings.Count(strings.ReplaceAll(log[:size], "\r\n", ""), "\n")
		require.Len(t, numbers(t, Files(path), Filter{}), whole, "cut at %d", size)
		require.Len(t, numbers(t, Files(path), Filter{Newest: true}), whole, "cut at %d, newest first", size)
	}
}

func TestDamageIsYieldedAndReadingGoesOn(t *testing.T) {
	long := strings.Repeat(" ", audit.MaxLineBytes) + "x"
	good := func(n int) string { return eventLine(n, "Project") }
	path := writeLog(t, strings.Join([]string{
		"{", good(1), "", long, "null", `{"action":"read"}`, "\x00\x00", good(2), strings.Replace(good(3), "true", `"yes"`, 1), "",
	}, "\n")+long)
	event := func(n int) string {
		var event audit.PermissionAuditEvent
		require.NoError(t, event.UnmarshalJSON([]byte(good(n))))
		return pairText(event, nil)
	}
	read := func(line string) string { return new(audit.PermissionAuditEvent).UnmarshalJSON([]byte(line)).Error() }
	requireBoth(t, Files(path),
		"damage "+path+":1: "+read("{"),
		event(1),
		"damage "+path+":4: line is too long: it has more than 1048576 bytes",
		"damage "+path+":5: "+read("null"),
		"damage "+path+":6: "+read(`{"action":"read"}`),
		"damage "+path+":7: "+read("\x00\x00"),
		event(2),
		"damage "+path+":9: "+read(strings.Replace(good(3), "true", `"yes"`, 1)),
	)
	require.Len(t, yielded(t.Context(), Files(path), Filter{Manager: in("none")}), 6, "a filter hides no damage")
}

func TestDamageErrorSaysWhereAndUnwraps(t *testing.T) {
	damage := &DamageError{File: "permission.log", Line: 17, Err: io.ErrUnexpectedEOF}
	require.EqualError(t, damage, "permission.log:17: unexpected EOF")
	require.ErrorIs(t, damage, io.ErrUnexpectedEOF)

	for _, newest := range []bool{false, true} {
		for event, err := range Files(writeLog(t, "[]\n")).Events(t.Context(), Filter{Newest: newest}) {
			require.ErrorAs(t, err, &damage)
			require.Equal(t, 1, damage.Line)
			var wrong *json.UnmarshalTypeError
			require.ErrorAs(t, err, &wrong)
			require.Zero(t, event)
		}
	}
}

// paddedLine is event n in so many bytes, and LF.
func paddedLine(n, size int) string {
	line := eventLine(n, "Project")
	return line[:1] + strings.Repeat(" ", size-len(line)) + line[1:] + "\n"
}

func TestLongestLineIsRead(t *testing.T) {
	path := writeLog(t, paddedLine(1, audit.MaxLineBytes))
	require.Equal(t, []int{1}, numbers(t, Files(path), Filter{}))
	require.Equal(t, []int{1}, numbers(t, Files(path), Filter{Newest: true}))
}

func TestLinesOfWindowsAndBlankLinesAreAccepted(t *testing.T) {
	path := writeLog(t, "\n \t\r\n"+strings.ReplaceAll(logOf(1, 2), "\n", "\r\n\r\n")+"\n")
	require.Equal(t, []int{1, 2}, numbers(t, Files(path), Filter{}))
	require.Equal(t, []int{2, 1}, numbers(t, Files(path), Filter{Newest: true}))
}

func TestWhatCannotBeReadIsTheLastPair(t *testing.T) {
	path, directory := writeLog(t, logOf(1, 2)), t.TempDir()
	missing := filepath.Join(directory, "missing.log")
	for _, row := range []struct{ name, pattern, want string }{
		{"missing", missing, "no such file"},
		{"directory", directory, "is a directory"},
		{"device", os.DevNull, "is not a plain file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if runtime.GOOS == "windows" && row.name != "directory" {
				t.Skip("the system says it otherwise")
			}
			pairs := yielded(t.Context(), Files(path, row.pattern, path), Filter{})
			require.Len(t, pairs, 3)
			require.Contains(t, pairs[2], "error query: ")
			require.Contains(t, pairs[2], row.pattern)
			require.Contains(t, pairs[2], row.want)
			backward := yielded(t.Context(), Files(path, row.pattern, path), Filter{Newest: true})
			require.Equal(t, []string{pairs[1], pairs[0], pairs[2]}, backward)
		})
	}
	for _, err := range Files(missing).Events(t.Context(), Filter{}) {
		require.ErrorIs(t, err, os.ErrNotExist)
	}
}

func TestUnreadableFileIsAnError(t *testing.T) {
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("everything is readable")
	}
	path := writeLog(t, logOf(1))
	require.NoError(t, os.Chmod(path, 0))
	require.Contains(t, strings.Join(yielded(t.Context(), Files(path), Filter{}), "\n"), "permission denied")
	_, err := Open(t.Context(), path)
	require.ErrorIs(t, err, os.ErrPermission)
}

func TestUnsupportedPatternsAreRefused(t *testing.T) {
	path := writeLog(t, logOf(1))
	for _, row := range []struct {
		patterns []string
		want     string
	}{
		{nil, "no file is named"},
		{[]string{""}, "path is empty"},
		{[]string{"-"}, "standard input is not supported yet"},
		{[]string{"*.log"}, "globs are not supported yet"},
		{[]string{"permission-?.log"}, "globs are not supported yet"},
		{[]string{"permission[12].log"}, "globs are not supported yet"},
		{[]string{"permission.log.gz"}, "compressed files are not supported yet"},
		{[]string{"PERMISSION.LOG.GZ"}, "compressed files are not supported yet"},
		{[]string{path, "-"}, "standard input is not supported yet"},
	} {
		pairs := yielded(t.Context(), Files(row.patterns...), Filter{})
		require.Len(t, pairs, 1, "%q: nothing is read before", row.patterns)
		require.Contains(t, pairs[0], row.want)
	}
}

func TestPatternsAreCopied(t *testing.T) {
	patterns := []string{writeLog(t, logOf(1))}
	source := Files(patterns...)
	patterns[0] = "missing"
	require.Equal(t, []int{1}, numbers(t, source, Filter{}))
}

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

// endingContext ends when it was asked a number of times.
type endingContext struct {
	context.Context //nolint:containedctx // it is one
	left            int
}

func (c *endingContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// Wherever the context ends, in a line, between lines or while they are counted,
// the reading ends there with its cause.
func TestContextMayEndAnywhere(t *testing.T) {
	path := writeLog(t, logOf(1)+strings.Repeat(" ", 2000)+"\n"+logOf(2)+"damage\n"+logOf(3))
	source := Files(path)
	source.(*fileSource).limits = limits{line: 500, chunk: 100, repeatLines: 3, repeatFiles: 1}
	for _, newest := range []bool{false, true} {
		whole := yielded(t.Context(), source, Filter{Newest: newest})
		require.Len(t, whole, 5)
		left := 0
		for ; ; left++ {
			cancelled, cancel := context.WithCancel(t.Context())
			cancel() // so that its cause is there
			pairs := yielded(&endingContext{cancelled, left}, source, Filter{Newest: newest})
			if len(pairs) == len(whole) && slices.Equal(pairs, whole) {
				break
			}
			last := len(pairs) - 1
			require.Equal(t, "error context canceled", pairs[last])
			require.Equal(t, whole[:last], pairs[:last])
		}
		require.Greater(t, left, 10)
	}
}

func TestGrowingFileIsReadAsItWasWhenOpened(t *testing.T) {
	path := writeLog(t, logOf(1, 2))
	n := 2
	var read []string
	for event, err := range Files(path).Events(t.Context(), Filter{}) {
		read = append(read, pairText(event, err))
		n++
		file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, err)
		_, err = file.WriteString(logOf(n))
		require.NoError(t, errors.Join(err, file.Close()))
	}
	require.Len(t, read, 2)
	require.Equal(t, []int{1, 2, 3, 4}, numbers(t, Files(path), Filter{}))
}

func TestTruncatedFileIsAnError(t *testing.T) {
	var log strings.Builder
	for n := range 5 {
		log.WriteString(paddedLine(n, audit.MaxLineBytes/2)) // so that not all of them are read at once
	}
	for _, newest := range []bool{false, true} {
		path := writeLog(t, log.String())
		var last error
		for _, err := range Files(path).Events(t.Context(), Filter{Newest: newest}) {
			if last == nil {
				require.NoError(t, os.Truncate(path, 100))
			}
			last = err
		}
		require.ErrorContains(t, last, "query: read "+path+": the file was truncated meanwhile")
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
	paths := make([]string, 40)
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
		require.LessOrEqual(t, most, 1+defaultLimits.repeatFiles)

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
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8<<20))
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
