package postgres

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit/internal/sample"
	"github.com/stretchr/testify/require"
)

// Every panel of the page runs as it stands, and shows what happened.
func TestPanelsForGrafana(t *testing.T) {
	page, err := os.ReadFile("../docs/sql/grafana_postgres.sql")
	require.NoError(t, err)
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, sample.PanelEvents()...)))
	// As Grafana does it.
	text := regexp.MustCompile(`\$__timeFilter\(([^)]*)\)`).ReplaceAllString(string(page), "$1 BETWEEN '2026-11-23T00:00:00Z' AND '2026-11-24T00:00:00Z'")
	view, panels, found := strings.Cut(text, "-- panel: ")
	require.True(t, found)
	execute(t, dsn, view)
	want := [][]string{
		{"09:00 Project 2", "09:01 (none) 1"},
		{"09:00 0.375"},
		{"Project status 2 2", "Project owner 1 1", "(none) <nil> 1 1"},
		{"root Project 1"},
		{"7"},
	}
	columns := []int{3, 2, 4, 3, 1}
	withConn(t, dsn, func(ctx context.Context, conn *pgx.Conn) {
		for i, panel := range strings.Split(panels, "-- panel: ") {
			_, query, _ := strings.Cut(panel, "\n")
			rows, err := conn.Query(ctx, query)
			require.NoError(t, err, panel)
			var shown []string
			for rows.Next() {
				values, err := rows.Values()
				require.NoError(t, err)
				for j, value := range values {
					switch value := value.(type) {
					case time.Time:
						values[j] = value.UTC().Format("15:04")
					case interface{ MarshalJSON() ([]byte, error) }: // numeric
						text, err := value.MarshalJSON()
						require.NoError(t, err)
						number := string(text)
						if strings.Contains(number, ".") {
							number = strings.TrimRight(strings.TrimRight(number, "0"), ".")
						}
						values[j] = number
					}
				}
				shown = append(shown, strings.TrimSuffix(fmt.Sprintln(values[:columns[i]]...), "\n"))
			}
			require.NoError(t, rows.Err(), panel)
			require.ElementsMatch(t, want[i], shown, panel)
		}
	})
}
