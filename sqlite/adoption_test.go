//go:build cgo

package sqlite

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// gmTable is the table of general_manager in testdata.
const gmTable = "gm_permission_log"

// generalManager copies the database that general_manager itself made.
func generalManager(tb testing.TB) string {
	tb.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "general_manager.sqlite3"))
	require.NoError(tb, err)
	path := newPath(tb)
	require.NoError(tb, os.WriteFile(path, content, 0o600))
	return path
}

// original are the rows of that table, with all that general_manager wrote.
func original(tb testing.TB, path string) []string {
	tb.Helper()
	return texts(tb, openDB(tb, path, "_busy_timeout=5000"), `SELECT json_array(id, typeof(created_at), CAST(created_at AS text), action, attributes,
		typeof(granted), granted, typeof(bypassed), bypassed, manager, user_id, user_repr, permissions, metadata) FROM gm_permission_log WHERE id <= 600 ORDER BY id`)
}

// plain is what an event is in both logs of general_manager. They differ in its time,
// and neither has an id.
func plain(tb testing.TB, event audit.PermissionAuditEvent) string {
	tb.Helper()
	text, err := json.Marshal(event.Metadata)
	require.NoError(tb, err)
	if event.Metadata == nil {
		text = nil
	}
	event.Metadata = nil
	rest, err := json.Marshal([]any{
		event.Action, event.Attributes, event.Granted, event.Bypassed, event.Manager, event.UserID, event.User, event.Permissions, event.Sanitized,
	})
	require.NoError(tb, err)
	return strings.ReplaceAll(string(rest), "null", "[]") + string(text)
}

func requireLikeTheFile(t *testing.T, events []audit.PermissionAuditEvent) {
	t.Helper()
	lines := read(t, query.Files(filepath.Join("..", "query", "testdata", "general_manager.log")), everything)
	require.Len(t, events, len(lines))
	for i := range lines {
		require.Equal(t, plain(t, lines[i]), plain(t, events[i]), i)
	}
}

func TestGeneralManagersTableIsReadBeforeItIsAdopted(t *testing.T) {
	for _, options := range []Options{{TableName: gmTable, ReadOnly: true}, {TableName: gmTable}, {TableName: gmTable, SkipSchema: true}} {
		store := openTest(t, generalManager(t), &options)
		events := read(t, store, everything)
		require.Len(t, events, 600)
		requireLikeTheFile(t, events)
		require.Len(t, read(t, store, query.Filter{Granted: query.No}), 151)
		require.Len(t, read(t, store, query.Filter{Bypassed: query.Yes}), 15)
		for _, event := range events {
			require.True(t, event.ID.IsZero())
			require.Empty(t, event.Sanitized)
		}
		require.Equal(t, time.Date(2026, 11, 23, 9, 7, 37, 526991000, time.UTC), events[0].Timestamp)
		require.NotContains(t, columns(t, store), "event_id TEXT", "reading alters nothing")
	}
}

func TestGeneralManagersTableIsAdoptedByWriting(t *testing.T) {
	path := generalManager(t)
	before := original(t, path)
	require.Len(t, before, 600)
	store := openTest(t, path, &Options{TableName: gmTable})
	declared := columns(t, store)
	batch := entries(t, numbered(5)...)
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.NoError(t, store.WriteBatch(t.Context(), batch), "the index on event_id is there")
	require.Equal(t, append(declared, "event_id TEXT", "sanitized TEXT"), columns(t, store))
	require.Equal(t, []string{gmTable + "_event_id"}, indexes(t, store), "nothing else is added")
	require.Equal(t, before, original(t, path))
	require.Contains(t, texts(t, store.reads, "SELECT sql FROM sqlite_schema WHERE name = ?", gmTable)[0],
		`"created_at" datetime NOT NULL, "action" varchar(32) NOT NULL, "attributes" text NOT NULL CHECK ((JSON_VALID("attributes")`)

	events := read(t, store, everything)
	require.Len(t, events, 605)
	requireLikeTheFile(t, events[:600])
	require.Equal(t, managersOf(5), managers(t, query.Slice(events[600:]), everything))
	require.Equal(t, batch[4].ID, events[604].ID)
	require.Equal(t, []string{"text"}, texts(t, store.reads, "SELECT DISTINCT typeof(created_at) FROM gm_permission_log"))
	require.NoError(t, store.Close())
	again := openTest(t, path, &Options{TableName: gmTable})
	require.NoError(t, again.Ping(t.Context()))
	require.Len(t, read(t, again, everything), 605)
}

// Another process may adopt the table after this one has looked at it.
func TestGeneralManagersTableIsAdoptedByTwoAtOnce(t *testing.T) {
	path := generalManager(t)
	other := openTest(t, path, &Options{TableName: gmTable})
	s, db := openSpy(t, path, "_busy_timeout=5000")
	store := newTest(t, db, &Options{TableName: gmTable})
	s.before = func(statement string) error {
		if statement == "BEGIN IMMEDIATE" {
			return other.Ping(context.Background())
		}
		return nil
	}
	require.NoError(t, store.Ping(t.Context()))
	require.NotEmpty(t, s.executed("BEGIN IMMEDIATE"))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.Len(t, read(t, other, everything), 601)
}

func TestSkipSchemaSaysWhatGeneralManagersTableLacks(t *testing.T) {
	path := generalManager(t)
	store := openTest(t, path, &Options{TableName: gmTable, SkipSchema: true})
	const lacks = `ALTER TABLE "gm_permission_log" ADD COLUMN event_id TEXT;
ALTER TABLE "gm_permission_log" ADD COLUMN sanitized TEXT;
CREATE UNIQUE INDEX IF NOT EXISTS "gm_permission_log_event_id" ON "gm_permission_log" (event_id);
`
	require.ErrorContains(t, store.Ping(t.Context()), lacks)
	require.NotContains(t, columns(t, store), "event_id TEXT")
	execute(t, path, lacks)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
}

func TestAdoptedColumnsAreCutAfter255Characters(t *testing.T) {
	for _, letter := range []string{"x", "é", "中", "🔒"} {
		store := openTest(t, generalManager(t), &Options{TableName: gmTable})
		long, fits := event(strings.Repeat(letter, 300)), event(strings.Repeat(letter, 255))
		if letter != "x" { // 1024 bytes hold no 300 of the longest
			long.Manager = strings.Repeat(letter, min(300, audit.MaxNameBytes/len(letter)))
		}
		long.UserID, long.Sanitized = long.Manager, []string{"user_id:long"}
		batch := entries(t, fits, long)
		before := string(batch[1].AppendJSON(nil))
		require.NoError(t, store.WriteBatch(t.Context(), batch))
		require.Equal(t, before, string(batch[1].AppendJSON(nil)), "the batch is its owner's")
		events := read(t, store, query.Filter{Newest: true, Limit: 2})
		require.Equal(t, strings.Repeat(letter, 255), events[0].Manager)
		require.Equal(t, strings.Repeat(letter, 255), events[0].UserID)
		require.ElementsMatch(t, []string{"user_id:long", "manager:long"}, events[0].Sanitized)
		require.Equal(t, fits.Manager, events[1].Manager)
		require.Empty(t, events[1].Sanitized)
	}
	store := openTest(t, newPath(t), nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event(strings.Repeat("x", 300)))))
	require.Len(t, managers(t, store, everything)[0], 300, "our own table holds all of it")
}

// columns are those of the store's table with their types.
func columns(tb testing.TB, store *Store) []string {
	tb.Helper()
	return texts(tb, store.reads, "SELECT name || ' ' || type FROM pragma_table_info(?)", store.reader.Table.Table)
}
