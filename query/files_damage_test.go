package query

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

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
	for n := range 2 * maxWorkers * 4 {
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
