package query

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestAFileThatCameBackIsNotReadAgain(t *testing.T) {
	line := `{"timestamp":"2026-11-23T07:46:20Z","action":"read","granted":true}` + "\n"
	path := writeLog(t, line)
	w, got := newFollower(t, path)
	require.NoError(t, w.begin(nil, Filter{}, -1))
	require.NoError(t, w.look())
	require.NoError(t, os.Rename(path, path+".bak"))
	require.NoError(t, w.look())
	require.NoError(t, os.Rename(path+".bak", path))
	require.NoError(t, w.look())
	require.True(t, w.inPlace)
	w.files[0].moved = time.Now().Add(-2 * followMoved) // nothing was written for long
	require.NoError(t, w.look())
	appendTo(t, path, line)
	require.NoError(t, w.look())
	require.Len(t, *got, 2)
}

func TestAFileThatWasMovedAwayIsClosedInTheEnd(t *testing.T) {
	path := writeLog(t, logOf(1))
	w, got := newFollower(t, path)
	require.NoError(t, w.begin(nil, Filter{}, -1))
	require.NoError(t, os.Rename(path, path+".1"))
	appendTo(t, path, logOf(2))
	require.NoError(t, w.look())
	require.Len(t, w.files, 2)
	w.files[0].moved = time.Now().Add(-2 * followMoved)
	require.NoError(t, w.look())
	require.Len(t, w.files, 1)
	require.Equal(t, []int{1, 2}, *got)
}

// logrotate copies the log, and truncates it.
func TestWhatIsCopiedBeforeATruncationIsRead(t *testing.T) {
	for _, packed := range []bool{false, true} {
		path := writeLog(t, logOf(1))
		w, got := newFollower(t, path)
		require.NoError(t, w.begin(nil, Filter{}, -1))
		require.NoError(t, w.look())
		half := logOf(2)[:30]
		appendTo(t, path, half)
		require.NoError(t, w.look())
		copied, name := logOf(1, 2), path+".1"
		if packed {
			copied, name = pack(t, copied), path+".1.gz"
		}
		appendTo(t, name, copied)
		require.NoError(t, os.WriteFile(path, []byte(logOf(3)), 0o600))
		require.NoError(t, w.look())
		require.Equal(t, []int{1, 2, 3}, *got)
	}
}

// Between two looks the log is moved and compressed, and the next ones too.
func TestFilesThatAreCompressedMeanwhileAreReadOnceAndInOrder(t *testing.T) {
	line := func(second int) string {
		return fmt.Sprintf(`{"timestamp":"2026-11-23T07:46:%02dZ","action":"read","granted":true}`+"\n", second)
	}
	for _, names := range [][2]string{
		{"permission-20261123T074620.123456Z.log.gz", "permission-20261123T074621.123456Z.log.gz"},
		{"permission.log.2.gz", "permission.log.1.gz"},
	} {
		path := writeLog(t, line(1))
		appendTo(t, filepath.Join(filepath.Dir(path), "permission.log.3"), line(0)) // was there before
		w, _ := newFollower(t, path)
		var got []int
		w.out.yield = func(event audit.PermissionAuditEvent, err error) bool {
			require.NoError(t, err)
			got = append(got, event.Timestamp.Second())
			return true
		}
		require.NoError(t, w.begin(nil, Filter{}, -1))
		require.NoError(t, w.look())
		appendTo(t, path, line(2))
		directory := filepath.Dir(path)
		require.NoError(t, os.Remove(path))
		appendTo(t, filepath.Join(directory, names[0]), pack(t, line(1)+line(2)))
		last := line(3)
		appendTo(t, filepath.Join(directory, names[1]), pack(t, last[:len(last)-1]))
		require.NoError(t, os.Rename(filepath.Join(directory, "permission.log.3"), filepath.Join(directory, "permission.log.5")))
		appendTo(t, path, line(4))
		require.NoError(t, w.look())
		require.NoError(t, w.look())
		require.Equal(t, []int{1, 2, 3, 4}, got, names)
	}
}

// A file is listed, and compressed before it is opened.
func TestAFileThatIsCompressedWhileItIsOpenedIsRead(t *testing.T) {
	path := writeLog(t, logOf(1))
	w, got := newFollower(t, path)
	require.NoError(t, w.begin(nil, Filter{}, -1))
	require.NoError(t, w.look())
	rotated := filepath.Join(filepath.Dir(path), "permission-20261123T074620.123456Z.log")
	appendTo(t, rotated+".gz", pack(t, logOf(2)))
	require.NoError(t, w.follow(rotated, w.files[0]))
	require.Equal(t, []int{1, 2}, *got)
}

func TestWhatStandsInPlaceForAMomentIsWaitedFor(t *testing.T) {
	path := writeLog(t, logOf(1))
	w, got := newFollower(t, path)
	require.NoError(t, w.begin(nil, Filter{}, -1))
	require.NoError(t, w.look())
	require.NoError(t, os.Remove(path))
	require.NoError(t, os.Mkdir(path, 0o700))
	require.NoError(t, w.look())
	require.NoError(t, os.Remove(path))
	appendTo(t, path, logOf(2))
	require.NoError(t, w.look())
	require.Equal(t, []int{1, 2}, *got)
}

func TestDamageHasItsLineNumberWhereverTheFollowingBegan(t *testing.T) {
	w := follow(t, writeLog(t, logOf(1, 2, 3)), Filter{}, 1)
	w.wants(3)
	appendTo(t, w.path, "{\n"+logOf(4)+"{\n")
	wrong := new(audit.PermissionAuditEvent).UnmarshalJSON([]byte("{")).Error()
	w.wantsText(w.path + ":4: " + wrong)
	w.wants(4)
	w.wantsText(w.path + ":6: " + wrong)
}
