//go:build cgo

package sqlite

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// contents are hashes of the files in a directory, but for the shared memory of those who have
// the database open.
func contents(tb testing.TB, directory string) map[string]string {
	tb.Helper()
	found := map[string]string{}
	for _, name := range filesIn(tb, directory) {
		content, err := os.ReadFile(filepath.Join(directory, name))
		require.NoError(tb, err)
		if filepath.Ext(name) == ".db-shm" {
			content = nil
		}
		found[name] = fmt.Sprintf("%d bytes %x", len(content), sha256.Sum256(content))
	}
	return found
}

// requireOnlyRead reads a database for reading only, and requires that this leaves no
// trace.
func requireOnlyRead(t *testing.T, path string, options Options, want int) {
	t.Helper()
	before := contents(t, filepath.Dir(path))
	options.ReadOnly = true
	store := openTest(t, path, &options)
	require.NoError(t, store.Ping(t.Context()))
	require.Len(t, read(t, store, everything), want)
	require.Len(t, read(t, store, query.Filter{Newest: true, Granted: query.No, Fields: query.FieldID}), len(read(t, store, query.Filter{Granted: query.No})))
	require.EqualError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), "sqlite: write batch: the store is read-only")
	require.NoError(t, store.Close())
	require.Equal(t, before, contents(t, filepath.Dir(path)))
}

func TestReadOnlyLeavesAClosedDatabaseAsItWas(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(300)...)))
	require.NoError(t, store.Close())
	require.Equal(t, []string{"audit.db"}, filesIn(t, filepath.Dir(path)))
	requireOnlyRead(t, path, Options{}, 300)
}

func TestReadOnlyLeavesADatabaseInUseAsItWas(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(300)...)))
	require.FileExists(t, path+"-wal")
	requireOnlyRead(t, path, Options{}, 300)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m300"))))
	requireOnlyRead(t, path, Options{}, 301)
}

// What a writer that was killed left behind is read, and left for the next writer.
func TestReadOnlyLeavesTheLogOfAKilledWriterAsItWas(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(300)...)))
	left := newPath(t)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		content, err := os.ReadFile(path + suffix)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(left+suffix, content, 0o600))
	}
	requireOnlyRead(t, left, Options{}, 300)
	require.Len(t, managers(t, openTest(t, left, nil), everything), 300)
}

func TestReadOnlyLeavesGeneralManagersDatabaseAsItWas(t *testing.T) {
	requireOnlyRead(t, generalManager(t), Options{TableName: gmTable}, 600)
}

func TestReadOnlySeesWhatIsWrittenLater(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.NoError(t, store.Close())
	reader := openTest(t, path, &Options{ReadOnly: true})
	require.Equal(t, []string{"m0"}, managers(t, reader, everything))
	store = openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m1"))))
	require.Equal(t, []string{"m0", "m1"}, managers(t, reader, everything))
}

func TestReadOnlyNeedsTheTable(t *testing.T) {
	path := newPath(t)
	execute(t, path, "CREATE TABLE other (a)")
	store := openTest(t, path, &Options{ReadOnly: true})
	for _, err := range []error{store.Ping(t.Context()), readError(store, everything)} {
		require.ErrorContains(t, err, path+" table permission_audit_log: there is no table permission_audit_log")
	}
	require.Equal(t, []string{"other"}, tables(t, path))
}

// An empty file is an empty database: readable, and still empty afterwards.
func TestReadOnlyLeavesAnEmptyFileEmpty(t *testing.T) {
	path := newPath(t)
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	store := openTest(t, path, &Options{ReadOnly: true})
	require.ErrorContains(t, store.Ping(t.Context()), "there is no table")
	require.NoError(t, store.Close())
	require.Equal(t, []string{"audit.db"}, filesIn(t, filepath.Dir(path)))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, content)
}

func TestALoggerTakesNoStoreThatIsReadOnly(t *testing.T) {
	path := newPath(t)
	require.NoError(t, openTest(t, path, nil).Ping(t.Context()))
	_, err := audit.NewDatabaseAuditLogger(openTest(t, path, &Options{ReadOnly: true}), nil)
	require.ErrorContains(t, err, "read-only")
}

func TestAPathAloneIsNoDatabaseForQueryOpen(t *testing.T) {
	path := newPath(t)
	require.NoError(t, openTest(t, path, nil).Ping(t.Context()))
	_, err := query.Open(t.Context(), path)
	require.ErrorContains(t, err, "it is an SQLite database: write sqlite:"+path)
}
