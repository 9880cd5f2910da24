package postgres

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// catalog is everything that somebody could have changed in a database.
func catalog(tb testing.TB, dsn string) (text string) {
	tb.Helper()
	withConn(tb, dsn, func(ctx context.Context, conn *pgx.Conn) {
		require.NoError(tb, conn.QueryRow(ctx, `SELECT coalesce(string_agg(line, E'\n' ORDER BY line), '') FROM (
			SELECT format('%s.%s %s %s %s', table_name, column_name, data_type, character_maximum_length, is_nullable) AS line
			FROM information_schema.columns WHERE table_schema NOT IN ('pg_catalog', 'information_schema')
			UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname NOT IN ('pg_catalog', 'information_schema')
			UNION ALL SELECT relname || ' ' || relkind::text FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS lines`).Scan(&text))
	})
	return text
}

func all(tb testing.TB, source query.Source, f query.Filter) (events []audit.PermissionAuditEvent) {
	tb.Helper()
	for event, err := range source.Events(tb.Context(), f) {
		require.NoError(tb, err)
		events = append(events, event)
	}
	return events
}

func TestTheTableIsCreatedByTheFirstWrite(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.Empty(t, all(t, store, query.Filter{}))
	require.Empty(t, catalog(t, dsn), "neither Open nor a reading creates anything")
	require.NoError(t, store.WriteBatch(t.Context(), nil))
	require.Empty(t, catalog(t, dsn), "an empty batch is no write")
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1))))
	made := catalog(t, dsn)
	require.Contains(t, made, "permission_audit_log.event_id uuid")

	// Schema says the same, and may be run again.
	ddl, err := Schema("")
	require.NoError(t, err)
	execute(t, dsn, ddl)
	require.Equal(t, made, catalog(t, dsn))
	byHand := newDatabase(t)
	execute(t, byHand, ddl)
	require.Equal(t, made, catalog(t, byHand))
	skipping := openTest(t, byHand, &Options{SkipSchema: true})
	require.NoError(t, skipping.Ping(t.Context()))
	require.NoError(t, skipping.WriteBatch(t.Context(), entries(t, numbered(1))))

	execute(t, dsn, "DROP TABLE permission_audit_log")
	require.Error(t, store.WriteBatch(t.Context(), entries(t, numbered(2))), "it was there")
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(2))), "it is made anew")
	require.Equal(t, made, catalog(t, dsn))
}

func TestWithoutATableReadersWhoWouldNotMakeItSaySo(t *testing.T) {
	dsn := newDatabase(t)
	for _, options := range []*Options{{ReadOnly: true}, {SkipSchema: true}} {
		store := openTest(t, dsn, options)
		require.ErrorContains(t, store.Ping(t.Context()), "permission_audit_log")
		for _, err := range store.Events(t.Context(), query.Filter{}) {
			require.ErrorContains(t, err, "there is no table permission_audit_log")
		}
	}
	_, err := query.Open(t.Context(), dsn)
	require.ErrorContains(t, err, "there is no table")
	require.Empty(t, catalog(t, dsn))
}

func TestReadOnlyChangesNothing(t *testing.T) {
	dsn := newDatabase(t)
	loadOriginal(t, dsn)
	before := catalog(t, dsn)
	store := openTest(t, dsn, &Options{TableName: originalTable, ReadOnly: true})
	require.NoError(t, store.Ping(t.Context()))
	require.Len(t, all(t, store, query.Filter{}), 600)
	require.ErrorIs(t, store.WriteBatch(t.Context(), entries(t, numbered(1))), errReadOnly)
	require.Equal(t, before, catalog(t, dsn))
}

func TestManyMayCreateTheTableAtOnce(t *testing.T) {
	dsn := newDatabase(t)
	var running sync.WaitGroup
	errs := make([]error, 10)
	for i := range errs {
		running.Go(func() {
			store, err := Open(context.Background(), dsn, nil)
			if err == nil {
				err = store.Ping(context.Background())
				_ = store.Close()
			}
			errs[i] = err
		})
	}
	running.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}

// The role has no more than what the guide grants.
func TestARoleThatMayOnlyInsertSuffices(t *testing.T) {
	page, err := os.ReadFile("../docs/databases.md")
	require.NoError(t, err)
	grant := regexp.MustCompile("(?s)```sql\n(.*?)\n```").FindSubmatch(page)[1]
	dsn := newDatabase(t)
	ddl, err := Schema("")
	require.NoError(t, err)
	t.Cleanup(func() { dropRole(t, dsn, "service") })
	execute(t, dsn, ddl+"CREATE ROLE service LOGIN PASSWORD 'secret';"+string(grant))
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword("service", "secret")
	store := openTest(t, u.String(), nil)
	batch := entries(t, someEvents(10)...)
	require.NoError(t, store.WriteBatch(t.Context(), batch[:5]))
	require.NoError(t, store.WriteBatch(t.Context(), batch), "some are repeats")
	require.Equal(t, 10, count(t, dsn, countAll))
	for _, err := range store.Events(t.Context(), query.Filter{}) {
		require.ErrorContains(t, err, "permission denied")
	}
}

// Without SELECT (event_id) everything would work until the first retry.
func TestARoleThatCannotSkipRepeatsIsToldSoAtOnce(t *testing.T) {
	dsn := newDatabase(t)
	ddl, err := Schema("")
	require.NoError(t, err)
	t.Cleanup(func() { dropRole(t, dsn, "blind") })
	execute(t, dsn, ddl+"CREATE ROLE blind LOGIN PASSWORD 'secret'; GRANT INSERT ON permission_audit_log TO blind")
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.User = url.UserPassword("blind", "secret")
	store := openTest(t, u.String(), nil)
	for _, err := range []error{store.Ping(t.Context()), store.WriteBatch(t.Context(), entries(t, numbered(1)))} {
		require.ErrorContains(t, err, "GRANT INSERT, SELECT (event_id) ON permission_audit_log")
	}
	require.Zero(t, count(t, dsn, countAll))
}

func TestALoggerTakesNoStoreThatIsReadOnly(t *testing.T) {
	store := openTest(t, "postgres://localhost/app", &Options{ReadOnly: true})
	_, err := audit.NewDatabaseAuditLogger(store, nil)
	require.ErrorContains(t, err, "read-only")
}

func TestAForeignTableIsLeftAlone(t *testing.T) {
	dsn := newDatabase(t)
	execute(t, dsn, "CREATE TABLE permission_audit_log (id bigint, name text)")
	before := catalog(t, dsn)
	store := openTest(t, dsn, nil)
	for _, err := range []error{store.Ping(t.Context()), store.WriteBatch(t.Context(), entries(t, numbered(1)))} {
		require.ErrorContains(t, err, "table permission_audit_log is no permission log: it has no column created_at, action")
	}
	for _, err := range store.Events(t.Context(), query.Filter{}) {
		require.ErrorContains(t, err, "is no permission log")
	}
	require.Equal(t, before, catalog(t, dsn))
}

func TestFiltersUseTheIndexes(t *testing.T) {
	dsn := newDatabase(t)
	store := openTest(t, dsn, &Options{MetadataIndexes: []string{"request_id", "trace_id"}})
	var events []audit.PermissionAuditEvent
	for i := range 3000 {
		event := numbered(i)
		event.Granted, event.Bypassed = i%100 != 0, i%100 == 1
		event.Metadata["trace_id"] = fmt.Sprint("t-", i)
		events = append(events, event)
	}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, events...)))
	execute(t, dsn, "ANALYZE permission_audit_log")
	for index, f := range map[string]query.Filter{
		"user_arrival":        {User: query.Terms{In: []string{"user-7"}}},
		"denied":              {Granted: query.No, Manager: query.Terms{In: []string{"Project"}}},
		"bypassed":            {Bypassed: query.Yes},
		"metadata_request_id": {Metadata: map[string]query.Terms{"request_id": {In: []string{"r-7"}}}},
		"metadata_trace_id":   {Metadata: map[string]query.Terms{"trace_id": {In: []string{"t-7", "t-8"}}}},
	} {
		require.NotEmpty(t, all(t, store, f), index)
		require.Contains(t, explain(t, dsn, f), "permission_audit_log_"+index, index)
	}
}

// explain is the plan of a reading's statements.
func explain(tb testing.TB, dsn string, f query.Filter) string {
	tb.Helper()
	config, err := pgxpool.ParseConfig(dsn)
	require.NoError(tb, err)
	var plans planner
	config.ConnConfig.Tracer = &plans
	config.ConnConfig.RuntimeParams["enable_seqscan"] = "off"
	pool, err := pgxpool.NewWithConfig(tb.Context(), config)
	require.NoError(tb, err)
	defer pool.Close()
	store, err := New(tb.Context(), pool, nil)
	require.NoError(tb, err)
	all(tb, store, f)
	rows, err := pool.Query(tb.Context(), "EXPLAIN "+plans.sql, plans.args...)
	require.NoError(tb, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	return strings.Join(lines, "\n")
}

// planner remembers the statement that reads a page.
type planner struct {
	sql  string
	args []any
}

func (p *planner) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if strings.Contains(data.SQL, "granted") && !strings.HasPrefix(data.SQL, "EXPLAIN") {
		p.sql, p.args = data.SQL, data.Args
	}
	return ctx
}

func (*planner) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestLongMetadataFitsItsIndex(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	long := strings.Repeat("日", 5000)
	event := numbered(1)
	event.Metadata = map[string]any{audit.MetadataRequestID: long}
	other := numbered(2)
	other.Metadata = map[string]any{audit.MetadataRequestID: long[:len(long)-3] + "本"}
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, event, other)))
	found := all(t, store, query.Filter{Metadata: map[string]query.Terms{"request_id": {In: []string{long}}}})
	require.Len(t, found, 1)
	require.Equal(t, "user-1", found[0].UserID)
}

func TestTableNames(t *testing.T) {
	long := strings.Repeat("t", 63)
	for _, name := range []string{
		"x; DROP TABLE y", `x"`, "x'", "a b", " ", "a.b.c", ".a", "a.", ".", long + "t", "s." + long + "t", "tä", "a-b", "a\x00", "a\n",
	} {
		_, err := Open(t.Context(), "", &Options{TableName: name})
		require.ErrorContains(t, err, "table name", name)
		_, err = New(t.Context(), nil, &Options{TableName: name})
		require.ErrorContains(t, err, "table name", name)
		_, err = Schema(name)
		require.ErrorContains(t, err, "table name", name)
		_, err = query.Open(t.Context(), "postgres://localhost/x?table_name="+url.PathEscape(name))
		require.Error(t, err, name)
	}
	_, err := Open(t.Context(), "", &Options{MetadataIndexes: []string{"x') --"}})
	require.ErrorContains(t, err, "metadata index")

	dsn := newDatabase(t)
	execute(t, dsn, "CREATE SCHEMA app")
	for _, name := range []string{"", long, "order", "USER", "1st", "app.log", "app." + long} {
		store := openTest(t, dsn, &Options{TableName: name})
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1))), name)
		require.Len(t, all(t, store, query.Filter{}), 1, name)
		require.NoError(t, store.Ping(t.Context()), name)
	}
	require.Equal(t, 7*9, count(t, dsn, "SELECT count(*) FROM pg_indexes WHERE schemaname IN ('public', 'app')"), "each table has its own indexes")
}
