package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/internal/asread"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// watched keeps the statements of the readings of a store, with their arguments.
func watched(store *Store) *[]statement {
	var seen []statement
	run := store.reader.Query
	store.run = func(ctx context.Context, sql string, args []any, row func(table.Scan) (bool, error)) error {
		seen = append(seen, statement{sql, args})
		return run(ctx, sql, args, row)
	}
	store.reader.Query = store.run
	return &seen
}

type statement struct {
	sql  string
	args []any
}

func TestGroupsAreCountedInSQL(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	events := someEvents(3000)
	for i := range events {
		e := &events[i]
		e.Manager, e.UserID, e.Granted = fmt.Sprint("m", i%7), fmt.Sprint("u", i%13), i%3 == 0
		e.Attributes, e.Timestamp = []string{"status", fmt.Sprint("a", i%5)}, time.Date(2026, 11, 23, 0, i, 0, 0, time.UTC)
	}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
	seen := watched(store)
	for _, by := range [][]string{{"manager", "attribute"}, {"user"}, {"day", "granted"}, {"hour"}, {"metadata.request_id"}, nil} {
		for _, f := range []query.Filter{{}, {Granted: query.No}, {User: query.Terms{In: []string{"u3"}}}, {Since: events[2000].Timestamp}} {
			got, damage := asread.Groups(t, store, f, by...)
			want, _ := asread.Groups(t, query.Slice(events), f, by...)
			require.Equal(t, want, got, by)
			require.Empty(t, damage)
		}
	}
	for _, s := range *seen {
		require.NotContains(t, s.sql, "ORDER BY id LIMIT", "no event is read")
	}
}

func TestDamagedRowsAreYieldedBesideGroups(t *testing.T) {
	for _, change := range []string{
		"created_at = 'infinity'", "created_at = '-infinity'", "created_at = '0044-03-15 12:00:00 BC'", "created_at = '12026-01-01'",
		"metadata = '[1]'", "metadata = '\"sample_rate\"'", "metadata = 'null'", "metadata = '{}'",
		"attributes = '{}'", "attributes = 'null'", "attributes = '[1]'", "attributes = '\"a\"'", `attributes = '["a", "a"]'`,
		"granted = NULL", "bypassed = NULL", "created_at = NULL", "attributes = NULL", "action = ''",
	} {
		dsn := newDatabase(t)
		store := openTest(t, dsn, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, someEvents(3)...)))
		if column, isNull := strings.CutSuffix(change, " = NULL"); isNull {
			execute(t, dsn, "ALTER TABLE permission_audit_log ALTER COLUMN "+column+" DROP NOT NULL")
		}
		execute(t, dsn, "UPDATE permission_audit_log SET "+change+" WHERE id = 2")
		for _, f := range []query.Filter{{}, {Granted: query.No}, {Granted: query.Yes}, {User: query.Terms{In: []string{"user-1"}}}} {
			for _, by := range [][]string{nil, {"attribute"}, {"day"}, {"metadata.request_id", "granted"}} {
				asread.RequireGroups(t, store, f, by...)
			}
		}
	}
}

// plan is what the server does for a statement, as it says itself.
type plan struct {
	Type  string `json:"Node Type"`
	Index string `json:"Index Name"`
	Rows  int    `json:"Actual Rows"`
	Loops int    `json:"Actual Loops"`
	Lost  int    `json:"Rows Removed by Filter"`
	Hit   int    `json:"Shared Hit Blocks"`
	Read  int    `json:"Shared Read Blocks"`
	Plans []plan
}

// analyzed runs a statement. It returns the plan, its indexes, and how many rows it read.
func analyzed(t *testing.T, dsn string, s statement) (p plan, indexes []string, rows int) {
	t.Helper()
	withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
		var text []byte
		require.NoError(t, conn.QueryRow(ctx, "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "+s.sql, s.args...).Scan(&text))
		var whole []struct{ Plan plan }
		require.NoError(t, json.Unmarshal(text, &whole))
		p = whole[0].Plan
	})
	var walk func(plan)
	walk = func(p plan) {
		if p.Index != "" {
			indexes = append(indexes, p.Index)
		}
		if len(p.Plans) == 0 {
			rows += (p.Rows + p.Lost) * p.Loops
		}
		for _, child := range p.Plans {
			walk(child)
		}
	}
	walk(p)
	return p, indexes, rows
}

// fill makes a table of n decisions: every hundredth is of the user rare, half of them
// are of the user heavy, who has no id in some.
func fill(t *testing.T, n int) (*Store, string) {
	t.Helper()
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.Ping(t.Context()))
	execute(t, dsn, fmt.Sprintf(`INSERT INTO permission_audit_log (created_at, action, attributes, granted, bypassed, manager, user_id, user_repr, permissions, metadata)
		SELECT '2026-11-01'::timestamptz + make_interval(secs => (i * 7919) %% %d), CASE WHEN i %% 5000 = 1 THEN 'gap' ELSE 'update' END, '["status"]', i %% 50 <> 0, i %% 500 = 1,
			'm' || i %% 40, CASE WHEN i %% 100 = 3 THEN 'rare' WHEN i %% 2 = 0 AND i %% 8 <> 0 THEN 'heavy' WHEN i %% 2 = 0 THEN NULL ELSE 'u' || i END,
			CASE WHEN i %% 8 = 0 THEN 'heavy' END, '[]', jsonb_build_object('request_id', 'r-' || i)
		FROM generate_series(1, %[1]d) AS i; ANALYZE permission_audit_log`, n))
	return store, dsn
}

func TestGroupsUseIndexes(t *testing.T) {
	store, dsn := fill(t, 20_000)
	in := func(values ...string) query.Terms { return query.Terms{In: values} }
	begin := time.Date(2026, 11, 1, 1, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		filter query.Filter
		index  string
	}{
		"user":            {query.Filter{User: in("u7")}, "user_arrival"},
		"in a time":       {query.Filter{Since: begin, Until: begin.Add(time.Minute)}, "created_at"},
		"request":         {query.Filter{Metadata: map[string]query.Terms{"request_id": in("r-5")}}, "metadata_request_id"},
		"denied, manager": {query.Filter{Granted: query.No, Manager: in("m10")}, "denied"},
		"gaps":            {query.Filter{}, "gap_created_at"},
	} {
		seen := watched(store)
		groups, _ := asread.Groups(t, store, row.filter, "manager")
		require.NotEmpty(t, groups, name)
		var used []string
		for _, s := range *seen {
			_, indexes, _ := analyzed(t, dsn, s)
			used = append(used, indexes...)
		}
		require.Contains(t, used, "permission_audit_log_"+row.index, name)
	}
}

// The newest events of a user are found by reading these alone, however many others
// there are, or the user has.
func TestTheNewestOfAUserTakeTheSameWorkInEveryTable(t *testing.T) {
	for _, n := range []int{10_000, 100_000} {
		store, dsn := fill(t, n)
		for _, user := range []string{"heavy", "rare", "nobody"} {
			seen := watched(store)
			events := all(t, store, query.Filter{User: query.Terms{In: []string{user}}, Newest: true, Limit: 50})
			if user != "nobody" {
				require.Len(t, events, 50)
			}
			for _, s := range *seen {
				if !strings.Contains(s.sql, "metadata") {
					continue // for the last id
				}
				p, indexes, rows := analyzed(t, dsn, s)
				require.Len(t, indexes, 1)
				require.Contains(t, []string{"permission_audit_log_user_arrival", "permission_audit_log_pkey"}, indexes[0])
				require.LessOrEqual(t, rows, 150, "%d rows, %s: %s", n, user, indexes)
				require.LessOrEqual(t, p.Hit+p.Read, 110, "50 rows, perhaps each in a page of its own, and the index")
			}
		}
	}
}

func TestTheOriginalsTableIsAGrouper(t *testing.T) {
	dsn := newDatabase(t)
	loadOriginal(t, dsn)
	store := openTest(t, dsn, &Options{TableName: originalTable, ReadOnly: true})
	for _, by := range [][]string{{"manager", "attribute"}, {"user"}, {"day", "action"}, {"metadata.request_id"}} {
		asread.RequireGroups(t, store, query.Filter{Granted: query.No}, by...)
	}
	refill := func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
		withConn(tb, dsn, func(ctx context.Context, conn *pgx.Conn) {
			_, err := conn.Exec(ctx, "TRUNCATE gm_permission_log")
			require.NoError(tb, err)
			batch := &pgx.Batch{}
			for _, e := range entries(tb, events...) {
				batch.Queue(`INSERT INTO gm_permission_log (created_at, action, attributes, granted, bypassed, manager, user_id, user_repr, permissions, metadata)
					VALUES ($1, $2, $3, $4, $5, nullif($6, ''), nullif($7, ''), nullif($8, ''), $9, $10)`, e.Timestamp, string(e.Action), string(e.Attributes),
					e.Granted, e.Bypassed, e.Manager, e.UserID, e.User, string(e.Permissions), nullable(e.Metadata))
			}
			require.NoError(tb, conn.SendBatch(ctx, batch).Close())
		})
		return store
	}
	audittest.TestGrouper(t, refill)
	audittest.TestUserGrouper(t, refill)
}

func nullable(text []byte) any {
	if text == nil {
		return nil
	}
	return string(text)
}
