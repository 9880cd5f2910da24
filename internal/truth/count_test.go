package truth

import (
	"testing"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/internal/exact"
)

// promised is the most false alerts a night, and the least share that is found.
const (
	promisedAlerts = 0.05
	promisedFound  = 0.8
)

// quiet is what came of nights without a change.
type quiet struct {
	nights, alerts, most int
	by                   map[analysis.Verdict]int
}

func (q *quiet) add(results []judged) {
	if q.by == nil {
		q.by = make(map[analysis.Verdict]int)
	}
	q.nights += len(results)
	for i := range results {
		alerts := results[i].falseAlerts()
		q.alerts += len(alerts)
		q.most = max(q.most, len(alerts))
		for _, verdict := range alerts {
			q.by[verdict]++
		}
	}
}

// rate is how many false alerts there are a night, and between what that is at the level.
func (q *quiet) rate(level float64) (rate, low, high float64) {
	low, high = exact.PoissonInterval(int64(q.alerts), float64(q.nights), level)
	return float64(q.alerts) / float64(q.nights), low, high
}

// found is what came of changes of a size.
type found struct {
	planted, same, alerts int // same have the verdict that they should have
	isAlert               bool
}

// add counts another one.
func (f *found) add(other *found) {
	f.planted += other.planted
	f.same += other.same
	f.alerts += other.alerts
	f.isAlert = other.isAlert
}

// share is how large a share is found, and between what that is at the level. What is to
// be an alert is found if it is any alert.
func (f *found) share(level float64) (share, low, high float64) {
	hits := f.same
	if f.isAlert {
		hits = f.alerts
	}
	low, high = exact.BinomialInterval(int64(hits), int64(f.planted), level)
	return float64(hits) / float64(max(1, f.planted)), low, high
}

// count is what came of changes, by the classes of their sizes.
func (e *Effect) count(results []judged) []found {
	want := analysis.Verdict(e.Verdict)
	classes := make([]found, len(e.Bounds))
	for i := range classes {
		classes[i].isAlert = want.IsAlert()
	}
	for i := range results {
		for _, p := range results[i].planted {
			if p.Class < 0 {
				continue
			}
			class, key := &classes[p.Class], results[i].verdict(p.Key)
			class.planted++
			if key.Verdict == want {
				class.same++
			}
			if key.IsAlert() {
				class.alerts++
			}
		}
	}
	return classes
}

// kept is what came of those changes for which there is a promise.
func (e *Effect) kept(classes []found) found {
	var kept found
	for i := range classes {
		if e.Promised > 0 && e.Bounds[i] >= e.Promised {
			kept.add(&classes[i])
		}
	}
	return kept
}

// run is a run of all generators.
type run struct {
	seed           uint64
	nulls, effects int // nights of each

	quiet   []quiet
	found   [][]found
	changed quiet // the other keys in nights with changes
}

func newRun(t testing.TB, seed uint64, nulls, effects int) *run {
	t.Helper()
	r := &run{seed: seed, nulls: nulls, effects: effects}
	for _, g := range Nulls() {
		var q quiet
		q.add(judge(t, g.Name, &g, seed, nulls))
		r.quiet = append(r.quiet, q)
	}
	for _, g := range Effects() {
		results := judge(t, g.Name, &g, seed, effects)
		r.found = append(r.found, g.count(results))
		r.changed.add(results)
	}
	return r
}
