package postgres

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/asread"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// deployed are events of two deployments, a minute apart, some of them sampled.
func deployed(n int) []audit.PermissionAuditEvent {
	events := someEvents(n)
	for i := range events {
		e := &events[i]
		e.Manager, e.UserID, e.Granted, e.Bypassed = fmt.Sprint("m", i%7), fmt.Sprint("u", i%13), i%3 == 0, i%5 == 0
		e.Attributes, e.Timestamp = []string{"status", fmt.Sprint("a", i%5)}, time.Date(2026, 11, 23, 0, i, 0, 0, time.UTC)
		e.Metadata = map[string]any{"deployment": fmt.Sprint("v", i%2)}
		if i%10 == 9 {
			e.Metadata[audit.MetadataSampleRate] = 0.5
		}
	}
	return events
}

// deployments are a set for each of so many.
func deployments(n int) []query.Set {
	sets := make([]query.Set, n)
	for i := range sets {
		sets[i].Filter.Metadata = map[string]query.Terms{"deployment": {In: []string{fmt.Sprint("v", i)}}}
	}
	return sets
}

// Whatever the pool has, and however its connections ask, the answer is the same.
func TestUsersAreCountedOnAnyConnections(t *testing.T) {
	dsn := newDatabase(t)
	events := deployed(2000)
	require.NoError(t, openTest(t, dsn, nil).WriteBatch(t.Context(), entries(t, events...)))
	for _, connections := range []int32{1, 2, 5} {
		for _, mode := range []string{"", "&default_query_exec_mode=simple_protocol", "&default_query_exec_mode=exec"} {
			store, err := New(t.Context(), poolOf(t, dsn+mode, connections), nil)
			require.NoError(t, err)
			for _, sets := range [][]query.Set{deployments(2), deployments(5), asread.Sets("v0")} {
				for _, by := range [][]string{{"manager", "action", "attribute"}, {"day", "granted"}, {"metadata.deployment", "user"}} {
					got, damage := asread.Users(t, store, sets, by...)
					want, _ := asread.Users(t, asread.OneByOne{Source: store}, sets, by...)
					require.Equal(t, want, got, "%d %s %v", connections, mode, by)
					require.Empty(t, damage)
				}
			}
		}
	}
}

// Readings that hold a connection each do not wait for one another's.
func TestManyCountUsersWithFewConnections(t *testing.T) {
	dsn := newDatabase(t)
	store, err := New(t.Context(), poolOf(t, dsn, 2), nil)
	require.NoError(t, err)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, deployed(500)...)))
	want, _ := asread.Users(t, store, deployments(3), "manager")
	var all sync.WaitGroup
	got := make([][]string, 16)
	for i := range got {
		all.Go(func() {
			for range 5 {
				got[i], _ = asread.Users(t, store, deployments(3), "manager")
			}
		})
	}
	all.Wait()
	for i := range got {
		require.Equal(t, want, got[i])
	}
	require.Zero(t, store.pool.Stat().AcquiredConns())
}

// What is written when the first row is there belongs to no set, whenever another
// connection comes to help.
func TestAllSetsAreThoseOfOneState(t *testing.T) {
	for _, connections := range []int32{1, 2} {
		dsn := newDatabase(t)
		store, err := New(t.Context(), poolOf(t, dsn, connections), nil)
		require.NoError(t, err)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, deployed(500)...)))
		free := func() {}
		helping := make(chan struct{})
		if connections == 2 {
			conn, err := store.pool.Acquire(t.Context())
			require.NoError(t, err)
			free = conn.Release
		} else {
			close(helping)
		}
		var once sync.Once
		var counts [4]atomic.Int64
		workers := 0
		statement := table.Parts{Columns: []string{"manager"}, User: "user_id", Rows: true}
		err = store.rows(t.Context(), []table.Parts{statement, statement, statement, statement}, func() func(int, *table.Part) error {
			if workers++; workers == 2 {
				close(helping)
			}
			return func(i int, _ *table.Part) error {
				once.Do(func() {
					execute(t, dsn, "INSERT INTO permission_audit_log (created_at, action, attributes, granted, bypassed, permissions) VALUES (now(), 'read', '[]', true, false, '[]')")
					free()
					<-helping
				})
				counts[i].Add(1)
				return nil
			}
		})
		require.NoError(t, err)
		require.Equal(t, int(connections), workers)
		for i := range counts {
			require.Equal(t, int64(500), counts[i].Load())
		}
		require.Equal(t, 501, count(t, dsn, countAll))
	}
}

func TestDamagedRowsAreYieldedBesideUsers(t *testing.T) {
	for _, change := range []string{
		"created_at = 'infinity'", "created_at = '-infinity'", "created_at = '0044-03-15 12:00:00 BC'", "created_at = '12026-01-01'",
		"metadata = '[1]'", "metadata = '\"sample_rate\"'", "metadata = 'null'", "metadata = '{}'", "metadata = NULL",
		"attributes = '{}'", "attributes = 'null'", "attributes = '[1]'", `attributes = '["a", "a"]'`,
		"granted = NULL", "bypassed = NULL", "created_at = NULL", "attributes = NULL", "action = ''",
	} {
		dsn := newDatabase(t)
		store := openTest(t, dsn, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(3)...)))
		if column, isNull := strings.CutSuffix(change, " = NULL"); isNull {
			execute(t, dsn, "ALTER TABLE permission_audit_log ALTER COLUMN "+column+" DROP NOT NULL")
		}
		execute(t, dsn, "UPDATE permission_audit_log SET "+change+" WHERE id = 2")
		for _, by := range [][]string{nil, {"attribute"}, {"day"}, {"metadata.request_id", "granted"}} {
			asread.RequireUsers(t, store, asread.Sets("r-0"), by...)
			asread.RequireUsers(t, store, asread.Sets("r-0")[1:2], by...)
		}
	}
}

func TestCountingUsersEndsWithItsContext(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, deployed(3000)...)))
	cause, failure := errors.New("enough"), errors.New("no more")
	ctx, cancel := context.WithCancelCause(t.Context())
	rows := store.reader.Rows
	for _, row := range []struct {
		each func() error
		want error
	}{
		{func() error { cancel(cause); return nil }, cause},
		{func() error { return failure }, failure},
	} {
		store.reader.Rows = func(ctx context.Context, statements []table.Parts, newEach func() func(int, *table.Part) error) error {
			return rows(ctx, statements, func() func(int, *table.Part) error {
				each := newEach()
				return func(i int, part *table.Part) error { return errors.Join(row.each(), each(i, part)) }
			})
		}
		sequence, err := store.GroupUsers(ctx, deployments(2), []string{"manager"})
		require.NoError(t, err)
		n := 0
		var last error
		for _, last = range sequence {
			n++
		}
		require.ErrorIs(t, last, row.want)
		require.Equal(t, 1, n)
		ctx = t.Context()
	}
	store.reader.Rows = rows
	texts, _ := asread.Users(t, store, deployments(2), "manager")
	require.NotEmpty(t, texts, "the store is as good as before")
}

// Windows are ranges of created_at, which an index serves.
func TestWindowsUseTheIndex(t *testing.T) {
	store, dsn := fill(t, 20_000)
	begin := time.Date(2026, 11, 1, 1, 0, 0, 0, time.UTC)
	var seen []statement
	rows := store.reader.Rows
	store.reader.Rows = func(ctx context.Context, statements []table.Parts, newEach func() func(int, *table.Part) error) error {
		for _, p := range statements {
			seen = append(seen, statement{store.rowSQL(p), p.Args})
		}
		return rows(ctx, statements, newEach)
	}
	windows := []query.Window{{Since: begin, Until: begin.Add(time.Minute)}, {Since: begin.Add(time.Hour), Until: begin.Add(time.Hour + time.Minute)}}
	texts, _ := asread.Users(t, store, []query.Set{{Windows: windows[:1]}, {Windows: windows}}, "manager")
	require.NotEmpty(t, texts)
	require.Len(t, seen, 2)
	for i, s := range seen {
		_, indexes, read := analyzed(t, dsn, s)
		require.Contains(t, indexes, "permission_audit_log_created_at")
		require.LessOrEqual(t, read, 200*(i+1), "rows")
	}
}
