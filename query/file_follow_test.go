package query

import (
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// following is a Follow at work.
type following struct {
	t      *testing.T
	path   string
	events chan string
	stop   context.CancelFunc
}

// follow follows the log at path.
func follow(t *testing.T, path string, f Filter, last int) *following {
	t.Helper()
	source, _ := Files(path).(*fileSource)
	source.poll = time.Millisecond
	ctx, cancel := context.WithCancel(t.Context())
	w := &following{t, path, make(chan string), cancel}
	go func() {
		defer close(w.events)
		for event, err := range source.Follow(ctx, f, last) {
			text := fmt.Sprint(binary.BigEndian.Uint64(event.ID[8:]))
			if err != nil {
				text = err.Error()
			}
			select {
			case w.events <- text:
			case <-t.Context().Done():
			}
		}
	}()
	t.Cleanup(w.end)
	return w
}

// end ends the following, and requires that nothing more was yielded.
func (w *following) end() {
	w.stop()
	for text := range w.events {
		require.Equal(w.t, "context canceled", text)
	}
}

// wants requires that those events come next.
func (w *following) wants(numbers ...int) {
	w.t.Helper()
	for _, n := range numbers {
		w.wantsText(fmt.Sprint(n))
	}
}

func (w *following) wantsText(text string) {
	w.t.Helper()
	select {
	case got := <-w.events:
		require.Equal(w.t, text, got)
	case <-time.After(20 * time.Second):
		require.Fail(w.t, "nothing came", "want %s", text)
	}
}

// appendTo appends to a file, which is made if it is not there.
func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY|os.O_CREATE, 0o600)
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestFollowYieldsTheLastOnesAndThenWhatArrives(t *testing.T) {
	for last, want := range map[int][]int{1: {5}, 2: {4, 5}, 9: {1, 2, 3, 4, 5}, -1: {1, 2, 3, 4, 5}} {
		w := follow(t, writeLog(t, logOf(1, 2, 2, 3, 4, 5)), Filter{}, last)
		w.wants(want...)
		appendTo(t, w.path, logOf(6, 7))
		w.wants(6, 7)
		w.end()
	}
}

func TestFollowHonoursTheFilter(t *testing.T) {
	w := follow(t, writeLog(t, eventLine(1, "A")+"\n"+eventLine(2, "B")+"\n"+eventLine(3, "A")+"\n"), Filter{Manager: in("A"), Newest: true, Limit: 1}, 2)
	w.wants(1, 3)
	appendTo(t, w.path, eventLine(4, "B")+"\n"+eventLine(5, "A")+"\n")
	w.wants(5)
}

func TestALineIsWaitedForUntilItIsWhole(t *testing.T) {
	line := logOf(2)
	w := follow(t, writeLog(t, logOf(1)+line[:20]), Filter{}, -1)
	w.wants(1)
	appendTo(t, w.path, line[20:50])
	appendTo(t, w.path, line[50:]+logOf(3))
	w.wants(2, 3)
}

func TestALogThatIsNotThereIsWaitedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	w := follow(t, path, Filter{}, 5)
	appendTo(t, path, logOf(1))
	w.wants(1)
	require.NoError(t, os.Remove(path))
	appendTo(t, path, logOf(2))
	w.wants(2)
}

func TestADirectoryThatIsNotThereIsWaitedFor(t *testing.T) {
	directory := filepath.Join(t.TempDir(), "later")
	w := follow(t, filepath.Join(directory, "permission.log"), Filter{}, 5)
	require.NoError(t, os.Mkdir(directory, 0o700))
	appendTo(t, w.path, logOf(1))
	w.wants(1)
}

func TestFollowGoesThroughTruncation(t *testing.T) {
	w := follow(t, writeLog(t, logOf(1, 2)), Filter{}, -1)
	w.wants(1, 2)
	require.NoError(t, os.Truncate(w.path, 0))
	appendTo(t, w.path, logOf(3))
	w.wants(3)
	// Truncated, and as long as before when it is looked at again.
	require.NoError(t, os.WriteFile(w.path, []byte(logOf(4, 5, 6)), 0o600))
	w.wants(4, 5, 6)
}

// newFollower returns a follower that looks when it is told to, and what it has
// yielded.
func newFollower(t *testing.T, path string) (w *follower, got *[]int) {
	t.Helper()
	got = new([]int)
	w = &follower{path: path, limits: defaultLimits, filter: newRawFilter(Filter{}), window: window{limits: defaultLimits}}
	w.out = limited{ctx: t.Context(), yield: func(event audit.PermissionAuditEvent, err error) bool {
		require.NoError(t, err)
		*got = append(*got, int(event.ID[15]))
		return true
	}}
	t.Cleanup(w.closeAll)
	return w, got
}

func TestFollowYieldsEveryEventOnceWhenABatchIsRepeated(t *testing.T) {
	path := writeLog(t, logOf(1, 2))
	w, got := newFollower(t, path)
	require.NoError(t, w.begin(nil, Filter{}, 0))
	appendTo(t, path, logOf(1, 2, 3, 3)+logOf(2))
	require.NoError(t, w.look())
	appendTo(t, path, logOf(4, 1))
	require.NoError(t, w.look())
	require.Equal(t, []int{3, 4}, *got)
}

func TestFollowReadsWhatIsWrittenToAFileThatWasMoved(t *testing.T) {
	w := follow(t, writeLog(t, logOf(1)), Filter{}, -1)
	w.wants(1)
	moved := w.path + ".1"
	require.NoError(t, os.Rename(w.path, moved))
	appendTo(t, moved, logOf(2))
	w.wants(2)
	appendTo(t, w.path, logOf(4))
	w.wants(4)
	appendTo(t, moved, logOf(3)) // its writer has noticed nothing yet
	w.wants(3)
	appendTo(t, w.path, logOf(5))
	w.wants(5)
}

// Between two looks the log is rotated more than once, and compressed.
func TestFollowMissesNoFileThatWasRotatedMeanwhile(t *testing.T) {
	path := writeLog(t, logOf(1))
	directory := filepath.Dir(path)
	rotated := func(day int, suffix string) string {
		return filepath.Join(directory, fmt.Sprintf("permission-202611%02dT000000.000000Z.log%s", day, suffix))
	}
	appendTo(t, rotated(1, ".gz"), pack(t, logOf(100)))
	appendTo(t, rotated(2, ""), logOf(101))
	w, got := newFollower(t, path)
	require.NoError(t, w.begin(nil, Filter{}, -1))
	require.NoError(t, w.look())

	require.NoError(t, os.Rename(path, rotated(3, "")))
	appendTo(t, rotated(3, ""), logOf(2))
	appendTo(t, rotated(4, ""), logOf(3))
	appendTo(t, rotated(5, ".gz"), pack(t, logOf(4)))
	appendTo(t, path, logOf(5))
	require.NoError(t, os.Rename(rotated(2, ""), rotated(2, ".gz")), "what was known before was compressed")
	require.NoError(t, w.look())
	require.NoError(t, w.look())
	require.ElementsMatch(t, []int{1, 2, 3, 4, 5}, *got)

	for i := 9; i > 0; i-- {
		require.NoError(t, os.Rename(path, path+".1"))
		appendTo(t, path, logOf(10+i))
		require.NoError(t, w.look())
		require.NoError(t, os.Rename(path+".1", fmt.Sprint(path, ".", i+1)))
	}
	require.Len(t, *got, 14)
}

// A real logger rotates while it is followed.
func TestFollowYieldsWhatALoggerThatRotatesWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	w := follow(t, path, Filter{}, -1)
	logger, err := audit.NewFileAuditLogger(path, &audit.FileOptions{MaxSize: 2000, Compress: true})
	require.NoError(t, err)
	for n := range 300 {
		require.NoError(t, logger.Record(t.Context(), audit.PermissionAuditEvent{ID: idOf(n + 1), Action: "read"}))
		if n%7 == 0 {
			require.NoError(t, logger.Flush(t.Context()))
		}
	}
	require.NoError(t, logger.Close())
	seen := map[string]bool{}
	for range 300 {
		text := <-w.events
		require.False(t, seen[text], "%s came twice", text)
		seen[text] = true
	}
}

func TestDamageAndLongLinesAreYieldedWhileFollowing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	w := follow(t, path, Filter{}, -1)
	appendTo(t, path, "{\n\n"+logOf(1))
	w.wantsText(path + ":1: " + new(audit.PermissionAuditEvent).UnmarshalJSON([]byte("{")).Error())
	w.wants(1)
	long, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	for range 40 {
		_, err := long.Write(make([]byte, audit.MaxLineBytes/20))
		require.NoError(t, err)
	}
	_, err = long.WriteString("\n" + logOf(2))
	require.NoError(t, err)
	require.NoError(t, long.Close())
	w.wantsText(path + ":4: line is too long: it has more than 1048576 bytes")
	w.wants(2)
}

func TestWhatCannotBeFollowedIsRefused(t *testing.T) {
	for _, source := range []Follower{
		NewHandle(Slice(nil), nil),
		NewHandle(Files("-"), nil),
		NewHandle(Files("a", "b"), nil),
		NewHandle(Files("*.log"), nil),
		NewHandle(Files(writeLog(t, pack(t, logOf(1)))), nil),
		NewHandle(Files(t.TempDir()), nil),
	} {
		pairs := 0
		for _, err := range source.Follow(t.Context(), Filter{}, 1) {
			require.Error(t, err)
			pairs++
		}
		require.Equal(t, 1, pairs)
	}
}

func TestFollowingEndsWhenItsReaderDoes(t *testing.T) {
	path := writeLog(t, logOf(1, 2))
	before := openFiles(t)
	for _, err := range NewHandle(Files(path), nil).Follow(t.Context(), Filter{}, 2) {
		require.NoError(t, err)
		break
	}
	require.Equal(t, before, openFiles(t))
}
