//go:build cgo

package sqlite

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenedDatabasesAreInWALModeAndSyncEveryCommit(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.Equal(t, []string{"wal"}, texts(t, store.writes, "PRAGMA journal_mode"))
	require.Equal(t, []string{"2"}, texts(t, store.writes, "PRAGMA synchronous"))
	require.Equal(t, []string{busyTimeout}, texts(t, store.writes, "PRAGMA busy_timeout"))
	require.Equal(t, []string{cacheSize}, texts(t, store.writes, "PRAGMA cache_size"))
	require.Equal(t, []string{"1"}, texts(t, store.reads, "PRAGMA query_only"))
	require.Equal(t, []string{busyTimeout}, texts(t, store.reads, "PRAGMA busy_timeout"))
	require.Equal(t, 1, store.writes.Stats().MaxOpenConnections)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.Equal(t, []string{"wal"}, texts(t, openDB(t, path, ""), "PRAGMA journal_mode"), "it stays with the file")
}

// transaction is a batch of one event, as statements.
var transaction = []string{"BEGIN IMMEDIATE", "INSERT", "COMMIT"}

func TestABatchIsOneImmediateTransactionWithFullSynchronous(t *testing.T) {
	for _, row := range []struct {
		settings string
		want     []string
		after    string // PRAGMA synchronous
	}{
		{"_synchronous=OFF", around(transaction, "PRAGMA synchronous = FULL", "PRAGMA synchronous = 0"), "0"},
		{"_synchronous=NORMAL", around(transaction, "PRAGMA synchronous = FULL", "PRAGMA synchronous = 1"), "1"},
		{"_synchronous=FULL", transaction, "2"},
		{"_synchronous=EXTRA", transaction, "3"},
		{"_synchronous=OFF&_journal_mode=WAL", around(transaction, "PRAGMA synchronous = FULL", "PRAGMA synchronous = 0"), "0"},
	} {
		s, db := openSpy(t, newPath(t), row.settings)
		store := newTest(t, db, nil)
		require.NoError(t, store.Ping(t.Context()))
		s.forget()
		var inside string
		s.before = func(statement string) error {
			if statement == "COMMIT" {
				inside = strings.Join(s.executed("PRAGMA synchronous ="), "; ")
			}
			return nil
		}
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
		require.Equal(t, row.want, shortened(s.executed("BEGIN", "INSERT", "COMMIT", "ROLLBACK", "PRAGMA synchronous =")), row.settings)
		require.NotContains(t, inside, "= 0")
		require.Equal(t, []string{row.after}, texts(t, db, "PRAGMA synchronous"), row.settings)
	}
}

func TestSynchronousIsRestoredAfterABatchThatFailed(t *testing.T) {
	broken := errors.New("broken")
	s, db := openSpy(t, newPath(t), "_synchronous=OFF")
	db.SetMaxOpenConns(1)
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	for _, failing := range []string{"PRAGMA synchronous = FULL", "BEGIN", "INSERT", "COMMIT"} {
		s.forget()
		s.before = func(statement string) error {
			if strings.HasPrefix(statement, failing) {
				return broken
			}
			return nil
		}
		require.ErrorIs(t, store.WriteBatch(t.Context(), entries(t, event("m0"))), broken)
		if failing != "BEGIN" && failing != "PRAGMA synchronous = FULL" {
			require.Len(t, s.executed("ROLLBACK"), 1)
		}
		require.Equal(t, []string{"0"}, texts(t, db, "PRAGMA synchronous"), failing)
	}
	require.Empty(t, managers(t, store, everything))
}

func TestTheTableIsMadeInATransactionOfItsOwn(t *testing.T) {
	s, db := openSpy(t, newPath(t), "_synchronous=OFF")
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	require.Equal(t, []string{"PRAGMA synchronous = FULL", "BEGIN IMMEDIATE", "CREATE", "COMMIT", "PRAGMA synchronous = 0"},
		shortened(s.executed("BEGIN", "CREATE", "COMMIT", "PRAGMA synchronous =")))
	s.forget()
	require.NoError(t, store.Ping(t.Context()))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("m0"))))
	require.Empty(t, s.executed("CREATE", "SELECT name, type"), "it is not looked at again")
}

func around(statements []string, before, after string) []string {
	return append(append([]string{before}, statements...), after)
}

// shortened are statements without what makes them long.
func shortened(statements []string) []string {
	for i, statement := range statements {
		if word, _, _ := strings.Cut(statement, " "); word == "INSERT" || word == "CREATE" {
			statements[i] = word
		}
	}
	return statements
}
