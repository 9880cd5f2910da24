package audit_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// requireRefused checks that no log can be at path, and that the error says what to
// do.
func requireRefused(t *testing.T, path string, parts ...string) {
	t.Helper()
	logger, err := audit.NewFileAuditLogger(path, nil)
	if err == nil {
		_ = logger.Close()
	}
	require.ErrorContains(t, err, "audit: open log: ")
	for _, part := range parts {
		require.ErrorContains(t, err, part)
	}
}

func TestPathsThatCanBeNoLogAreRefused(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	require.NoError(t, os.WriteFile(file, []byte("content\n"), 0o600))
	requireRefused(t, "", "path is empty: name a file, such as /var/log/permission.log")
	requireRefused(t, directory, directory+" is a directory: name a file in it, such as "+filepath.Join(directory, "permission.log"))
	requireRefused(t, filepath.Join(directory, "new")+string(filepath.Separator), "is the path of a directory: name a file in it")
	requireRefused(t, filepath.Join(directory, "a\x00b"), `a\x00b" holds a NUL byte`)
	requireRefused(t, filepath.Join(file, "permission.log"), file)
	entries, err := os.ReadDir(directory)
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing was created")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Equal(t, "content\n", string(text))
}

func TestARelativePathStaysWhereItWas(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	t.Chdir(first)
	logger := openLog(t, filepath.Join("logs", "permission.log"), audit.FileOptions{MaxSize: 1})
	t.Chdir(second)
	record(t, logger, "m0")
	record(t, logger, "m1") // in the next file
	require.NoError(t, os.Rename(filepath.Join(first, "logs", "permission.log"), filepath.Join(first, "logs", "permission-moved.log")))
	record(t, logger, "m2") // found missing
	require.Equal(t, named(3), logged(t, allLogs(t, filepath.Join(first, "logs", "permission.log"))...))
	entries, err := os.ReadDir(second)
	require.NoError(t, err)
	require.Empty(t, entries)
}
