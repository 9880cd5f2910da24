//go:build cgo

package sqlite

import (
	"context"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestPathsThatNameNoFileAreRefused(t *testing.T) {
	directory := t.TempDir()
	file := filepath.Join(directory, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	nowhere := filepath.Join(directory, "link")
	require.NoError(t, os.Symlink(filepath.Join(directory, "missing", "audit.db"), nowhere))
	for path, says := range map[string]string{
		"":                                "path is empty",
		"file:audit.db":                   "it is a URI",
		"file::memory:?cache=shared":      "it is a URI",
		directory:                         "is a directory",
		filepath.Join(file, "audit.db"):   "not a directory",
		nowhere:                           "no such file",
		filepath.Join(directory, "a\x00"): "invalid argument",
	} {
		for _, options := range []*Options{nil, {ReadOnly: true}} {
			_, err := Open(t.Context(), path, options)
			require.ErrorContains(t, err, "sqlite: open "+path+": ")
			require.ErrorContains(t, err, says)
		}
	}
	require.Equal(t, []string{"file", "link"}, filesIn(t, directory))
	require.Empty(t, tables(t, ":memory:"))
}

func TestWhatIsNoPlainFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", path)
	if err != nil {
		t.Skip("there are no sockets here: ", err)
	}
	defer func() { require.NoError(t, listener.Close()) }()
	_, err = Open(t.Context(), path, nil)
	require.ErrorContains(t, err, "is not a plain file")
}

func TestAFileThatIsMissingIsNotMadeForReading(t *testing.T) {
	path := filepath.Join(t.TempDir(), "directory", "audit.db")
	_, err := Open(t.Context(), path, &Options{ReadOnly: true})
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "sqlite: open "+path+": ")
	require.NoDirExists(t, filepath.Dir(path))
}

// These mean something in URIs, in SQL, or to shells.
func TestPathsMayHoldAnyCharacter(t *testing.T) {
	names := []string{
		"a b.db", "a?b=c.db", "a#b.db", "a%20b.db", "100%.db", "a'b.db", `a"b.db`, "a&mode=ro.db", "é中🔒.db", ";drop.db",
		"a+b.db", "?mode=memory", "%", "#", "a:b.db", `a\b.db`, " ", "x.db?", "memory:",
	}
	if runtime.GOOS == "windows" {
		names = []string{"a b.db", "a#b.db", "a%20b.db", "100%.db", "a'b.db", "a&mode=ro.db", "é中🔒.db"}
	}
	for _, name := range names {
		directory := filepath.Join(t.TempDir(), name)
		path := filepath.Join(directory, name)
		store := openTest(t, path, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event(name))), name)
		require.Equal(t, []string{name}, managers(t, store, everything))
		reader := openTest(t, path, &Options{ReadOnly: true})
		require.Equal(t, []string{name}, managers(t, reader, everything))
		require.NoError(t, reader.Close())
		require.Equal(t, []string{name, name + "-shm", name + "-wal"}, filesIn(t, directory))
		source, err := query.Open(t.Context(), "sqlite:"+url.PathEscape(path))
		require.NoError(t, err, name)
		require.Equal(t, []string{name}, managers(t, source, everything))
		require.NoError(t, source.Close())
		require.NoError(t, store.Close())
		require.Equal(t, []string{name}, filesIn(t, directory))
	}
}

func TestRelativePathsAreThoseOfTheProcess(t *testing.T) {
	t.Chdir(t.TempDir())
	store := openTest(t, "audit.db", nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.FileExists(t, "audit.db")
	require.NoError(t, os.Symlink("audit.db", "link.db"))
	require.Equal(t, []string{"m0"}, managers(t, openTest(t, "./link.db", &Options{ReadOnly: true}), everything))
}

func TestWhatIsMadeBelongsToItsOwnerAlone(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("modes mean little there")
	}
	directory := filepath.Join(t.TempDir(), "a", "b")
	path := filepath.Join(directory, "audit.db")
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	for name, mode := range map[string]os.FileMode{
		directory: os.ModeDir | 0o700, filepath.Dir(directory): os.ModeDir | 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600,
	} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, mode.String(), info.Mode().String(), name)
	}
}

func TestTheModeOfAFileThatIsThereIsKept(t *testing.T) {
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.Chmod(path, 0o640))
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	for _, name := range []string{path, path + "-wal"} {
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o640).String(), info.Mode().String(), name)
	}
}

func TestMemoryIsADatabaseForEachStore(t *testing.T) {
	one, other := openTest(t, ":memory:", nil), openTest(t, ":memory:", nil)
	require.NoError(t, one.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.Empty(t, managers(t, other, everything))
	require.NoError(t, other.WriteBatch(t.Context(), entries(t, event("m1"))))
	require.Equal(t, []string{"m0"}, managers(t, one, everything))
	_, err := Open(t.Context(), ":memory:", &Options{ReadOnly: true})
	require.ErrorContains(t, err, "ReadOnly makes no sense")
}

func TestAnEndedContextOpensNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{newPath(t), ":memory:"} {
		_, err := Open(ctx, path, nil)
		require.ErrorIs(t, err, context.Canceled)
	}
}

func TestNewNeedsADatabase(t *testing.T) {
	_, err := New(t.Context(), nil, nil)
	require.ErrorContains(t, err, "sqlite: db is nil")
}

func TestCloseEndsWhatOpenOpenedAndNothingElse(t *testing.T) {
	for _, path := range []string{newPath(t), ":memory:"} {
		store := openTest(t, path, nil)
		require.NoError(t, store.Close())
		require.NoError(t, store.Close(), "a second time")
		require.ErrorContains(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), "closed")
		require.ErrorContains(t, readError(store, everything), "closed")
		require.ErrorContains(t, store.Ping(t.Context()), "closed")
	}
	db := openDB(t, newPath(t), "")
	store := newTest(t, db, nil)
	logger, err := audit.NewDatabaseAuditLogger(store, nil)
	require.NoError(t, err)
	record(t, logger, event("m0"))
	require.NoError(t, logger.Close())
	require.NoError(t, store.Close())
	require.NoError(t, db.PingContext(t.Context()))
	require.Equal(t, []string{"m0"}, texts(t, db, "SELECT manager FROM permission_audit_log"))
}
