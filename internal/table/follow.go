package table

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// recent is among how many of the last ids, when Follow begins, another one may be
// missing that appears later.
const recent = 16384

// Follow implements query.Follower.
func (r *Reader) Follow(ctx context.Context, f query.Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	f.Newest, f.Limit = false, 0
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		w := &watcher{reader: r, filter: f, yield: yield, seen: make(map[int64]struct{})}
		err := w.begin(ctx, last)
		for err == nil && !w.left {
			select {
			case <-ctx.Done():
			case <-time.After(r.Interval):
			}
			if err = ctx.Err(); err == nil {
				err = w.look(ctx)
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
// Where transactions overlap, ids are assigned in another order than rows appear.
// A row may appear below the greatest id for as long as Reader.Late; so long is
// remembered which have been seen.
type watcher struct {
	reader *Reader
	filter query.Filter
	yield  func(audit.PermissionAuditEvent, error) bool
	left   bool // the caller has left

	begun bool  // id is known
	id    int64 // the greatest that has been looked at

	floor   int64              // no row appears at or below it any more
	history []mark             // of id
	seen    map[int64]struct{} // selected rows above floor
}

// mark says how far a watcher was at a moment.
type mark struct {
	at time.Time
	id int64
}

// begin yields the last events.
func (w *watcher) begin(ctx context.Context, last int) error {
	layout, id, found, err := w.table(ctx)
	if err != nil || !found {
		return err
	}
	w.start(id)
	if w.reader.Late > 0 {
		if err := w.ids(ctx, layout, func(id int64) { w.seen[id] = struct{}{} }); err != nil {
			return err
		}
	}
	switch f := w.filter; {
	case last < 0:
		return w.reader.newSelection(f, layout, id).each(ctx, f, w.hand)
	case last > 0:
		type pair struct {
			id    int64
			event audit.PermissionAuditEvent
			err   error
		}
		var pairs []pair
		f.Newest, f.Limit = true, last
		err := w.reader.newSelection(f, layout, id).each(ctx, f, func(id int64, event audit.PermissionAuditEvent, err error) bool {
			pairs = append(pairs, pair{id, event, err})
			return true
		})
		for _, p := range slices.Backward(pairs) {
			if err != nil || !w.hand(p.id, p.event, p.err) {
				break
			}
		}
		return err
	}
	return nil
}

// start begins to watch after id.
func (w *watcher) start(id int64) {
	w.begun, w.id, w.floor = true, id, id
	if w.reader.Late > 0 {
		w.floor = id - recent
	}
	w.history = append(w.history[:0], mark{time.Now(), id})
	clear(w.seen)
}

// hand yields an event.
func (w *watcher) hand(id int64, event audit.PermissionAuditEvent, err error) bool {
	if w.reader.Late > 0 {
		w.seen[id] = struct{}{}
	}
	w.left = !w.yield(event, err)
	return !w.left
}

// table looks at the table and its greatest id. Found is false while it is not there, or
// empty.
func (w *watcher) table(ctx context.Context) (layout Layout, id int64, found bool, err error) {
	layout, err = w.reader.Layout(ctx)
	if err != nil || len(layout.Columns) == 0 {
		return layout, 0, false, err
	}
	if err := layout.Check(w.reader.Table); err != nil {
		return layout, 0, false, err
	}
	id, found, err = w.reader.last(ctx)
	if err != nil { // it may have been dropped a moment ago
		again, failed := w.reader.Layout(ctx)
		if failed == nil && len(again.Columns) == 0 {
			err = nil
		}
	}
	return layout, id, found, err
}

// look yields what has arrived.
func (w *watcher) look(ctx context.Context) error {
	layout, id, found, err := w.table(ctx)
	switch {
	case err != nil:
		return err
	case !found: // what comes is new, whatever its id
		w.begun = false
		return nil
	case !w.begun:
		w.start(0)
		w.floor = 0
	case id < w.id: // the last rows were deleted
		w.start(id)
	}
	if err := w.late(ctx, layout); err != nil || w.left {
		return err
	}
	if id > w.id {
		s := w.reader.newSelection(w.filter, layout, id)
		s.id, s.begun = w.id, true
		if err := s.each(ctx, w.filter, w.hand); err != nil || w.left {
			return err
		}
		w.id = id
		w.history = append(w.history, mark{time.Now(), id})
	}
	w.forget()
	return nil
}

// late yields what has appeared among the ids that were looked at.
func (w *watcher) late(ctx context.Context, layout Layout) error {
	if w.reader.Late == 0 || w.floor == w.id {
		return nil
	}
	var missed []int64
	err := w.ids(ctx, layout, func(id int64) {
		if _, known := w.seen[id]; !known {
			missed = append(missed, id)
		}
	})
	for _, id := range missed {
		if err != nil || w.left {
			break
		}
		s := w.reader.newSelection(w.filter, layout, id)
		s.id, s.begun = id-1, true
		err = s.each(ctx, w.filter, w.hand)
		w.seen[id] = struct{}{} // also if Match refuses it
	}
	return err
}

// ids calls each for the ids of the selected rows above floor, up to id.
func (w *watcher) ids(ctx context.Context, layout Layout, each func(id int64)) error {
	where := newWhere(w.reader.Dialect, w.reader.Table, layout, w.filter)
	where.add("id > " + where.bind(w.floor))
	where.add("id <= " + where.bind(w.id))
	return w.reader.Query(ctx, "SELECT id FROM "+w.reader.Table.SQL()+where.sql()+" ORDER BY id", where.args, func(scan Scan) (bool, error) {
		var id int64
		err := scan(&id)
		each(id)
		return true, err
	})
}

// forget raises floor to where the watcher was Late ago.
func (w *watcher) forget() {
	before := w.floor
	for len(w.history) > 0 && time.Since(w.history[0].at) > w.reader.Late {
		w.floor = max(w.floor, w.history[0].id)
		w.history = w.history[1:]
	}
	if w.floor > before {
		maps.DeleteFunc(w.seen, func(id int64, _ struct{}) bool { return id <= w.floor })
	}
}
