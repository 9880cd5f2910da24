//go:build cgo

package sqlite

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit/internal/sample"
	"github.com/stretchr/testify/require"
)

// Every panel of the page runs as it stands, and shows what happened.
func TestPanelsForGrafana(t *testing.T) {
	page, err := os.ReadFile("../docs/sql/grafana_sqlite.sql")
	require.NoError(t, err)
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, sample.PanelEvents()...)))
	from := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	text := strings.NewReplacer("$__from", fmt.Sprint(from.UnixMilli()), "$__to", fmt.Sprint(from.Add(24*time.Hour).UnixMilli())).Replace(string(page))
	view, panels, found := strings.Cut(text, "-- panel: ")
	require.True(t, found)
	execute(t, path, view)
	db := openDB(t, path, "_query_only=1")
	minute := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC).Unix()
	want := [][]string{
		{fmt.Sprintf("%d Project 2", minute), fmt.Sprintf("%d (none) 1", minute+60)},
		{fmt.Sprintf("%d 0.375", minute)},
		{"Project status 2 2", "Project owner 1 1", "(none) <nil> 1 1"},
		{"root Project 1"},
		{"7"},
	}
	columns := []int{3, 2, 4, 3, 1}
	for i, panel := range strings.Split(panels, "-- panel: ") {
		_, query, _ := strings.Cut(panel, "\n")
		rows, err := db.QueryContext(t.Context(), query)
		require.NoError(t, err, panel)
		names, err := rows.Columns()
		require.NoError(t, err)
		var shown []string
		for rows.Next() {
			values, into := make([]any, len(names)), make([]any, len(names))
			for j := range values {
				into[j] = &values[j]
			}
			require.NoError(t, rows.Scan(into...))
			shown = append(shown, strings.TrimSuffix(fmt.Sprintln(values[:columns[i]]...), "\n"))
		}
		require.NoError(t, rows.Err())
		require.ElementsMatch(t, want[i], shown, panel)
	}
}
