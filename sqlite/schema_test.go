//go:build cgo

package sqlite

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheTableIsCreatedByTheFirstWriteNotByOpeningOrReading(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.Empty(t, tables(t, path))
	require.Empty(t, managers(t, store, everything), "what is not there yet is empty")
	require.Empty(t, tables(t, path))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.Equal(t, []string{"permission_audit_log"}, tables(t, path))
}

func TestPingCreatesTheTable(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, &Options{TableName: "decisions"})
	require.NoError(t, store.Ping(t.Context()))
	require.NoError(t, store.Ping(t.Context()))
	require.Equal(t, []string{"decisions"}, tables(t, path))
	require.Equal(t, []string{
		"decisions_bypassed", "decisions_created_at", "decisions_denied", "decisions_event_id", "decisions_gap_created_at",
		"decisions_metadata_request_id", "decisions_user_arrival", "decisions_user_id_created_at",
	}, indexes(t, store))
}

func TestColumnsAreThoseOfTheContract(t *testing.T) {
	store := openTest(t, ":memory:", nil)
	require.NoError(t, store.Ping(t.Context()))
	require.Equal(t, []string{
		"id INTEGER", "event_id TEXT", "created_at TEXT", "action TEXT", "attributes TEXT", "granted INTEGER", "bypassed INTEGER",
		"manager TEXT", "user_id TEXT", "user_repr TEXT", "permissions TEXT", "metadata TEXT", "sanitized TEXT",
	}, texts(t, store.reads, "SELECT name || ' ' || type FROM pragma_table_info('permission_audit_log')"))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.Equal(t, []string{"integer text text text text integer integer text text null text text null"}, texts(t, store.reads,
		`SELECT concat_ws(' ', typeof(id), typeof(event_id), typeof(created_at), typeof(action), typeof(attributes), typeof(granted), typeof(bypassed),
			typeof(manager), typeof(user_id), typeof(user_repr), typeof(permissions), typeof(metadata), typeof(sanitized)) FROM permission_audit_log`))
	require.Equal(t, []string{"1"}, texts(t, store.reads,
		"SELECT created_at GLOB '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9] [0-9][0-9]:[0-9][0-9]:[0-9][0-9].[0-9][0-9][0-9][0-9][0-9][0-9]' FROM permission_audit_log"))
}

func TestSchemaByHandIsWhatTheStoreCreates(t *testing.T) {
	for _, table := range []string{"", "decisions", "main.decisions"} {
		path := newPath(t)
		ddl, err := Schema(table)
		require.NoError(t, err)
		execute(t, path, ddl)
		execute(t, path, ddl) // again
		byHand := openTest(t, path, &Options{TableName: table, SkipSchema: true})
		require.NoError(t, byHand.Ping(t.Context()))
		require.NoError(t, byHand.WriteBatch(t.Context(), entries(t, event("m0"))))
		require.Equal(t, []string{"m0"}, managers(t, byHand, everything))

		itself := openTest(t, newPath(t), &Options{TableName: table})
		require.NoError(t, itself.Ping(t.Context()))
		const all = "SELECT sql FROM sqlite_schema ORDER BY name"
		require.Equal(t, texts(t, itself.reads, all), texts(t, byHand.reads, all))
	}
}

func TestSkipSchemaCreatesNothingAndSaysWhatToRun(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, &Options{SkipSchema: true})
	ddl, err := Schema("")
	require.NoError(t, err)
	for _, err := range []error{store.Ping(t.Context()), store.WriteBatch(t.Context(), entries(t, event("m0")))} {
		require.ErrorContains(t, err, "sqlite: ")
		require.ErrorContains(t, err, path+" table permission_audit_log")
		require.ErrorContains(t, err, ddl)
		require.False(t, isPermanent(t, err))
	}
	require.ErrorContains(t, readError(store, everything), "there is no table permission_audit_log")
	require.Empty(t, tables(t, path))
	execute(t, path, ddl)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), "once it is run")
	require.Equal(t, []string{"m0"}, managers(t, store, everything))
}

func TestATableNeedsNoIndexButTheUniqueOne(t *testing.T) {
	path := newPath(t)
	ddl, err := Schema("")
	require.NoError(t, err)
	unique, _, _ := strings.Cut(ddl, "CREATE INDEX")
	execute(t, path, unique)
	store := openTest(t, path, &Options{SkipSchema: true})
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(5)...)))
	require.Equal(t, []string{"permission_audit_log_event_id"}, indexes(t, store))
}

func TestManyStoresCreateTheTableAtOnce(t *testing.T) {
	path := newPath(t)
	const stores = 8
	errs := make([]error, stores)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for i := range stores {
		store := openTest(t, path, nil)
		all.Go(func() {
			<-begin
			for range 10 { // a lock may take longer than busy_timeout
				if errs[i] = store.Ping(t.Context()); !isBusy(errs[i]) {
					return
				}
			}
		})
	}
	close(begin)
	all.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
	require.Equal(t, []string{"permission_audit_log"}, tables(t, path))
}

func TestADroppedTableIsCreatedAgain(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	execute(t, path, "DROP TABLE permission_audit_log")
	require.Empty(t, managers(t, store, everything))
	err := store.WriteBatch(t.Context(), entries(t, event("m1")))
	require.ErrorContains(t, err, "no such table")
	require.False(t, isPermanent(t, err))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m1"))))
	require.Equal(t, []string{"m1"}, managers(t, store, everything))
	require.Len(t, indexes(t, store), 8)
}

func TestAnotherTableOfTheSameNameIsRefusedAndNotAltered(t *testing.T) {
	for name, foreign := range map[string]struct{ ddl, says string }{
		"table": {
			"CREATE TABLE permission_audit_log (id INTEGER PRIMARY KEY, action TEXT, secret TEXT)",
			"table permission_audit_log is no permission log: it has no column created_at, attributes, granted, bypassed, manager, user_id, user_repr, permissions, metadata",
		},
		"view":            {"CREATE VIEW permission_audit_log AS SELECT 1 AS id", "is no permission log"},
		"index elsewhere": {"CREATE TABLE other (a); CREATE INDEX permission_audit_log_event_id ON other (a)", "something of the same name is in the way of"},
	} {
		path := newPath(t)
		execute(t, path, foreign.ddl)
		store := openTest(t, path, nil)
		before := texts(t, store.reads, "SELECT sql FROM sqlite_schema WHERE name NOT LIKE '%\\_created\\_at' ESCAPE '\\'")
		for _, err := range []error{store.Ping(t.Context()), store.WriteBatch(t.Context(), entries(t, event("m0")))} {
			require.ErrorContains(t, err, foreign.says, name)
			require.ErrorContains(t, err, path, name)
			require.False(t, isPermanent(t, err))
		}
		if name == "index elsewhere" {
			continue
		}
		require.Equal(t, before, texts(t, store.reads, "SELECT sql FROM sqlite_schema"), name)
		require.ErrorContains(t, readError(store, everything), "is no permission log", name)
		require.ErrorContains(t, openTest(t, path, &Options{ReadOnly: true}).Ping(t.Context()), "is no permission log", name)
	}
}

func TestAnAttachedDatabaseIsASchema(t *testing.T) {
	directory := t.TempDir()
	db := openDB(t, directory+"/main.db", "")
	db.SetMaxOpenConns(1) // what is attached belongs to the connection
	_, err := db.ExecContext(t.Context(), "ATTACH ? AS archive", directory+"/archive.db")
	require.NoError(t, err)
	store := newTest(t, db, &Options{TableName: "archive.decisions", MetadataIndexes: []string{"trace_id"}})
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(3)...)))
	require.Equal(t, managersOf(3), managers(t, store, everything))
	require.Empty(t, tables(t, directory+"/main.db"))
	require.Equal(t, []string{"decisions"}, tables(t, directory+"/archive.db"))
	require.ErrorContains(t, newTest(t, db, &Options{TableName: "missing.decisions"}).Ping(t.Context()), "missing")
}

// indexes are the names of those that the store's table has, without SQLite's own.
func indexes(tb testing.TB, store *Store) []string {
	tb.Helper()
	return texts(tb, store.reads, "SELECT name FROM pragma_index_list(?) WHERE name NOT LIKE 'sqlite_%' ORDER BY name", store.reader.Table.Table)
}
