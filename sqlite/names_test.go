//go:build cgo

package sqlite

import (
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestBadTableNamesAreRefusedEverywhere(t *testing.T) {
	path := newPath(t)
	execute(t, path, "CREATE TABLE y (a)")
	db := openDB(t, path, "")
	for _, name := range []string{
		"x; DROP TABLE y", "x\"; DROP TABLE y; --", "x' OR '1'='1", `"x"`, "'x'", "`x`", "[x]", "a b", " ", "x ", "é", "x\x00", "x\n", "x-y", "x%y", "x$",
		".", "a.", ".a", "a.b.c", "main..x", "a.b c", strings.Repeat("x", 64), strings.Repeat("x", 64) + ".x", "x." + strings.Repeat("x", 64), strings.Repeat("x", 1<<20),
	} {
		_, byOpen := Open(t.Context(), path, &Options{TableName: name})
		_, byNew := New(t.Context(), db, &Options{TableName: name})
		_, bySchema := Schema(name)
		_, byQuery := query.Open(t.Context(), "sqlite:"+path+"?table_name="+url.QueryEscape(name))
		_, bySettings := audit.ConfigureAuditLoggerFromSettings(t.Context(), settings("sqlite:"+path+"?table_name="+url.QueryEscape(name)))
		for _, err := range []error{byOpen, byNew, bySchema, byQuery, bySettings} {
			require.ErrorContains(t, err, "table name")
			require.ErrorContains(t, err, "want name or schema.name")
			require.Less(t, len(err.Error()), 500)
		}
	}
	require.Equal(t, []string{"y"}, tables(t, path))
	_, err := Open(t.Context(), filepath.Join(t.TempDir(), "a", "b"), &Options{TableName: "a b", MetadataIndexes: []string{"c d"}})
	require.ErrorContains(t, err, "table name")
	require.ErrorContains(t, err, "metadata index", "all is said at once")
}

func TestEveryProperTableNameWorks(t *testing.T) {
	path := newPath(t)
	for _, name := range []string{strings.Repeat("x", 63), "order", "user", "SELECT", "Group", "_", "1", "9x", "x_1", "main.order2", "main.table"} {
		store := openTest(t, path, &Options{TableName: name})
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, event(name))), name)
		require.Equal(t, []string{name}, managers(t, store, query.Filter{Metadata: map[string]query.Terms{"request_id": {In: []string{"r-" + name}}}}))
		source, err := query.Open(t.Context(), "sqlite:"+path+"?table_name="+name)
		require.NoError(t, err)
		require.Equal(t, []string{name}, managers(t, source, everything))
		require.NoError(t, source.Close())
	}
	require.Len(t, tables(t, path), 11)
}

// settings are those that ask for a logger.
func settings(logger any) map[string]any { return map[string]any{"AUDIT_LOGGER": logger} }
