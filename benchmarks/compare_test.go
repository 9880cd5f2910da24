package benchmarks

import (
	"bufio"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/internal/sample"
	"github.com/permaudit/audit/query"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

// samples hands out rowCount events, in batches, and returns the moment before which half
// of them are.
func samples(b *testing.B, write func(batch []audit.Entry)) (middle time.Time) {
	b.Helper()
	n, i := rowCount(b), 0
	var batch []audit.Entry
	for event := range sample.Events(n, 1) {
		if i++; i == n/2 {
			middle = event.Timestamp
		}
		entry, err := audit.NewEntry(b.Context(), event)
		require.NoError(b, err)
		if batch = append(batch, entry); len(batch) == batchSize || i == n {
			write(batch)
			batch = batch[:0]
		}
	}
	return middle
}

// compare judges one half of the events by the other, and asks for what was denied, in
// turns. It reports the medians, and how many times as long the former takes: of times, of
// deployments that are compared while both ran, and of all that they did.
func compare(b *testing.B, source query.Source, middle time.Time) {
	b.Helper()
	by := []string{"manager", "action", "attribute"}
	runs := map[string]func() int{"denied": func() int {
		report, err := analysis.Denied(b.Context(), source, query.Filter{}, by...)
		require.NoError(b, err)
		return len(report.Groups)
	}}
	judge := func(name string, baseline, candidate query.Filter, match analysis.Match) {
		runs[name] = func() int {
			comparison, err := analysis.Compare(b.Context(), source, baseline, candidate, &analysis.CompareOptions{By: by, Match: match})
			require.NoError(b, err)
			require.NotEmpty(b, comparison.Alerts())
			return comparison.Judged()
		}
	}
	deployment := func(name string) query.Filter {
		return query.Filter{Metadata: map[string]query.Terms{audit.MetadataDeployment: {In: []string{name}}}}
	}
	judge("times", query.Filter{Since: sample.Start, Until: middle}, query.Filter{Since: middle, Until: sample.Start.AddDate(0, 0, sample.Days)}, analysis.MatchNone)
	judge("overlap", deployment("v1"), deployment("v2"), analysis.MatchOverlap)
	judge("deployments", deployment("v1"), deployment("v2"), analysis.MatchNone)
	times := map[string][]time.Duration{}
	for b.Loop() {
		for name, run := range runs {
			began := time.Now()
			require.NotZero(b, run(), name)
			times[name] = append(times[name], time.Since(began))
		}
	}
	median := func(name string) time.Duration {
		slices.Sort(times[name])
		return times[name][len(times[name])/2]
	}
	denied := median("denied")
	for name := range times {
		b.ReportMetric(float64(median(name).Microseconds())/1000, name+"-ms")
		if name != "denied" {
			b.ReportMetric(float64(median(name))/float64(denied), name+"-of-denied")
		}
	}
	b.ReportMetric(0, "ns/op")
}

func BenchmarkCompareFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "permission.log")
	file, err := os.Create(path)
	require.NoError(b, err)
	w := bufio.NewWriter(file)
	middle := samples(b, func(batch []audit.Entry) {
		for i := range batch {
			_, err := w.Write(append(batch[i].AppendJSON(nil), '\n'))
			require.NoError(b, err)
		}
	})
	require.NoError(b, w.Flush())
	require.NoError(b, file.Close())
	compare(b, query.Files(path), middle)
}

func BenchmarkCompareSQLite(b *testing.B) {
	path := filepath.Join(b.TempDir(), "audit.db")
	store, err := sqlite.Open(b.Context(), path, nil)
	require.NoError(b, err)
	middle := samples(b, func(batch []audit.Entry) { require.NoError(b, store.WriteBatch(b.Context(), batch)) })
	require.NoError(b, store.Close())
	source, err := query.Open(b.Context(), "sqlite:"+path)
	require.NoError(b, err)
	compare(b, source, middle)
	require.NoError(b, source.Close())
}

func BenchmarkComparePostgres(b *testing.B) {
	const name = "benchmark_compare"
	store, conn := postgresTable(b, name)
	ctx := b.Context()
	middle := samples(b, func(batch []audit.Entry) { require.NoError(b, store.WriteBatch(ctx, batch)) })
	_, err := conn.Exec(ctx, "VACUUM ANALYZE "+name)
	require.NoError(b, err)
	compare(b, store, middle)
	require.NoError(b, store.Close())
}
