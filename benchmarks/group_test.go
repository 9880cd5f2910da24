package benchmarks

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

// decisions makes n entries: 200 combinations of a manager and an attribute, each with
// a second attribute; 1 to 5 % denied; 10,000 users, a few of whom do most.
func decisions(n int) func(yield func([]audit.Entry) bool) {
	return func(yield func([]audit.Entry) bool) {
		random := rand.New(rand.NewPCG(1, 2))
		users := rand.NewZipf(random, 1.1, 5, 9999)
		begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
		for done := 0; done < n; done += batchSize {
			batch := make([]audit.Entry, min(batchSize, n-done))
			for i := range batch {
				manager := random.IntN(40)
				entry, err := audit.NewEntry(context.Background(), audit.PermissionAuditEvent{
					Timestamp: begin.Add(time.Duration(done+i) * 2 * time.Second),
					Action:    audit.ActionUpdate, Manager: fmt.Sprintf("Manager%02d", manager),
					Attributes: []string{fmt.Sprint("attribute", random.IntN(5)), "status"},
					Granted:    random.IntN(1000) >= 10+manager, UserID: strconv.FormatUint(users.Uint64(), 10),
					Permissions: permissions,
					Metadata:    map[string]any{"request_id": fmt.Sprint("req-", done+i), "deployment": "v2026.11"},
				})
				if err != nil {
					panic(err)
				}
				batch[i] = entry
			}
			if !yield(batch) {
				return
			}
		}
	}
}

// rowCount is how many rows there are: AUDIT_BENCH_ROWS, or 100,000.
func rowCount(b *testing.B) int {
	b.Helper()
	text := os.Getenv("AUDIT_BENCH_ROWS")
	if text == "" {
		return 100_000
	}
	n, err := strconv.Atoi(text)
	require.NoError(b, err)
	return n
}

// Candidates: what one would write by hand for checks, denied, users, first and last by
// manager and attribute. %s are the table, and the function that makes rows of a list.
var candidates = map[string]string{
	"naive": `SELECT manager, a.value, count(*), sum(CASE WHEN granted THEN 0 ELSE 1 END) AS denied, count(DISTINCT CASE WHEN granted THEN NULL ELSE user_id END),
		min(CASE WHEN granted THEN NULL ELSE created_at END), max(CASE WHEN granted THEN NULL ELSE created_at END)
		FROM %[1]s, %[2]s GROUP BY manager, a.value HAVING sum(CASE WHEN granted THEN 0 ELSE 1 END) > 0`,
	"two-level": `SELECT manager, a.value, sum(n), sum(d), count(DISTINCT u), min(f), max(l) FROM
		(SELECT manager, attributes, CASE WHEN granted THEN NULL ELSE user_id END AS u, count(*) AS n, sum(CASE WHEN granted THEN 0 ELSE 1 END) AS d,
			min(CASE WHEN granted THEN NULL ELSE created_at END) AS f, max(CASE WHEN granted THEN NULL ELSE created_at END) AS l
			FROM %[1]s GROUP BY 1, 2, 3) AS g, %[2]s GROUP BY 1, 2 HAVING sum(d) > 0`,
	"two-scans": `WITH k AS MATERIALIZED (SELECT manager, attributes, count(*) AS n FROM %[1]s GROUP BY 1, 2),
		d AS MATERIALIZED (SELECT manager, attributes, user_id, count(*) AS n, min(created_at) AS f, max(created_at) AS l FROM %[1]s WHERE NOT granted GROUP BY 1, 2, 3),
		ka AS (SELECT manager, a.value, sum(n) AS n FROM k, %[2]s GROUP BY 1, 2),
		da AS (SELECT manager, a.value, sum(n) AS n, count(DISTINCT user_id) AS u, min(f) AS f, max(l) AS l FROM d, %[2]s GROUP BY 1, 2)
		SELECT manager, value, ka.n, da.n, u, f, l FROM da JOIN ka USING (manager, value)`,
}

// compareGroups runs ours and the candidates in turns, and reports the medians.
func compareGroups(b *testing.B, source query.Source, byHand map[string]func() (groups int)) {
	b.Helper()
	const by = 40 * 6 // 40 managers, each with five attributes of its own and "status"
	ours := func() int {
		report, err := analysis.Denied(b.Context(), source, query.Filter{})
		require.NoError(b, err)
		return len(report.Groups)
	}
	runs := map[string]func() int{"ours": ours}
	for name, run := range byHand {
		runs[name] = run
	}
	times := map[string][]time.Duration{}
	for b.Loop() {
		for name, run := range runs {
			began := time.Now()
			require.Equal(b, by, run(), name)
			times[name] = append(times[name], time.Since(began))
		}
	}
	best := time.Duration(0)
	for name, all := range times {
		slices.Sort(all)
		median := all[len(all)/2]
		b.ReportMetric(float64(median.Microseconds())/1000, name+"-ms")
		if name != "ours" && (best == 0 || median < best) {
			best = median
		}
	}
	b.ReportMetric(float64(times["ours"][len(times["ours"])/2])/float64(best), "of-best")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkGroupSQLite compares Denied with SQL for the same answer.
func BenchmarkGroupSQLite(b *testing.B) {
	path := filepath.Join(b.TempDir(), "audit.db")
	store, err := sqlite.Open(b.Context(), path, nil)
	require.NoError(b, err)
	for batch := range decisions(rowCount(b)) {
		require.NoError(b, store.WriteBatch(b.Context(), batch))
	}
	require.NoError(b, store.Close())
	source, err := query.Open(b.Context(), "sqlite:"+path)
	require.NoError(b, err)
	db, err := sql.Open("sqlite3", "file:"+path+"?_query_only=1")
	require.NoError(b, err)
	byHand := map[string]func() int{}
	for name, text := range candidates {
		text = fmt.Sprintf(text, "permission_audit_log", "json_each(attributes) AS a")
		byHand[name] = func() (groups int) {
			rows, err := db.Query(text)
			require.NoError(b, err)
			for rows.Next() {
				groups++
			}
			require.NoError(b, rows.Err())
			require.NoError(b, rows.Close())
			return groups
		}
	}
	compareGroups(b, source, byHand)
	require.NoError(b, source.Close())
	require.NoError(b, db.Close())
}

// BenchmarkGroupPostgres does the same for PostgreSQL. Candidates with and without its
// JIT compiler, which can take longer than it saves.
func BenchmarkGroupPostgres(b *testing.B) {
	const name = "benchmark_group"
	store, conn := postgresTable(b, name)
	ctx := b.Context()
	defer func() { require.NoError(b, store.Close()) }()
	for batch := range decisions(rowCount(b)) {
		require.NoError(b, store.WriteBatch(ctx, batch))
	}
	_, err := conn.Exec(ctx, "VACUUM ANALYZE "+name)
	require.NoError(b, err)
	byHand := map[string]func() int{}
	for candidate, text := range candidates {
		for _, jit := range []string{"on", "off"} {
			text := fmt.Sprintf(text, name, "jsonb_array_elements_text(attributes) AS a(value)")
			byHand[strings.TrimSuffix(candidate+"-jit-"+jit, "-jit-on")] = func() (groups int) {
				_, err := conn.Exec(ctx, "SET jit = "+jit)
				require.NoError(b, err)
				rows, err := conn.Query(ctx, text)
				require.NoError(b, err)
				for rows.Next() {
					groups++
				}
				require.NoError(b, rows.Err())
				return groups
			}
		}
	}
	compareGroups(b, store, byHand)
}
