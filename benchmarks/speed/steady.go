package main

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"
)

const (
	steadyGoroutines = 8
	tick             = time.Millisecond // of the schedule of a goroutine
)

// paced lets goroutines record at a rate that is offered to them: each has a schedule of
// ticks, which are spread, does what is due back to back, and never sleeps when it is
// late. The calls are timed.
func paced(l log, d *decision, rate float64, during time.Duration) (events int, took time.Duration, all []samples, err error) {
	all = make([]samples, steadyGoroutines)
	each := rate / steadyGoroutines
	for g := range all {
		all[g] = newSamples(int(each*during.Seconds()) + 1)
	}
	failed := make([]error, steadyGoroutines)
	var running sync.WaitGroup
	began := time.Now()
	end := began.Add(during)
	for g := range steadyGoroutines {
		running.Go(func() {
			first := began.Add(tick * time.Duration(g) / steadyGoroutines)
			all[g], failed[g] = pace(l, d, first, end, each, all[g])
		})
	}
	running.Wait()
	took = time.Since(began)
	for _, kept := range all {
		events += len(kept)
	}
	return events, took, all, errors.Join(failed...)
}

// pace is one of the goroutines.
func pace(l log, d *decision, first, end time.Time, rate float64, kept samples) (samples, error) {
	ctx := context.Background()
	for at := first.Add(tick); at.Before(end); at = at.Add(tick) {
		if early := time.Until(at); early > 0 {
			time.Sleep(early)
		}
		for due := min(int(at.Sub(first).Seconds()*rate), cap(kept)); len(kept) < due; {
			from := time.Now()
			if from.After(end) {
				return kept, nil
			}
			if err := l.record(ctx, d); err != nil {
				return kept, err
			}
			kept.add(time.Since(from))
		}
	}
	return kept, nil
}

// steady compares the latencies of everybody who writes to a file, at half the rate that
// ours keeps up end to end.
func (b *bench) steady() error {
	d := newDecision(referenceKeys)
	offered := b.contest.results[oursQueued].rate() / 2
	if !(offered > 0) {
		var f figure
		if err := b.sustained(subjectNamed(oursQueued), d, producers, b.scale, &f); err != nil {
			return err
		}
		offered = f.rate / 2
	}
	var files []*subject
	for _, s := range subjects() {
		if s.file && (!s.ours || s.name == oursQueued) {
			files = append(files, s)
		}
	}
	rates, latencies := map[string][]float64{}, map[string][]quantiles{}
	for run := range b.runs {
		b.say("steady rate, run %d of %d", run+1, b.runs)
		for _, s := range files {
			rate, q, err := b.offer(s, d, offered)
			if err != nil {
				return err
			}
			rates[s.name], latencies[s.name] = append(rates[s.name], rate), append(latencies[s.name], q)
		}
	}
	t := newTable("Record at a steady rate of "+shown(offered, 0)+" events/s, from 8 goroutines; every sample is kept",
		"what", "events/s", "p50, us", "p99, us", "p99.9, us", "most, us")
	mine, best := medians(latencies[oursQueued]).p999, time.Duration(0)
	for _, s := range files {
		q := medians(latencies[s.name])
		t.row(append([]string{s.name, shown(median(rates[s.name]), 0)}, q.cells()...)...)
		if !s.ours && (best == 0 || q.p999 < best) {
			best = q.p999
		}
	}
	b.print(t)
	b.goals.atMost("p99.9 of Record at a steady rate, against the best peer that writes to a file", ratio(float64(mine), float64(best)), 1)
	return nil
}

// offer measures one of them, and counts what arrived.
func (b *bench) offer(s *subject, d *decision, rate float64) (achieved float64, q quantiles, err error) {
	return achieved, q, b.inDir(func(dir string) error {
		path := filepath.Join(dir, "steady.log")
		l, err := s.open(path)
		if err != nil {
			return err
		}
		events, took, all, err := paced(l, d, rate, b.seconds(3))
		if err := errors.Join(err, l.close()); err != nil {
			return err
		}
		achieved, q = perSecond(events, took), merge(all)
		delivered, _, err := lines(path)
		return errors.Join(err, figure{sent: events, delivered: delivered, counted: true}.lost(s.name))
	})
}
