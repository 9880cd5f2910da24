package postgres

import (
	"bytes"
	"context"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// originalTable is the one in testdata, which general_manager wrote.
const originalTable = "gm_permission_log"

// loadOriginal loads the dump, whose rows stand between COPY and \.
func loadOriginal(tb testing.TB, dsn string) {
	tb.Helper()
	dump, err := os.ReadFile("testdata/general_manager.postgres.sql")
	require.NoError(tb, err)
	before, rest, found := bytes.Cut(dump, []byte("COPY public."))
	require.True(tb, found)
	statement, rest, _ := bytes.Cut(rest, []byte(";\n"))
	rows, after, found := bytes.Cut(rest, []byte("\n\\.\n"))
	require.True(tb, found)
	withConn(tb, dsn, func(ctx context.Context, conn *pgx.Conn) {
		_, err := conn.Exec(ctx, string(before), pgx.QueryExecModeSimpleProtocol)
		require.NoError(tb, err)
		_, err = conn.PgConn().CopyFrom(ctx, bytes.NewReader(append(rows, '\n')), "COPY public."+string(statement))
		require.NoError(tb, err)
		_, err = conn.Exec(ctx, string(after), pgx.QueryExecModeSimpleProtocol)
		require.NoError(tb, err)
	})
}

// originalRows are the rows of general_manager, as text.
func originalRows(tb testing.TB, dsn string) (text string) {
	tb.Helper()
	withConn(tb, dsn, func(ctx context.Context, conn *pgx.Conn) {
		require.NoError(tb, conn.QueryRow(ctx, `SELECT string_agg(row(id, created_at, action, attributes, granted, bypassed,
			manager, user_id, user_repr, permissions, metadata)::text, E'\n' ORDER BY id) FROM gm_permission_log WHERE id <= 600`).Scan(&text))
	})
	return text
}

func TestTheOriginalsTableIsReadWhole(t *testing.T) {
	dsn := newDatabase(t)
	loadOriginal(t, dsn)
	source, err := query.Open(t.Context(), withTable(t, dsn, originalTable))
	require.NoError(t, err)
	defer func() { require.NoError(t, source.Close()) }()
	requireOriginal(t, all(t, source, query.Filter{}))
	require.Len(t, all(t, source, query.Filter{Granted: query.No}), 151)
	require.Len(t, all(t, source, query.Filter{Bypassed: query.Yes}), 15)
}

// requireOriginal compares events with the lines that general_manager wrote for the
// same decisions, but for the moment of writing.
func requireOriginal(tb testing.TB, events []audit.PermissionAuditEvent) {
	tb.Helper()
	expected := all(tb, query.Files("../query/testdata/general_manager.log"), query.Filter{})
	require.Len(tb, events, 600)
	require.Len(tb, expected, 600)
	for i, event := range events {
		require.False(tb, event.Timestamp.IsZero())
		require.True(tb, event.ID.IsZero())
		event.Timestamp = expected[i].Timestamp
		require.Equal(tb, expected[i], event)
	}
}

func TestTheOriginalsTableIsAdopted(t *testing.T) {
	dsn := newDatabase(t)
	loadOriginal(t, dsn)
	rows, before := originalRows(t, dsn), catalog(t, dsn)
	store := openTest(t, dsn, &Options{TableName: originalTable})
	batch := entries(t, someEvents(10)...)
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.NoError(t, store.WriteBatch(t.Context(), batch), "repeats are skipped here too")

	require.Equal(t, rows, originalRows(t, dsn))
	var added []string
	known := strings.Split(before, "\n")
	for line := range strings.SplitSeq(catalog(t, dsn), "\n") {
		if i := indexOf(known, line); i >= 0 {
			known = append(known[:i], known[i+1:]...)
		} else {
			added = append(added, line)
		}
	}
	require.Empty(t, known, "nothing else was changed")
	require.Equal(t, []string{
		"CREATE UNIQUE INDEX gm_permission_log_event_id ON public.gm_permission_log USING btree (event_id)",
		"gm_permission_log.event_id uuid  YES",
		"gm_permission_log.sanitized jsonb  YES",
		"gm_permission_log_event_id i",
	}, added)
	events := all(t, store, query.Filter{})
	require.Len(t, events, 610)
	requireOriginal(t, events[:600])
	for i, event := range events[600:] {
		require.Equal(t, batch[i].ID, event.ID)
	}
}

func indexOf(lines []string, line string) int {
	for i := range lines {
		if lines[i] == line {
			return i
		}
	}
	return -1
}

func TestLongNamesAreCutToTheColumnsOfAnAdoptedTable(t *testing.T) {
	dsn := newDatabase(t)
	loadOriginal(t, dsn)
	store := openTest(t, dsn, &Options{TableName: originalTable})
	logger, reports := newLogger(t, store, nil)
	for _, c := range []string{"m", "ü", "日"} {
		event := numbered(1)
		event.Manager, event.UserID = strings.Repeat(c, 300), strings.Repeat(c, 256)
		require.NoError(t, logger.Record(t.Context(), event))
		event.Manager, event.UserID = strings.Repeat(c, 255), strings.Repeat(c, 3000)
		require.NoError(t, logger.Record(t.Context(), event))
	}
	require.NoError(t, logger.Flush(t.Context()))
	require.Empty(t, reports())
	events := all(t, store, query.Filter{})[600:]
	require.Len(t, events, 6)
	for i, c := range []string{"m", "m", "ü", "ü", "日", "日"} {
		require.Equal(t, strings.Repeat(c, 255), events[i].Manager)
		require.Equal(t, strings.Repeat(c, 255), events[i].UserID)
		require.ElementsMatch(t, [][]string{{"manager:long", "user_id:long"}, {"user_id:long"}}[i%2], events[i].Sanitized)
	}
}
