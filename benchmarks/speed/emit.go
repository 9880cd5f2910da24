package main

import (
	"context"
	"time"

	"github.com/permaudit/audit"
)

// emptyFunction takes what EmitPermissionAuditEvent takes, and does nothing.
//
//go:noinline
func emptyFunction(context.Context, audit.PermissionAuditEvent) error { return nil }

// Each loop has a function of its own: neither depends on what stands around the other.
//
//go:noinline
func callEmit(ctx context.Context, event audit.PermissionAuditEvent, calls int) time.Duration {
	began := time.Now()
	for range calls {
		_ = audit.EmitPermissionAuditEvent(ctx, event)
	}
	return time.Since(began)
}

//go:noinline
func callEmpty(ctx context.Context, event audit.PermissionAuditEvent, calls int) time.Duration {
	began := time.Now()
	for range calls {
		_ = emptyFunction(ctx, event)
	}
	return time.Since(began)
}

// places are how deep on the stack both are called. What they take is the copying of the
// event, which takes twice as long from one address as from another.
const places = 16

// deeper measures so deep on the stack. With three arguments each step is an odd number of
// words on amd64, so that every place in a cache line has its turn.
//
//go:noinline
func deeper(depth, calls int, f func(calls int) time.Duration) float64 {
	if depth == 0 {
		return perEvent(f(calls), calls)
	}
	return deeper(depth-1, calls, f)
}

// emitOff measures EmitPermissionAuditEvent with no logger configured, and a call of the
// empty function, in ns: means of all places, of the medians of each.
func emitOff(calls, rounds int) (emit, empty, mallocs float64) {
	defer audit.ConfigureAuditLogger(nil)()
	ctx, event := context.Background(), newDecision(referenceKeys).PermissionAuditEvent
	calls = max(calls/places, 1)
	var allocated allocations
	allocated.begin()
	for depth := range places {
		var emits, empties []float64
		for range rounds {
			emits = append(emits, deeper(depth, calls, func(calls int) time.Duration { return callEmit(ctx, event, calls) }))
			empties = append(empties, deeper(depth, calls, func(calls int) time.Duration { return callEmpty(ctx, event, calls) }))
		}
		emit, empty = emit+median(emits)/places, empty+median(empties)/places
	}
	mallocs, _ = allocated.end(calls * rounds * places)
	return emit, empty, mallocs
}

func (b *bench) emit() error {
	emit, empty, mallocs := emitOff(b.scale*20, 2*b.runs+1)
	t := newTable("Emit, no logger configured", "ns a call", "Emit", "empty function", "ratio", "allocations")
	t.row("mean of 16 places on the stack", shown(emit, 2), shown(empty, 2), shown(ratio(emit, empty), 2), shown(mallocs, 2))
	b.print(t)
	b.goals.atMost("Emit, logging off, against an empty function that is not inlined", ratio(emit, empty), 1)
	return nil
}
