package query

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/permaudit/audit"
)

// reading is one pass over files.
type reading struct {
	files   *fileSet
	cursor  cursor
	repeats repeats
	limits  limits
}

// repeats finds the events that repeat one that arrived before them.
type repeats interface {
	// repeated is asked about each line that is not blank, once. id is zero if
	// the line is damaged or its event has none; file is that of the line.
	repeated(id audit.EventID, file int) bool
}

// newReading begins to read the files at paths, backwards if newest is set. The
// caller closes r.files.
func newReading(ctx context.Context, paths []string, newest bool, limits limits) *reading {
	if newest {
		paths = slices.Clone(paths)
		slices.Reverse(paths)
	}
	files := &fileSet{ctx: ctx, paths: paths, open: make(map[int]*snapshot)}
	here := cursor{files: files, newest: newest, limits: limits, most: len(paths)}
	r := &reading{files: files, cursor: here, limits: limits}
	r.cursor.closes = true
	if newest {
		r.repeats = &lookahead{cursor: here, claims: make(map[audit.EventID]int)}
	} else {
		r.repeats = &lookback{limits: limits, seen: make(map[audit.EventID]place)}
	}
	return r
}

// next returns the next event that is no repeat, or what is damaged in its place;
// errEnd at the end.
func (r *reading) next() (event audit.PermissionAuditEvent, damage *DamageError, err error) {
	for {
		if r.files.ctx.Err() != nil {
			return event, nil, context.Cause(r.files.ctx)
		}
		line, err := r.cursor.next()
		var wrong error
		switch {
		case errors.Is(err, errLong):
			wrong = fmt.Errorf("%w: it has more than %d bytes", err, r.limits.line)
		case err != nil:
			return event, nil, r.cause(err)
		default:
			wrong = event.UnmarshalJSON(line)
		}
		repeated := r.repeats.repeated(event.ID, r.cursor.file)
		switch {
		case wrong != nil:
			damage, err := r.cursor.damage(wrong)
			return event, damage, r.cause(err)
		case !repeated:
			return event, nil, nil
		}
		event = audit.PermissionAuditEvent{}
	}
}

// cause says why the reading is stopped, if err is that it is.
func (r *reading) cause(err error) error {
	if errors.Is(err, errStopped) {
		return context.Cause(r.files.ctx)
	}
	return err
}
