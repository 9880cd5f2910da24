package main

import (
	"slices"
	"time"
)

// samples are exact: every one is kept, in room that was made beforehand. What comes
// when it is full is not.
type samples []time.Duration

// newSamples touches the room, or the system would make it while they are taken.
func newSamples(room int) samples {
	s := make(samples, room)
	for i := range s {
		s[i] = -1
	}
	return s[:0]
}

func (s *samples) add(d time.Duration) {
	if len(*s) < cap(*s) {
		*s = append(*s, d)
	}
}

// quantiles of all that goroutines kept.
type quantiles struct{ p50, p99, p999, most time.Duration }

func merge(all []samples) quantiles {
	sorted := slices.Concat(all...)
	if len(sorted) == 0 {
		return quantiles{}
	}
	slices.Sort(sorted)
	at := func(q float64) time.Duration { return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)] }
	return quantiles{at(0.5), at(0.99), at(0.999), sorted[len(sorted)-1]}
}

// medians are taken of each quantile apart.
func medians(all []quantiles) quantiles {
	of := func(pick func(quantiles) time.Duration) time.Duration {
		values := make([]float64, len(all))
		for i := range all {
			values[i] = float64(pick(all[i]))
		}
		return time.Duration(median(values))
	}
	return quantiles{
		of(func(q quantiles) time.Duration { return q.p50 }), of(func(q quantiles) time.Duration { return q.p99 }),
		of(func(q quantiles) time.Duration { return q.p999 }), of(func(q quantiles) time.Duration { return q.most }),
	}
}

func (q quantiles) cells() []string {
	return []string{micros(q.p50), micros(q.p99), micros(q.p999), micros(q.most)}
}
