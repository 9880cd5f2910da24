//go:build cgo

package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/race"
	"github.com/stretchr/testify/require"
)

func TestAFullBatchIsEightStatements(t *testing.T) {
	s, db := openSpy(t, newPath(t), "_journal_mode=WAL&_synchronous=FULL")
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	for size, statements := range map[int]int{4096: 8, 4095: 7 + 7 + 7 + 7, 512: 1, 8: 1, 1: 1} {
		s.forget()
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(size)...)))
		require.Len(t, s.executed("INSERT"), statements, size)
		require.Len(t, s.executed(""), statements+3, "besides: PRAGMA, BEGIN, COMMIT")
	}
}

func TestABatchTakesFewAllocations(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	store := openTest(t, newPath(t), nil)
	require.NoError(t, store.Ping(t.Context()))
	batch := entries(t, numbered(4096)...)
	n := testing.AllocsPerRun(5, func() {
		for i := range batch {
			batch[i].ID = audit.NewEventID()
		}
		require.NoError(t, store.WriteBatch(t.Context(), batch))
	})
	t.Logf("%v allocations", n)
	require.Less(t, n, 64.0)
}

func TestABatchEndsWithItsContextBetweenTwoStatements(t *testing.T) {
	s, db := openSpy(t, newPath(t), "_journal_mode=WAL")
	store := newTest(t, db, nil)
	require.NoError(t, store.Ping(t.Context()))
	ctx, cancel := context.WithCancel(t.Context())
	s.before = func(statement string) error {
		if strings.HasPrefix(statement, "INSERT") && len(s.executed("INSERT")) == 2 {
			cancel()
		}
		return nil
	}
	batch := entries(t, numbered(4*mostRows)...)
	err := store.WriteBatch(ctx, batch)
	require.ErrorIs(t, err, context.Canceled)
	require.False(t, isPermanent(t, err))
	require.Len(t, s.executed("INSERT"), 2)
	require.Empty(t, managers(t, store, everything))
	s.before = nil
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, managersOf(len(batch)), managers(t, store, everything))
}

func TestValuesReachTheirColumns(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	batch := entries(t, numbered(mostRows+manyRows+someRows+1)...)
	var expected []string
	for i := range batch {
		e := &batch[i]
		e.Granted, e.Bypassed, e.User, e.UserID = i%2 == 0, i%3 == 0, fmt.Sprint("user ", i), ""
		if i%5 == 0 {
			e.Metadata, e.Action, e.Manager, e.User, e.UserID = nil, "", "", "", fmt.Sprint(i)
		}
		if i%7 == 0 {
			e.Sanitized = fmt.Appendf(nil, `["manager:%d"]`, i)
		}
		null := func(text string) string {
			if text == "" {
				return "null"
			}
			return text
		}
		flags := map[bool]int{true: 1}
		expected = append(expected, fmt.Sprint(e.ID, " ", e.Timestamp.Format(timeLayout), " ", e.Action, " ", string(e.Attributes), " ", flags[e.Granted], " ", flags[e.Bypassed], " ",
			null(e.Manager), " ", null(e.UserID), " ", null(e.User), " ", string(e.Permissions), " ", null(string(e.Metadata)), " ", null(string(e.Sanitized))))
	}
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, expected, texts(t, store.reads, `SELECT concat_ws(' ', event_id, created_at, action, attributes, granted, bypassed, coalesce(manager, 'null'),
		coalesce(user_id, 'null'), coalesce(user_repr, 'null'), permissions, coalesce(metadata, 'null'), coalesce(sanitized, 'null')) FROM permission_audit_log ORDER BY id`))
	for column, kinds := range map[string]int{"event_id": 1, "created_at": 1, "action": 1, "granted": 1, "metadata": 2, "sanitized": 2} {
		require.Len(t, texts(t, store.reads, "SELECT DISTINCT typeof("+column+") FROM permission_audit_log"), kinds, column)
	}
	require.Equal(t, []string{"text"}, texts(t, store.reads, "SELECT DISTINCT typeof(attributes) FROM permission_audit_log"))
}

// Another driver, or one around go-sqlite3 that hides what it can, is refused in words.
func TestAnotherDriverIsNamed(t *testing.T) {
	_, err := prepare(t.Context(), struct{ driver.Conn }{}, "")
	require.ErrorContains(t, err, "struct { driver.Conn } is no connection of go-sqlite3")
	s, db := openSpy(t, newPath(t), "")
	require.NoError(t, db.PingContext(t.Context()))
	conn, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = prepare(t.Context(), hidingConn{conn}, "SELECT 1")
	require.ErrorContains(t, err, "struct { driver.Stmt } is no statement of go-sqlite3")
}

type hidingConn struct{ driver.Conn }

func (c hidingConn) PrepareContext(_ context.Context, statement string) (driver.Stmt, error) {
	prepared, err := c.Prepare(statement)
	return struct{ driver.Stmt }{prepared}, err
}
