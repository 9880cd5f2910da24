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
	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// panelEvents are decisions of two minutes, a superuser's and a gap among them.
func panelEvents() []audit.PermissionAuditEvent {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	event := func(after time.Duration, granted, bypassed bool, manager, user string, attributes ...string) audit.PermissionAuditEvent {
		return audit.PermissionAuditEvent{
			Timestamp: at.Add(after), Action: audit.ActionUpdate, Granted: granted, Bypassed: bypassed, Manager: manager, UserID: user, Attributes: attributes,
		}
	}
	sampled := event(90*time.Second, true, false, "Project", "1", "status")
	sampled.Metadata = map[string]any{audit.MetadataSampleRate: 0.25}
	gap := event(2*time.Minute, true, false, "", "")
	gap.Action, gap.Metadata = audit.ActionGap, map[string]any{"dropped": 7}
	return []audit.PermissionAuditEvent{
		event(0, false, false, "Project", "1", "status", "owner"),
		event(time.Second, false, false, "Project", "2", "status"),
		event(61*time.Second, false, false, "", "2"),
		event(62*time.Second, true, true, "Project", "root", "status"),
		sampled, gap,
		event(-48*time.Hour, false, true, "Old", "3", "status"), // out of the panels' time
	}
}

// Every panel of the page runs as it stands, and shows what happened.
func TestPanelsForGrafana(t *testing.T) {
	page, err := os.ReadFile("../docs/sql/grafana_postgres.sql")
	require.NoError(t, err)
	dsn := newDatabase(t)
	store := openTest(t, dsn, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, panelEvents()...)))
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
