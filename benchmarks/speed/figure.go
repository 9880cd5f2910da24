package main

import (
	"fmt"
	"runtime"
	"slices"
	"time"
)

// figure is what one run of one row of the first table measured.
type figure struct {
	caller    float64 // ns an event
	rate      float64 // events a second, until they are where they belong
	mallocs   float64 // an event, of the whole process
	bytes     float64 // the same
	sent      int
	delivered int
	counted   bool    // delivered was
	piece     float64 // bytes of a write
	size      int64   // of the file
}

// figures are those of a row, one a run.
type figures []figure

func (f figures) median(of func(figure) float64) float64 {
	values := make([]float64, len(f))
	for i := range f {
		values[i] = of(f[i])
	}
	return median(values)
}

func (f figures) caller() float64 { return f.median(func(f figure) float64 { return some(f.caller) }) }
func (f figures) rate() float64   { return f.median(func(f figure) float64 { return f.rate }) }

func (f figures) mallocs() float64 { return f.median(func(f figure) float64 { return f.mallocs }) }

// delivered says how many events arrived of how many.
func (f figures) delivered() string {
	var sent, delivered int
	for _, one := range f {
		if !one.counted {
			return nothing
		}
		sent, delivered = sent+one.sent, delivered+one.delivered
	}
	return fmt.Sprintf("%d of %d", delivered, sent)
}

// lost says what is missing, or is there too often.
func (f figure) lost(name string) error {
	if !f.counted || f.sent == f.delivered {
		return nil
	}
	return fmt.Errorf("%s: %d events were sent, and %d delivered", name, f.sent, f.delivered)
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return none
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}

// nanoseconds an event.
func perEvent(took time.Duration, events int) float64 {
	return float64(took.Nanoseconds()) / float64(events)
}

func perSecond(events int, took time.Duration) float64 {
	return float64(events) / took.Seconds()
}

// allocations counts what the whole process allocates.
type allocations struct{ before runtime.MemStats }

func (a *allocations) begin() {
	runtime.GC()
	runtime.ReadMemStats(&a.before)
}

func (a *allocations) end(events int) (mallocs, bytes float64) {
	var after runtime.MemStats
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs-a.before.Mallocs) / float64(events), float64(after.TotalAlloc-a.before.TotalAlloc) / float64(events)
}
