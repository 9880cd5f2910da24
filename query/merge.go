package query

import (
	"context"
	"iter"

	"github.com/permaudit/audit"
)

// merged is several sources as one.
type merged []Source

// Events implements Source: of the next events of all sources the one with the lowest
// timestamp comes first, the highest for Newest; of equal ones that of the source that
// was named first, last for Newest.
func (m merged) Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		out := limited{ctx: ctx, limit: f.Limit, yield: yield}
		inner := f
		if f.Fields != 0 {
			inner.Fields |= FieldTimestamp
		}
		heads := make([]head, len(m))
		for i, source := range m {
			heads[i].next, heads[i].stop = iter.Pull2(source.Events(ctx, inner))
		}
		defer func() {
			for i := range heads {
				heads[i].stop()
			}
		}()
		for i := range heads {
			if !heads[i].advance(&out) {
				return
			}
		}
		for {
			first := -1
			for i := range heads {
				if heads[i].ended {
					continue
				}
				if first >= 0 {
					order := heads[i].event.Timestamp.Compare(heads[first].event.Timestamp)
					if order == 0 && !f.Newest || order != 0 && (order > 0) != f.Newest {
						continue
					}
				}
				first = i
			}
			if first < 0 {
				out.end()
				return
			}
			if !out.give(heads[first].event, nil) || !heads[first].advance(&out) {
				return
			}
		}
	}
}

// head is the next event of a source.
type head struct {
	next  func() (audit.PermissionAuditEvent, error, bool)
	stop  func()
	event audit.PermissionAuditEvent
	ended bool
}

// advance goes to the next event, and yields the damage before it. It reports whether
// to go on.
func (h *head) advance(out *limited) bool {
	for {
		event, err, more := h.next()
		switch {
		case !more:
			h.ended = true
			return true
		case err == nil:
			h.event = event
			return true
		case !isDamage(err):
			out.fail(err)
			return false
		case !out.give(event, err):
			return false
		}
	}
}
