package table

import (
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Follow implements query.Follower.
func (r *Reader) Follow(ctx context.Context, f query.Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	f.Newest, f.Limit = false, 0
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		w := &watcher{reader: r, filter: f, yield: yield, memory: memory{seed: maphash.MakeSeed(), seen: make(map[int64]uint64)}}
		err := w.begin(ctx, last)
		for err == nil && !w.left {
			select {
			case <-ctx.Done():
			case <-time.After(r.Interval):
			}
			if err = ctx.Err(); err == nil {
				err = w.look(ctx)
			}
			if err != nil && ctx.Err() == nil && r.Passing != nil && r.Passing(err) {
				err = nil
			}
		}
		switch {
		case w.left:
		case ctx.Err() != nil:
			yield(audit.PermissionAuditEvent{}, context.Cause(ctx))
		default:
			yield(audit.PermissionAuditEvent{}, r.Failed("follow", err))
		}
	}
}

// watcher is one Follow.
//
// Where transactions overlap, ids are assigned in another order than rows appear: a
// row may appear below the greatest id for as long as Reader.Late. And where the last
// rows were deleted, their ids may be given to others. So it is remembered which rows
// have been seen, and what they said of themselves.
type watcher struct {
	reader *Reader
	filter query.Filter
	yield  func(audit.PermissionAuditEvent, error) bool
	left   bool // the caller has left

	begun bool // the rest is known
	first spot // of the table, when it was last looked at
	at    spot // the last row that has been looked at

	floor   int64  // no row appears at or below it any more, unless ids are given again
	history []mark // of at
	memory
}

// mark says how far a watcher was at a moment.
type mark struct {
	at time.Time
	id int64
}

// begin yields the last events.
func (w *watcher) begin(ctx context.Context, last int) error {
	layout, e, err := w.table(ctx)
	if err != nil || !e.found {
		return err
	}
	w.start(e.last)
	w.first, w.from = e.first, e.last.id-recent
	if w.reader.Late > 0 {
		w.floor = w.from
	}
	if err := w.rows(ctx, layout, w.from, e.last.id, func(row spot) { w.seen[row.id] = row.hash }); err != nil {
		return err
	}
	switch f := w.filter; {
	case last < 0:
		return w.selection(w.filter, layout, e.last.id).each(ctx, f, w.hand)
	case last > 0:
		type pair struct {
			event audit.PermissionAuditEvent
			err   error
		}
		var pairs []pair
		f.Newest, f.Limit = true, last
		err := w.selection(f, layout, e.last.id).each(ctx, f, func(event audit.PermissionAuditEvent, err error) bool {
			pairs = append(pairs, pair{event, err})
			return true
		})
		for _, p := range slices.Backward(pairs) {
			if err != nil || !w.hand(p.event, p.err) {
				break
			}
		}
		return err
	}
	return nil
}

// start begins to watch after a row.
func (w *watcher) start(at spot) {
	w.begun, w.at, w.floor, w.from = true, at, at.id, at.id
	w.history = append(w.history[:0], mark{time.Now(), at.id})
	clear(w.seen)
}

// hand yields an event.
func (w *watcher) hand(event audit.PermissionAuditEvent, err error) bool {
	w.left = !w.yield(event, err)
	return !w.left
}

// look yields what has arrived. After an error it may be called again.
func (w *watcher) look(ctx context.Context) error {
	layout, e, err := w.table(ctx)
	if err != nil {
		return err
	}
	if !e.found { // what comes is new, whatever its id
		w.begun = false
		return nil
	}
	if !w.begun || !e.same && e.last.id <= w.from && e.first != w.first { // no row is the one that it was
		w.start(spot{})
		e.same = true
	}
	w.first = e.first
	if err := w.late(ctx, layout, e); err != nil || w.left {
		return err
	}
	if !e.same && e.last.id <= w.at.id {
		w.goBack(e.last)
	}
	if e.last.id > w.at.id {
		s := w.selection(w.filter, layout, e.last.id)
		s.id, s.begun = w.at.id, true
		if err := s.each(ctx, w.filter, w.hand); err != nil || w.left {
			return err
		}
		w.at = e.last
		w.history = append(w.history, mark{time.Now(), w.at.id})
	}
	w.raise()
	return nil
}

// late yields what has appeared among the ids that were looked at: in place of others,
// if the row that the watcher is at is not the same.
func (w *watcher) late(ctx context.Context, layout Layout, e ends) error {
	after := w.floor
	if !e.same {
		after = w.from
	}
	until := min(w.at.id, e.last.id)
	if e.same && w.reader.Late == 0 || after >= until {
		return nil
	}
	var missed []spot
	err := w.rows(ctx, layout, after, until, func(row spot) {
		if hash, known := w.seen[row.id]; !known || hash != row.hash {
			missed = append(missed, row)
		}
	})
	for _, row := range missed {
		if err != nil || w.left {
			break
		}
		s := w.selection(w.filter, layout, row.id)
		s.id, s.begun = row.id-1, true
		err = s.each(ctx, w.filter, w.hand)
	}
	return err
}

// goBack goes on from a row before the one that the watcher was at, or in its place.
func (w *watcher) goBack(last spot) {
	w.at, w.floor = last, min(w.floor, last.id)
	w.history = append(w.history[:0], mark{time.Now(), last.id})
	w.forget(min(w.from, last.id), last.id)
}

// raise raises floor to where the watcher was Late ago.
func (w *watcher) raise() {
	for len(w.history) > 0 && time.Since(w.history[0].at) > w.reader.Late {
		w.floor = max(w.floor, w.history[0].id)
		w.history = w.history[1:]
	}
	if len(w.seen) > 2*recent {
		w.forget(max(w.from, min(w.floor, w.at.id-recent)), w.at.id)
	}
}
