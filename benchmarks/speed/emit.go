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

// emitOff measures EmitPermissionAuditEvent with no logger configured, and a call of the
// empty function, in ns.
func emitOff(calls, rounds int) (emit, empty, mallocs float64) {
	defer audit.ConfigureAuditLogger(nil)()
	ctx, event := context.Background(), newDecision(referenceKeys).PermissionAuditEvent
	var emits, empties []float64
	var allocated allocations
	allocated.begin()
	for range rounds {
		began := time.Now()
		for range calls {
			_ = audit.EmitPermissionAuditEvent(ctx, event)
		}
		emits = append(emits, perEvent(time.Since(began), calls))
		began = time.Now()
		for range calls {
			_ = emptyFunction(ctx, event)
		}
		empties = append(empties, perEvent(time.Since(began), calls))
	}
	mallocs, _ = allocated.end(calls * rounds)
	return median(emits), median(empties), mallocs
}

func (b *bench) emit() error {
	emit, empty, mallocs := emitOff(b.scale*10, 2*b.runs+1)
	t := newTable("Emit, no logger configured", "ns a call", "Emit", "empty function", "ratio", "allocations")
	t.row("median", shown(emit, 2), shown(empty, 2), shown(ratio(emit, empty), 2), shown(mallocs, 2))
	b.print(t)
	b.goals.atMost("Emit, logging off, against an empty function that is not inlined", ratio(emit, empty), 1)
	return nil
}
