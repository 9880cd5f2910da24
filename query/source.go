package query

import (
	"context"
	"iter"

	"github.com/permaudit/audit"
)

// Source is where events are read back from.
//
// Events yields the events that match f in order of arrival, or in the reverse of
// it if f.Newest is set. Arrival is the order in which they were written; their
// timestamps may differ from it where several goroutines or processes logged.
//
// An error is yielded beside a zero event. A *DamageError concerns one line or
// row, and the reading goes on; any other error is the last pair. When ctx ends,
// the last pair is its cause.
//
// Nothing is read before the sequence is ranged over; it may be ranged over more
// than once, and each time reads anew. A Source may be used concurrently. What an
// event refers to must not be changed: a Source may yield it again.
type Source interface {
	Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error]
}
