package query

import (
	"context"
	"errors"

	"github.com/permaudit/audit"
)

// pair is what a sequence yields.
type pair struct {
	event audit.PermissionAuditEvent
	err   error
}

// forward yields the events of files in order of arrival.
func (s *fileSource) forward(files *fileSet, f Filter, yield func(audit.PermissionAuditEvent, error) bool) {
	filter := newRawFilter(f)
	out := limited{ctx: files.parent, limit: f.Limit, yield: yield}
	s.newPass(files, false).run(
		func() func(*task) { return func(t *task) { t.result = t.events(files, filter) } },
		func(t *task) bool {
			if t.err != nil {
				out.fail(t.err)
				return false
			}
			pairs, _ := t.result.([]pair)
			for _, p := range pairs {
				if !out.give(p.event, p.err) {
					return false
				}
			}
			return true
		})
	out.end()
}

// events returns the events that are selected, and the damage, in the order of reading.
func (t *task) events(files *fileSet, filter *rawFilter) []pair {
	var pairs []pair
	for i := range t.lines {
		switch l := &t.lines[i]; {
		case l.damage != nil:
			if damage := t.damage(files, i, t.firstLine+i+1); damage != nil {
				pairs = append(pairs, pair{err: damage})
			}
		case !l.repeated && l.match(filter):
			pairs = append(pairs, pair{event: l.decode(filter.Fields)})
		}
	}
	return pairs
}

// damage returns what is wrong with line i of the task, nil if it is blank.
func (t *task) damage(files *fileSet, i, line int) error {
	if wrong := t.lines[i].damage; !errors.Is(wrong, errBlank) {
		return &DamageError{File: files.paths[t.file], Line: line, Err: wrong}
	}
	return nil
}

// limited hands pairs to a caller, as Source.Events promises.
type limited struct {
	ctx   context.Context // of the caller
	limit int
	yield func(audit.PermissionAuditEvent, error) bool
	given int
	ended bool // nothing may be yielded any more
}

// give yields a pair and reports whether there may be more.
func (l *limited) give(event audit.PermissionAuditEvent, err error) bool {
	switch {
	case l.ctx.Err() != nil:
		l.fail(errStopped)
		return false
	case err == nil:
		l.given++
	}
	l.ended = !l.yield(event, err) || err == nil && l.given == l.limit
	return !l.ended
}

// fail yields the last error.
func (l *limited) fail(err error) {
	if !l.ended {
		l.ended = true
		l.yield(audit.PermissionAuditEvent{}, cause(l.ctx, err))
	}
}

// end says why the reading has ended, if it was stopped.
func (l *limited) end() {
	if l.ctx.Err() != nil {
		l.fail(errStopped)
	}
}

// cause says why a reading was stopped, if err is that it was.
func cause(ctx context.Context, err error) error {
	if errors.Is(err, errStopped) {
		return context.Cause(ctx)
	}
	return err
}
