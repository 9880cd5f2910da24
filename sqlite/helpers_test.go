//go:build cgo

package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for what should come soon.
const patience = 30 * time.Second

// entries are events as a logger hands them to a store.
func entries(tb testing.TB, events ...audit.PermissionAuditEvent) []audit.Entry {
	tb.Helper()
	batch := make([]audit.Entry, len(events))
	for i, event := range events {
		entry, err := audit.NewEntry(context.Background(), event)
		require.NoError(tb, err)
		batch[i] = entry
	}
	return batch
}

// numbered are n events, whose managers are m0, m1, ...
func numbered(n int) []audit.PermissionAuditEvent {
	events := make([]audit.PermissionAuditEvent, n)
	for i := range events {
		events[i] = event(fmt.Sprint("m", i))
	}
	return events
}

// event is a decision on a manager.
func event(manager string) audit.PermissionAuditEvent {
	return audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Manager: manager, UserID: "42", Attributes: []string{"status"}, Permissions: []string{"isSelf"},
		Metadata: map[string]any{audit.MetadataRequestID: "r-" + manager},
	}
}

// managersOf are those of numbered(n).
func managersOf(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	return names
}

// openTest opens a store that is closed with the test.
func openTest(tb testing.TB, path string, options *Options) *Store {
	tb.Helper()
	store, err := Open(context.Background(), path, options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store
}

// newTest makes a store in a database of the test's own.
func newTest(tb testing.TB, db *sql.DB, options *Options) *Store {
	tb.Helper()
	store, err := New(context.Background(), db, options)
	require.NoError(tb, err)
	return store
}

func newPath(tb testing.TB) string { return filepath.Join(tb.TempDir(), "audit.db") }

// openDB opens a database as somebody else would, settings being the driver's.
func openDB(tb testing.TB, path, settings string) *sql.DB {
	tb.Helper()
	db, err := sql.Open(driverName, "file:"+path+"?"+settings)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return db
}

// execute runs statements as somebody else.
func execute(tb testing.TB, path, statements string) {
	tb.Helper()
	db, err := sql.Open(driverName, "file:"+path+"?_busy_timeout=5000")
	require.NoError(tb, err)
	defer func() { require.NoError(tb, db.Close()) }()
	_, err = db.ExecContext(context.Background(), statements)
	require.NoError(tb, err)
}

// texts are what a statement returns: one column of text.
func texts(tb testing.TB, db *sql.DB, statement string, args ...any) []string {
	tb.Helper()
	rows, err := db.QueryContext(context.Background(), statement, args...)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, rows.Close()) }()
	found := []string{}
	for rows.Next() {
		var text sql.NullString
		require.NoError(tb, rows.Scan(&text))
		found = append(found, text.String)
	}
	require.NoError(tb, rows.Err())
	return found
}

// tables are the names in the schema of a database.
func tables(tb testing.TB, path string) []string {
	tb.Helper()
	db, err := sql.Open(driverName, "file:"+path+"?_busy_timeout=5000")
	require.NoError(tb, err)
	defer func() { require.NoError(tb, db.Close()) }()
	return texts(tb, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
}

// read is what a source yields for a filter; an error ends the test.
func read(tb testing.TB, source query.Source, f query.Filter) []audit.PermissionAuditEvent {
	tb.Helper()
	var events []audit.PermissionAuditEvent
	for event, err := range source.Events(context.Background(), f) {
		require.NoError(tb, err)
		events = append(events, event)
	}
	return events
}

// managers are those of the events that a source yields.
func managers(tb testing.TB, source query.Source, f query.Filter) []string {
	tb.Helper()
	found := []string{}
	for _, event := range read(tb, source, f) {
		found = append(found, event.Manager)
	}
	return found
}

// readError is the error that ends a reading.
func readError(source query.Source, f query.Filter) error {
	var last error
	for _, err := range source.Events(context.Background(), f) {
		last = err
	}
	return last
}

// newLogger starts a logger over a store. What goes wrong in the background comes
// through the channel.
func newLogger(tb testing.TB, store audit.Sink, options audit.DatabaseOptions) (*audit.DatabaseAuditLogger, <-chan error) {
	tb.Helper()
	failures := make(chan error, 1000)
	options.Buffer.OnError = func(err error) { failures <- err }
	logger, err := audit.NewDatabaseAuditLogger(store, &options)
	require.NoError(tb, err)
	unwatch := faults.WatchLedger(tb, logger.Stats)
	tb.Cleanup(func() {
		require.NoError(tb, logger.Close())
		unwatch()
	})
	return logger, failures
}

// failure is the next error in the background.
func failure(tb testing.TB, failures <-chan error) error {
	tb.Helper()
	select {
	case err := <-failures:
		return err
	case <-time.After(patience):
		require.Fail(tb, "nothing was reported")
		return nil
	}
}

func record(tb testing.TB, logger audit.AuditLogger, events ...audit.PermissionAuditEvent) {
	tb.Helper()
	for _, event := range events {
		require.NoError(tb, logger.Record(context.Background(), event))
	}
}
