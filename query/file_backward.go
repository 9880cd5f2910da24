package query

import (
	"bytes"
	"errors"
	"maps"

	"github.com/permaudit/audit"
)

// backward yields the events of files from their end. Whether a line repeats one
// before it in its file is known once that is read: lines wait until so many more are
// read that it cannot come any more.
type backward struct {
	files  *fileSet
	limits limits
	filter *rawFilter
	out    limited

	waiting []*stretch
	given   int64              // the number of the last line that waits no more
	repeats map[int64]struct{} // numbers of lines that wait, and of others
	purgeAt int                // so many repeats are too many
	scanner lineScanner

	counted *snapshot // the file whose lines were counted last
	lines   int       // that it has
}

// stretch is what is left of a task while its lines wait.
type stretch struct {
	file  int
	last  int64 // task.last
	marks []mark
}

// mark is a line that is selected, or damaged.
type mark struct {
	number      int64
	id          audit.EventID
	offset, end int64 // in the file
	index       int   // how many lines of the file come after it
	damage      error // nil: it is selected
}

func (s *fileSource) backward(files *fileSet, f Filter, yield func(audit.PermissionAuditEvent, error) bool) {
	b := &backward{
		files: files, limits: s.limits, filter: newRawFilter(f), given: -1, repeats: make(map[int64]struct{}),
		out: limited{ctx: files.parent, limit: f.Limit, yield: yield},
	}
	var failed error
	s.newPass(files, true).run(
		func() func(*task) { return func(t *task) { t.result = t.stretch(b.filter) } },
		func(t *task) bool {
			if failed = t.err; failed != nil {
				return false
			}
			return b.take(t)
		})
	for len(b.waiting) > 0 && !b.out.ended {
		b.give()
	}
	if failed != nil {
		b.out.fail(failed)
	}
	b.out.end()
}

// stretch returns what is needed of the task when its lines may be yielded.
func (t *task) stretch(filter *rawFilter) *stretch {
	s := &stretch{file: t.file, last: t.last}
	for i := range t.lines {
		l := &t.lines[i]
		m := mark{number: l.number, index: t.firstLine + i, offset: t.offset + int64(l.begin), end: t.offset + int64(l.end)}
		switch {
		case errors.Is(l.damage, errBlank):
		case l.damage != nil:
			m.damage = l.damage
			s.marks = append(s.marks, m)
		case l.match(filter):
			m.id = l.id()
			s.marks = append(s.marks, m)
		}
	}
	return s
}

// take takes a task, and yields the stretches whose lines have waited long enough.
func (b *backward) take(t *task) bool {
	s, _ := t.result.(*stretch)
	for _, number := range t.repeats {
		b.repeats[number] = struct{}{}
	}
	if len(b.repeats) > b.purgeAt { // most are not selected
		maps.DeleteFunc(b.repeats, func(number int64, _ struct{}) bool { return number <= b.given })
		b.purgeAt = max(b.limits.repeatLines, 2*len(b.repeats))
	}
	b.waiting = append(b.waiting, s)
	for len(b.waiting) > 0 {
		first := b.waiting[0]
		if s.last-first.last < int64(b.limits.repeatLines) && s.file-first.file <= b.limits.repeatFiles {
			break
		}
		if !b.give() {
			return false
		}
	}
	return true
}

// give yields the first stretch that waits.
func (b *backward) give() bool {
	s := b.waiting[0]
	b.waiting = b.waiting[1:]
	b.given = s.last
	if len(s.marks) > 0 && !b.yield(s) {
		return false
	}
	if len(b.waiting) > 0 && b.waiting[0].file != s.file {
		for file := s.file; file < b.waiting[0].file; file++ {
			b.files.close(file)
		}
	}
	return !b.out.ended
}

func (b *backward) yield(s *stretch) bool {
	file, err := b.files.snapshot(s.file)
	if err != nil {
		b.out.fail(err)
		return false
	}
	begin, end := s.marks[len(s.marks)-1].offset, s.marks[0].end
	data := newBuffer(int(end - begin))
	defer freeBuffer(data)
	if _, err := file.ReadAt(data, begin); err != nil {
		b.out.fail(err)
		return false
	}
	for _, m := range s.marks {
		more := true
		_, repeated := b.repeats[m.number]
		delete(b.repeats, m.number)
		if m.damage != nil {
			line, err := b.lineNumber(file, m.index)
			if err != nil {
				b.out.fail(err)
				return false
			}
			more = b.out.give(audit.PermissionAuditEvent{}, &DamageError{File: b.files.paths[s.file], Line: line, Err: m.damage})
		} else {
			// Somebody may have written something else there meanwhile.
			var l scannedLine
			l.scan(&b.scanner, data[m.offset-begin:m.end-begin], b.limits)
			if l.damage == nil && l.match(b.filter) && !(repeated && l.id() == m.id) {
				more = b.out.give(l.decode(b.filter.Fields), nil)
			}
		}
		if !more {
			return false
		}
	}
	return true
}

// lineNumber is that of a line after which so many come, counted from 1.
func (b *backward) lineNumber(file *snapshot, after int) (int, error) {
	if b.counted != file {
		b.counted, b.lines = file, 0
		chunk := newBuffer(b.limits.chunk)
		defer freeBuffer(chunk)
		for at := int64(0); at < file.size; at += int64(len(chunk)) {
			chunk = chunk[:min(int64(len(chunk)), file.size-at)]
			if _, err := file.ReadAt(chunk, at); err != nil {
				return 0, err
			}
			b.lines += bytes.Count(chunk, []byte{'\n'})
		}
	}
	return b.lines - after, nil
}
