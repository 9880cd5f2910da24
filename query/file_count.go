package query

import (
	"context"

	"github.com/permaudit/audit"
)

// lineCounter counts lines, in one of several goroutines.
type lineCounter interface {
	addLine(l *rawLine)
	addEvent(event *audit.PermissionAuditEvent) // a line that was decoded
}

// countLines reads the files once, and counts their lines where they are read, on all
// processors. Errors are handed to fail, which says after damage whether to go on. It
// returns the counters, one at least, and whether they have counted everything.
func countLines[C lineCounter](ctx context.Context, s *fileSource, newCounter func() C, fail func(error) bool) (counters []C, all bool) {
	paths, err := s.paths()
	if err != nil {
		fail(err)
		return nil, false
	}
	files := newFileSet(ctx, paths, s.stdin)
	files.places = s.places
	defer files.closeAll()
	var failed error
	more := true
	s.newPass(files, false).run(
		func() func(*task) {
			c := newCounter()
			counters = append(counters, c)
			return func(t *task) { t.result = countTask(c, files, t) }
		},
		func(t *task) bool {
			if failed = t.err; failed != nil {
				return false
			}
			damages, _ := t.result.([]error)
			for _, damage := range damages {
				more = more && fail(damage)
			}
			return more
		})
	switch {
	case !more:
		return nil, false
	case ctx.Err() != nil:
		failed = errStopped
	}
	if failed != nil {
		fail(cause(ctx, failed))
		return nil, false
	}
	return counters, true
}

// countTask counts the lines of a task, and returns the damage among them.
func countTask(c lineCounter, files *fileSet, t *task) (damages []error) {
	for i := range t.lines {
		switch l := &t.lines[i]; {
		case l.damage != nil:
			if damage := t.damage(files, i, t.firstLine+i+1); damage != nil {
				damages = append(damages, damage)
			}
		case l.repeated:
		case l.event != nil:
			c.addEvent(l.event)
		default:
			c.addLine(&l.raw)
		}
	}
	return damages
}
