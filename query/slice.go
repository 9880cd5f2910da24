package query

import (
	"context"
	"iter"
	"slices"

	"github.com/permaudit/audit"
)

// Slice returns a Source of the events of a slice, in its order. Nothing is
// copied: neither the slice nor what its events refer to may be changed while the
// Source is used. Repeated ids are not looked for.
func Slice(events []audit.PermissionAuditEvent) Source { return sliceSource(events) }

type sliceSource []audit.PermissionAuditEvent

// Events implements Source.
func (s sliceSource) Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	order := slices.All(s)
	if f.Newest {
		order = slices.Backward(s)
	}
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		yielded := 0
		for _, event := range order {
			switch {
			case f.Limit > 0 && yielded == f.Limit:
				return
			case ctx.Err() != nil:
				yield(audit.PermissionAuditEvent{}, context.Cause(ctx))
				return
			case f.Match(event):
				yielded++
				if !yield(event, nil) {
					return
				}
			}
		}
	}
}
