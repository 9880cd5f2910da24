package query

import (
	"context"
	"iter"

	"github.com/permaudit/audit"
)

// Follower is a Source that can be watched.
//
// Follow yields the last events that f selects, as many as last says, in order of
// arrival, and from there on each one that arrives, once, until ctx ends: then the
// last pair is its cause. A negative last is all. Newest and Limit of f do not matter.
// Errors are those of Source.Events; what cannot be read for a while, because it is
// not there yet or is being replaced, is no error but waited for.
type Follower interface {
	Follow(ctx context.Context, f Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error]
}
