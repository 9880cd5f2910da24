package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// waiters is how many goroutines wait for the disk at once.
const waiters = 64

// acks is what AckDurable does in the time of the raw disk's fsyncs.
type acks struct {
	fsync     time.Duration // of the raw disk, mean
	perFsync  float64       // events
	latencies quantiles
}

// measureAcks records from many goroutines, and asks the disk before and after.
func measureAcks(dir string, d *decision, during time.Duration) (a acks, err error) {
	before, err := rawFsync(dir, during/6)
	if err != nil {
		return a, err
	}
	path := filepath.Join(dir, "durable.log")
	l, err := openDurable(path)
	if err != nil {
		return a, err
	}
	events, took, all, err := timed(l, d, waiters, during)
	if err := errors.Join(err, l.close()); err != nil {
		return a, err
	}
	delivered, _, err := lines(path)
	if err != nil {
		return a, err
	}
	if err := (figure{sent: events, delivered: delivered, counted: true}).lost(oursDurable); err != nil {
		return a, err
	}
	if err := os.Remove(path); err != nil {
		return a, err
	}
	after, err := rawFsync(dir, during/6)
	a.fsync = (before + after) / 2
	a.perFsync = perSecond(events, took) * a.fsync.Seconds()
	a.latencies = merge(all)
	return a, err
}

// timed lets goroutines record as fast as they can for a while, and times each call.
func timed(l log, d *decision, goroutines int, during time.Duration) (events int, took time.Duration, all []samples, err error) {
	const room = 1 << 22 // of all
	ctx := context.Background()
	all = make([]samples, goroutines)
	for g := range all {
		all[g] = newSamples(room / goroutines)
	}
	counts, failed := make([]int, goroutines), make([]error, goroutines)
	var running sync.WaitGroup
	began := time.Now()
	for g := range goroutines {
		running.Go(func() {
			kept, count := all[g], 0
			for from := time.Now(); from.Sub(began) < during && failed[g] == nil; {
				failed[g] = l.record(ctx, d)
				to := time.Now()
				kept.add(to.Sub(from))
				from = to
				count++
			}
			all[g], counts[g] = kept, count
		})
	}
	running.Wait()
	took = time.Since(began)
	for _, count := range counts {
		events += count
	}
	return events, took, all, errors.Join(failed...)
}

func (b *bench) durable() error {
	d := newDecision(referenceKeys)
	var fsyncs, perFsync []float64
	var latencies []quantiles
	for run := range b.runs {
		b.say("AckDurable, run %d of %d", run+1, b.runs)
		var a acks
		err := b.inDir(func(dir string) (err error) {
			a, err = measureAcks(dir, d, b.seconds(3))
			return err
		})
		if err != nil {
			return err
		}
		fsyncs, perFsync, latencies = append(fsyncs, float64(a.fsync)), append(perFsync, a.perFsync), append(latencies, a.latencies)
	}
	q, fsync := medians(latencies), median(fsyncs)
	p50, p99 := float64(q.p50)/fsync, float64(q.p99)/fsync
	t := newTable("AckDurable, 64 goroutines", "median", "raw fsync, us", "events per raw fsync", "p50, raw fsyncs", "p99, raw fsyncs", "p99.9, raw fsyncs")
	t.row("Record", micros(time.Duration(fsync)), shown(median(perFsync), 1), shown(p50, 2), shown(p99, 2), shown(float64(q.p999)/fsync, 2))
	b.print(t)
	b.goals.atLeast("AckDurable, 64 goroutines: events for each fsync of the raw disk", median(perFsync), 12)
	b.goals.atMost("AckDurable, 64 goroutines: p99, in fsyncs of the raw disk", p99, 4)
	return nil
}
