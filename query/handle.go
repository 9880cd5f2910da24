package query

import (
	"context"
	"errors"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/permaudit/audit"
)

// Handle is a Source that holds resources until it is closed. Open and NewHandle
// make them; the zero Handle is of no use.
type Handle struct {
	source Source
	close  func() error
	closed atomic.Bool
}

var (
	_ Source      = (*Handle)(nil)
	_ Grouper     = (*Handle)(nil)
	_ UserGrouper = (*Handle)(nil)
	_ Follower    = (*Handle)(nil)
)

var (
	errClosed     = errors.New("query: source is closed")
	errNoFollower = errors.New("query: this source cannot be followed")
)

// NewHandle returns a Handle that reads from source and releases it by calling
// closeSource, once. A nil closeSource releases nothing. It is for the openers
// that RegisterSource takes.
func NewHandle(source Source, closeSource func() error) *Handle {
	if closeSource == nil {
		closeSource = func() error { return nil }
	}
	return &Handle{source: source, close: sync.OnceValue(closeSource)}
}

// Events implements Source. After Close it yields an error.
func (h *Handle) Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		if h.closed.Load() {
			yield(audit.PermissionAuditEvent{}, errClosed)
			return
		}
		h.source.Events(ctx, f)(yield)
	}
}

// Group implements Grouper, by GroupBy of the source. After Close it yields an error.
func (h *Handle) Group(ctx context.Context, f Filter, by []string) (iter.Seq2[Group, error], error) {
	groups, err := GroupBy(ctx, h.source, f, by)
	if err != nil {
		return nil, err
	}
	return func(yield func(Group, error) bool) {
		if h.closed.Load() {
			yield(Group{}, errClosed)
			return
		}
		groups(yield)
	}, nil
}

// GroupUsers implements UserGrouper, by GroupUsersBy of the source. After Close it yields
// an error.
func (h *Handle) GroupUsers(ctx context.Context, sets []Set, by []string) (iter.Seq2[UserGroup, error], error) {
	groups, err := GroupUsersBy(ctx, h.source, sets, by)
	if err != nil {
		return nil, err
	}
	return func(yield func(UserGroup, error) bool) {
		if h.closed.Load() {
			yield(UserGroup{}, errClosed)
			return
		}
		groups(yield)
	}, nil
}

// Follow implements Follower. Its only pair is an error if the source is no Follower, and
// after Close.
func (h *Handle) Follow(ctx context.Context, f Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		follower, ok := h.source.(Follower)
		switch {
		case h.closed.Load():
			yield(audit.PermissionAuditEvent{}, errClosed)
		case !ok:
			yield(audit.PermissionAuditEvent{}, errNoFollower)
		default:
			follower.Follow(ctx, f, last)(yield)
		}
	}
}

// Close releases what the source holds. It may be called more than once, and
// concurrently: each call waits for the first and returns the same error. A
// sequence that is being ranged over should be ended first.
func (h *Handle) Close() error {
	h.closed.Store(true)
	return h.close()
}
