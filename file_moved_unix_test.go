//go:build unix && !solaris && !illumos && !aix

package audit_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The process is that of a user who is not root, whatever the user of the test.
func TestEventsWaitWhileTheDirectoryIsClosed(t *testing.T) {
	directory := unprivilegedTempDir(t)
	path := filepath.Join(directory, "permission.log")
	process := startChild(t, "unprivileged", path)
	require.Equal(t, "<nil>", process.says(t))
	process.goOn(t)
	require.Equal(t, "<nil>", process.says(t))

	require.NoError(t, os.Chmod(directory, 0))
	t.Cleanup(func() { _ = os.Chmod(directory, 0o700) })
	process.goOn(t)
	require.Contains(t, process.says(t), "permission denied")
	require.NoError(t, os.Chmod(directory, 0o700))
	answer := process.says(t)
	for strings.HasPrefix(answer, "in the background:") {
		answer = process.says(t)
	}
	require.Equal(t, "<nil>", answer)
	require.Equal(t, []string{"child", "child"}, logged(t, path))
}

// A file that nobody may open any more is still open here.
func TestALogWithoutPermissionsIsStillWritten(t *testing.T) {
	path := filepath.Join(unprivilegedTempDir(t), "permission.log")
	process := startChild(t, "unprivileged", path)
	require.Equal(t, "<nil>", process.says(t))
	require.NoError(t, os.Chmod(path, 0))
	process.goOn(t)
	require.Equal(t, "<nil>", process.says(t))
	require.NoError(t, os.Chmod(path, 0o600))
	require.Equal(t, []string{"child"}, logged(t, path))
}
