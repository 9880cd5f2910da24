package truth

import (
	"context"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/permaudit/audit/analysis"
	"github.com/stretchr/testify/require"
)

// generator is what Null and Effect have in common.
type generator interface {
	Trial(random *rand.Rand) *Trial
}

// judged is what Compare said of a trial.
type judged struct {
	planted []Planted
	keys    []analysis.KeyVerdict
}

// judge makes up trials and judges them, on all processors, each with a seed of its own.
func judge(t testing.TB, name string, g generator, seed uint64, trials int) []judged {
	t.Helper()
	results := make([]judged, trials)
	errs := make([]error, trials)
	var next atomic.Int64
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < trials; i = int(next.Add(1)) - 1 {
				trial := g.Trial(randomOf(name, seed, i))
				comparison, err := analysis.Compare(context.Background(), trial.Source, trial.Baseline, trial.Candidate, nil)
				if err != nil {
					errs[i] = err
					continue
				}
				results[i] = judged{trial.Planted, comparison.Keys}
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		require.NoError(t, err, name)
	}
	return results
}

// randomOf is the source of the i-th trial of a generator.
func randomOf(name string, seed uint64, i int) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(name)) // never fails
	return rand.New(rand.NewPCG(seed, h.Sum64()+uint64(i)))
}

// falseAlerts are those of keys in which nothing was planted.
func (j *judged) falseAlerts() (alerts []analysis.Verdict) {
	for _, key := range j.keys {
		isPlanted := slices.ContainsFunc(j.planted, func(p Planted) bool { return slices.Equal(p.Key, key.Key) })
		if key.IsAlert() && !isPlanted {
			alerts = append(alerts, key.Verdict)
		}
	}
	return alerts
}

// verdict is that of a key; the zero one if it has none.
func (j *judged) verdict(key []string) analysis.KeyVerdict {
	i := slices.IndexFunc(j.keys, func(k analysis.KeyVerdict) bool { return slices.Equal(k.Key, key) })
	if i < 0 {
		return analysis.KeyVerdict{}
	}
	return j.keys[i]
}

// addTo adds what was said of each key to a hash.
func (j *judged) addTo(h hash.Hash) {
	for _, k := range j.keys {
		_, _ = fmt.Fprintln(h, k.Key, k.Verdict, k.Baseline, k.Candidate) // never fails
	}
}
