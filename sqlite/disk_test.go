//go:build cgo

package sqlite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

func TestFault12AFullDatabaseIsTriedAgainUntilThereIsRoom(t *testing.T) {
	path := newPath(t)
	db := openDB(t, path, "_journal_mode=WAL&_busy_timeout=5000")
	db.SetMaxOpenConns(1) // max_page_count is a setting of the connection
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	_, err := db.ExecContext(t.Context(), "PRAGMA max_page_count = 20")
	require.NoError(t, err)
	logger, failures := newLogger(t, store, audit.DatabaseOptions{})
	record(t, logger, numbered(2000)...)
	err = failure(t, failures)
	require.ErrorContains(t, err, "database or disk is full")
	require.False(t, isPermanent(t, err))
	require.Empty(t, managers(t, store, everything), "a batch is written as a whole")
	require.EqualValues(t, 2000, logger.Stats().Pending)
	_, err = db.ExecContext(t.Context(), "PRAGMA max_page_count = 1000000")
	require.NoError(t, err)
	require.NoError(t, logger.Flush(t.Context()))
	require.Equal(t, managersOf(2000), managers(t, store, everything))
	require.Zero(t, logger.Stats().DeadLettered)
	faults.Report(t, faults.Row{Fault: "12 SQLITE_FULL", Rounds: 1, Counts: faults.Counts{Submitted: 2000, Acked: 2000, Found: 2000}})
}

func TestFault12FilesThatAreNoDatabaseAreRefusedAndNotAltered(t *testing.T) {
	header := make([]byte, 4096)
	copy(header, "SQLite format 3\x00")
	for name, file := range map[string]struct{ content, says string }{
		"text":           {strings.Repeat("not a database\n", 100), "file is not a database"},
		"log":            {`{"id":"019a..."}` + "\n", "file is not a database"},
		"short":          {"x\n", "file is not a database"},
		"broken header":  {string(header), "file is not a database"},
		"damaged header": {"SQLite format 3\x00" + strings.Repeat("\xff", 8000), "file is not a database"},
	} {
		for _, options := range []*Options{nil, {ReadOnly: true}} {
			path := newPath(t)
			require.NoError(t, os.WriteFile(path, []byte(file.content), 0o600))
			_, err := Open(t.Context(), path, options)
			require.ErrorContains(t, err, "sqlite: open "+path+": ", name)
			require.ErrorContains(t, err, file.says, name)
			content, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, file.content, string(content), name)
			require.Equal(t, []string{"audit.db"}, filesIn(t, filepath.Dir(path)), name)
		}
	}
}

func TestFault12ADatabaseWhoseHeaderIsOverwrittenIsRefused(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.NoError(t, store.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	copy(content, "damaged")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	for _, options := range []*Options{nil, {ReadOnly: true}} {
		_, err = Open(t.Context(), path, options)
		require.ErrorContains(t, err, "file is not a database")
	}
}

// Damage behind the header shows when it is read; the events wait.
func TestWritesToADamagedTableAreTriedAgain(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(500)...)))
	require.NoError(t, store.Close())
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	for i := 4096; i < len(content); i++ {
		content[i] = 0xff
	}
	require.NoError(t, os.WriteFile(path, content, 0o600))
	store = openTest(t, path, nil)
	err = store.WriteBatch(t.Context(), entries(t, event("m0")))
	require.ErrorContains(t, err, "malformed")
	require.False(t, isPermanent(t, err))
	require.ErrorContains(t, readError(store, everything), "malformed")
}

// Root may write to every file, so it is the database that refuses.
func TestFault12WritesToAReadOnlyDatabaseAreTriedAgain(t *testing.T) {
	path := newPath(t)
	writer := openTest(t, path, nil)
	require.NoError(t, writer.WriteBatch(t.Context(), entries(t, event("m0"))))
	for _, settings := range []string{"mode=ro", "_query_only=1", "mode=ro&immutable=1"} {
		store := newTest(t, openDB(t, path, settings), nil)
		err := store.WriteBatch(t.Context(), entries(t, event("m1")))
		require.ErrorContains(t, err, "attempt to write a readonly database", settings)
		require.False(t, isPermanent(t, err), settings)
	}
	require.Equal(t, []string{"m0"}, managers(t, writer, everything))
}

func TestAFileThatMayNotBeWrittenIsSaidToBeSo(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write to every file")
	}
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.NoError(t, store.Close())
	require.NoError(t, os.Chmod(path, 0o400))
	if store, err := Open(t.Context(), path, nil); err == nil {
		err = store.WriteBatch(t.Context(), entries(t, event("m1")))
		require.ErrorContains(t, err, "readonly")
		require.NoError(t, store.Close())
	}
	require.Equal(t, []string{"m0"}, managers(t, openTest(t, path, &Options{ReadOnly: true}), everything))
	require.NoError(t, os.Chmod(path, 0))
	_, err := Open(t.Context(), path, nil)
	require.ErrorContains(t, err, "unable to open database file")
}

// filesIn are the names in a directory.
func filesIn(tb testing.TB, directory string) []string {
	tb.Helper()
	found, err := os.ReadDir(directory)
	require.NoError(tb, err)
	names := []string{}
	for _, file := range found {
		names = append(names, file.Name())
	}
	return names
}
