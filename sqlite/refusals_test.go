//go:build cgo

package sqlite

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// guarded creates the table with a rule of the user's own.
func guarded(tb testing.TB, path, rule string) {
	tb.Helper()
	ddl, err := Schema("")
	require.NoError(tb, err)
	execute(tb, path, strings.Replace(ddl, "\n);", ",\n    "+rule+"\n);", 1))
}

func TestFault11ARowThatTheTableRefusesIsTheOnlyDeadLetter(t *testing.T) {
	path := newPath(t)
	guarded(t, path, "CHECK (manager <> 'm577')")
	s, db := openSpy(t, path, "_journal_mode=WAL")
	logger, failures := newLogger(t, newTest(t, db, nil), audit.DatabaseOptions{Buffer: audit.BufferOptions{BatchSize: 1000}})
	record(t, logger, numbered(1000)...)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	require.NoError(t, logger.Flush(ctx))
	stats := logger.Stats()
	require.EqualValues(t, 999, stats.Written)
	require.EqualValues(t, 1, stats.DeadLettered)
	stored := managers(t, openTest(t, path, nil), everything)
	require.Len(t, stored, 999)
	require.NotContains(t, stored, "m577")
	transactions := len(s.executed("BEGIN"))
	require.LessOrEqual(t, transactions, 30, "the batch is halved")
	faults.Report(t, faults.Row{
		Fault: "11 a row of 1000 refused, SQLite", Rounds: 1, Counts: faults.Counts{Submitted: 1000, Acked: 999, Found: 999},
		Note: fmt.Sprintf("1 dead letter, %d transactions", transactions),
	})
	var letter *audit.DeadLetterError
	for letter == nil {
		err := failure(t, failures)
		require.ErrorContains(t, err, "constraint failed")
		require.ErrorAs(t, err, &letter)
	}
	require.Contains(t, string(letter.Line), `"manager":"m577"`)
}

func TestWhatAConstraintRefusesIsPermanent(t *testing.T) {
	for name, rule := range map[string]string{
		"check":   "CHECK (manager <> 'm1')",
		"unique":  "UNIQUE (user_id)",
		"foreign": "FOREIGN KEY (manager) REFERENCES managers (name)",
	} {
		path := newPath(t)
		guarded(t, path, rule)
		execute(t, path, "CREATE TABLE managers (name TEXT PRIMARY KEY); INSERT INTO managers VALUES ('m0')")
		store := newTest(t, openDB(t, path, "_foreign_keys=1"), nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), name)
		err := store.WriteBatch(t.Context(), entries(t, event("m1")))
		require.ErrorContains(t, err, "constraint failed", name)
		require.ErrorContains(t, err, "sqlite: write to sqlite table permission_audit_log: ", name)
		require.True(t, isPermanent(t, err), name)
		require.Equal(t, []string{"m0"}, managers(t, store, everything))
	}
}

// A trigger may refuse too. Its rows are halved like others.
func TestWhatATriggerRefusesIsPermanent(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.Ping(t.Context()))
	execute(t, path, "CREATE TRIGGER no BEFORE INSERT ON permission_audit_log WHEN NEW.manager = 'm1' BEGIN SELECT raise(ABORT, 'not this one'); END")
	err := store.WriteBatch(t.Context(), entries(t, numbered(3)...))
	require.ErrorContains(t, err, "not this one")
	require.True(t, isPermanent(t, err))
	require.Empty(t, managers(t, store, everything))
}

func TestARowTooBigForTheConnectionIsPermanent(t *testing.T) {
	s, db := openSpy(t, newPath(t), "")
	db.SetMaxOpenConns(1)
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	conn, err := db.Conn(t.Context())
	require.NoError(t, err)
	require.NoError(t, conn.Raw(func(c any) error {
		c.(*spiedConn).SetLimit(0, 5000) // SQLITE_LIMIT_LENGTH
		return nil
	}))
	require.NoError(t, conn.Close())
	big := event("big")
	big.Metadata = map[string]any{"v": strings.Repeat("x", 6000)}
	err = store.WriteBatch(t.Context(), entries(t, big))
	require.ErrorContains(t, err, "too big")
	require.True(t, isPermanent(t, err))
	require.Len(t, s.executed("ROLLBACK"), 1)
}

// What the operator can mend waits: nothing is dead-lettered for it.
func TestWhatCanBeMendedIsNotPermanent(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.Ping(t.Context()))
	execute(t, path, "ALTER TABLE permission_audit_log RENAME COLUMN sanitized TO repaired")
	err := store.WriteBatch(t.Context(), entries(t, event("m0")))
	require.ErrorContains(t, err, "sanitized")
	require.False(t, isPermanent(t, err))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), "it is added, as in general_manager's table")
	require.True(t, slices.Contains(columns(t, store), "sanitized TEXT"))
}
