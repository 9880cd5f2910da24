package interop_test

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

const djangos = "gm_permission_log"

func TestDjangoAndTheLoggerShareDjangosTable(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, db *database) {
		db.create(t, djangos)
		db.insert(t, djangos, theirs())
		db.call(t, "json_null", map[string]any{"table": djangos, "manager": "JSON null"}, nil)
		before := db.columns(t, djangos)

		t.Run("its rows are read, and nothing is altered", func(t *testing.T) {
			rows := db.rows(t, djangos, selection{})
			require.Len(t, rows, len(theirs()))
			require.Equal(t, rows, read(t, db, djangos, query.Filter{}))
			requireSameAnswers(t, db, djangos)
			require.Equal(t, before, db.columns(t, djangos))
		})

		logger := openLogger(t, db, djangos)
		events := ours()
		record(t, logger, events...)
		t.Run("it is adopted: two columns are added", func(t *testing.T) {
			after := db.columns(t, djangos)
			require.Equal(t, before, after[:len(before)])
			added := map[string]bool{}
			for _, column := range after[len(before):] {
				added[column[0]] = true
			}
			require.Equal(t, map[string]bool{"event_id": true, "sanitized": true}, added)
		})
		t.Run("Django reads what the logger wrote", func(t *testing.T) {
			rows := db.rows(t, djangos, selection{})
			require.Len(t, rows, len(theirs())+len(events))
			require.Equal(t, recorded(t, events), rows[len(theirs()):])
			requireSameAnswers(t, db, djangos)
		})
		t.Run("Django goes on writing beside the logger", func(t *testing.T) {
			db.insert(t, djangos, later())
			more := ours()
			record(t, logger, more...)
			rows := db.rows(t, djangos, selection{})
			require.Len(t, rows, 2*len(theirs())+2*len(events))
			require.Equal(t, recorded(t, more), rows[len(rows)-len(more):])
			requireSameAnswers(t, db, djangos)
			requireIDs(t, db, djangos, slices.Concat(
				make([]audit.EventID, len(theirs())), ids(events), make([]audit.EventID, len(later())), ids(more)))
		})
		require.NoError(t, logger.Close())

		t.Run("it is adopted once", func(t *testing.T) {
			after := db.columns(t, djangos)
			again := openLogger(t, db, djangos)
			record(t, again, events...) // their ids are known
			require.NoError(t, again.Close())
			require.Equal(t, after, db.columns(t, djangos))
			require.Len(t, db.rows(t, djangos, selection{}), 2*len(theirs())+2*len(events))
		})
	})
}

func TestDjangoReadsAndWritesTheLoggersTable(t *testing.T) {
	const table = "permission_audit_log"
	inEachDatabase(t, func(t *testing.T, db *database) {
		logger := openLogger(t, db, table)
		events := ours()
		record(t, logger, events...)
		require.Equal(t, recorded(t, events), db.rows(t, table, selection{}))
		requireSameAnswers(t, db, table)

		db.insert(t, table, theirs())
		rows := db.rows(t, table, selection{})
		require.Len(t, rows, len(events)+len(theirs()))
		require.Equal(t, rows, read(t, db, table, query.Filter{}))
		requireSameAnswers(t, db, table)
		requireIDs(t, db, table, append(ids(events), make([]audit.EventID, len(theirs()))...))

		record(t, logger, ours()...)
		requireSameAnswers(t, db, table)
		require.NoError(t, logger.Close())
	})
}

func TestDjangoReadsHostileTextAsItWasRecorded(t *testing.T) {
	var events []audit.PermissionAuditEvent
	for _, name := range slices.Sorted(maps.Keys(hostile)) {
		text := hostile[name]
		events = append(events, audit.PermissionAuditEvent{
			ID: audit.NewEventID(), Timestamp: at("2026-11-23T07:46:20.123456Z"),
			Action: "read", Manager: text, UserID: text, User: audit.UserRepr(text),
			Attributes: []string{text, "", text}, Permissions: []string{text},
			Metadata: map[string]any{"request_id": text, text + "!": []any{text, map[string]any{text + "!": text}}},
		})
	}
	events = append(events,
		audit.PermissionAuditEvent{
			ID: audit.NewEventID(), Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
			Action: audit.Action(strings.Repeat("é", audit.MaxActionBytes/2)), Manager: "far future",
		},
		audit.PermissionAuditEvent{
			ID: audit.NewEventID(), Timestamp: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC),
			Action: "read", Manager: "far past", Metadata: map[string]any{"password": "swordfish"},
		},
		audit.PermissionAuditEvent{
			ID: audit.NewEventID(), Timestamp: at("2026-11-23T07:46:20Z"),
			Action: "read", Manager: "long", User: audit.UserRepr(strings.Repeat("🔒", audit.MaxStringBytes)),
			Attributes: []string{strings.Repeat("\x01", audit.MaxStringBytes)},
			Metadata:   map[string]any{"long": strings.Repeat("\"", audit.MaxMetadataBytes), "deep": deep(40)},
		},
	)
	inEachDatabase(t, func(t *testing.T, db *database) {
		for _, table := range []string{djangos, "permission_audit_log"} {
			t.Run(table, func(t *testing.T) {
				if table == djangos {
					db.create(t, table)
				}
				logger := openLogger(t, db, table)
				record(t, logger, events...)
				require.NoError(t, logger.Close())

				want := recorded(t, events)
				require.Equal(t, want, db.rows(t, table, selection{}))
				source := openSource(t, db, table)
				require.Equal(t, want, readFrom(t, source, query.Filter{}))
				for i, event := range want[:len(hostile)] {
					for field, filter := range map[string]query.Filter{
						"manager":              {Manager: in(*event.Manager)},
						"user_id":              {User: in(*event.UserID)},
						"metadata__request_id": {Metadata: map[string]query.Terms{"request_id": in(*event.Manager)}},
					} {
						found := db.rows(t, table, selection{filter: map[string]any{field: *event.Manager}})
						require.Equal(t, want[i:i+1], found, "%s %q", field, *event.Manager)
						require.Equal(t, found, readFrom(t, source, filter), "%s %q", field, *event.Manager)
					}
				}
			})
		}
	})
}

func TestNamesTooLongForDjangosColumnsAreCutAndNamed(t *testing.T) {
	inEachDatabase(t, func(t *testing.T, db *database) {
		db.create(t, djangos)
		logger := openLogger(t, db, djangos)
		event := ours()[0]
		event.Manager = strings.Repeat("é", 255) + "x"
		event.UserID = strings.Repeat("🔒", 255)
		record(t, logger, event)
		require.NoError(t, logger.Close())

		event.Manager = strings.Repeat("é", 255)
		require.Equal(t, recorded(t, []audit.PermissionAuditEvent{event}), db.rows(t, djangos, selection{}))
		for event, err := range openSource(t, db, djangos).Events(t.Context(), query.Filter{}) {
			require.NoError(t, err)
			require.Equal(t, []string{"manager:long"}, event.Sanitized)
		}
	})
}

// deep is an array in an array, so often.
func deep(levels int) (value any) {
	for range levels {
		value = []any{value}
	}
	return value
}

func openLogger(t *testing.T, db *database, table string) *audit.DatabaseAuditLogger {
	t.Helper()
	store, err := db.open(t.Context(), table)
	require.NoError(t, err)
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{
		DeadLetterPath: t.TempDir() + "/dead.log",
		Buffer:         audit.BufferOptions{OnError: func(err error) { t.Error(err) }},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, logger.Close()) })
	return logger
}

// record records the events and waits until they are in the database. A store that
// cannot write says so in the error of Flush.
func record(t *testing.T, logger *audit.DatabaseAuditLogger, events ...audit.PermissionAuditEvent) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for _, event := range events {
		require.NoError(t, logger.Record(ctx, event))
	}
	require.NoError(t, logger.Flush(ctx))
	require.Zero(t, logger.Stats().DeadLettered)
}

// recorded are the rows that events should be, after the repairs that every logger makes.
func recorded(t *testing.T, events []audit.PermissionAuditEvent) []row {
	t.Helper()
	rows := make([]row, len(events))
	for i, event := range events {
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		event, err := entry.Event()
		require.NoError(t, err)
		rows[i] = rowOf(event)
	}
	return rows
}

func openSource(t *testing.T, db *database, table string) *query.Handle {
	t.Helper()
	source, err := query.Open(t.Context(), db.spec(table))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, source.Close()) })
	return source
}

// read reads the table with the library.
func read(t *testing.T, db *database, table string, filter query.Filter) []row {
	t.Helper()
	return readFrom(t, openSource(t, db, table), filter)
}

func readFrom(t *testing.T, source query.Source, filter query.Filter) []row {
	t.Helper()
	rows := []row{}
	for event, err := range source.Events(t.Context(), filter) {
		require.NoError(t, err)
		rows = append(rows, rowOf(event))
	}
	return rows
}

// requireSameAnswers asks Django and the library the same questions.
func requireSameAnswers(t *testing.T, db *database, table string) {
	t.Helper()
	source := openSource(t, db, table)
	for name, question := range questions {
		require.Equal(t, db.rows(t, table, question.django), readFrom(t, source, question.query), name)
	}

	// By time: the library reads in order of arrival, and sorting is its caller's.
	newest := readFrom(t, source, query.Filter{Newest: true})
	slices.SortStableFunc(newest, func(a, b row) int { return strings.Compare(b.CreatedAt, a.CreatedAt) })
	require.Equal(t, newest, db.rows(t, table, selection{orderBy: []string{"-created_at", "-id"}}))
}

// requireIDs checks the ids of all rows, zero for those of Django.
func requireIDs(t *testing.T, db *database, table string, want []audit.EventID) {
	t.Helper()
	var found []audit.EventID
	for event, err := range openSource(t, db, table).Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		found = append(found, event.ID)
	}
	require.Equal(t, want, found)
}

func ids(events []audit.PermissionAuditEvent) []audit.EventID {
	ids := make([]audit.EventID, len(events))
	for i, event := range events {
		ids[i] = event.ID
	}
	return ids
}
