package audit

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
)

// countLines counts the events in a file between two offsets at which lines end, and
// tells where the gap events begin, which do not count.
func countLines(file io.ReaderAt, from, to int64) (events uint64, gaps []int64, err error) {
	reader := bufio.NewReaderSize(io.NewSectionReader(file, from, to-from), int(min(to-from, MaxLineBytes))+1)
	inside := false // of a line that is too long
	for {
		line, err := reader.ReadSlice('\n')
		tooLong := errors.Is(err, bufio.ErrBufferFull)
		switch {
		case errors.Is(err, io.EOF):
			return events, gaps, nil
		case err != nil && !tooLong:
			return events, gaps, err
		case tooLong: // it is counted at its end
		case inside:
			events++
		case isGapLine(line):
			gaps = append(gaps, from)
		case !isBlank(line):
			events++
		}
		inside = tooLong
		from += int64(len(line))
	}
}

// readLines reads whole lines up to end: as many as there is room for, one at least.
func (s *spool) readLines(file io.ReaderAt, offset, end int64) (text []byte, err error) {
	if s.buffer == nil {
		s.buffer = make([]byte, MaxLineBytes+1) // which holds a line of ours
	}
	for buffer := s.buffer; ; buffer = make([]byte, 2*len(buffer)) {
		n, err := file.ReadAt(buffer[:min(int64(len(buffer)), end-offset)], offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		if text = buffer[:bytes.LastIndexByte(buffer[:n], '\n')+1]; len(text) > 0 || n < len(buffer) {
			return text, nil
		}
	}
}

// pending reports whether there is something to deliver. The queue is locked.
func (s *spool) pending() bool { return s.written > s.settled }

// next reads what is to be delivered next, up to most events, into entries, which
// are valid until the next call. A line that is no event comes alone, as a dead
// letter. What another program took away is counted as dropped.
func (s *spool) next(entries []Entry, most int) (_ []Entry, damaged *DeadLetterError, err error) {
	first, offset, end, gaps := s.position()
	if first == nil {
		return entries, nil, nil
	}
	text, err := s.readLines(first.file, offset, end)
	if err != nil {
		return entries, nil, err
	}
	size := 0
	events := uint64(0)
	s.gaps = s.gaps[:0]
	for size < len(text) && len(entries) < most && damaged == nil {
		length := bytes.IndexByte(text[size:], '\n') + 1
		line := text[size : size+length-1]
		if isBlank(line) {
			size += length
			continue
		}
		entry, wrong := decodeEntry(line)
		if wrong != nil && len(entries) > 0 { // it comes next
			break
		}
		if slices.Contains(gaps, offset+int64(size)) {
			s.gaps = append(s.gaps, len(entries))
		} else {
			events++
		}
		if wrong != nil {
			damaged = &DeadLetterError{Line: bytes.Clone(line), Err: wrong}
		} else {
			entries = append(entries, entry)
		}
		size += length
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	switch upto := offset + int64(size); {
	case first.at != offset || first.end < upto:
		return entries[:0], nil, nil // another program has just truncated it
	case size == 0:
		s.advance(first, first.end, 0)
		return entries, nil, nil
	default:
		s.advance(first, upto, events)
	}
	if len(entries) > 0 {
		s.since = entries[0].Timestamp
		if s.since.Before(first.born) { // it is a copy of an older one
			s.since = first.born
		}
	}
	return entries, damaged, nil
}

// position is where to read on, and where the next gap events are; nil if nothing is
// left of the first segment.
func (s *spool) position() (first *segment, offset, end int64, gaps []int64) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if len(s.segments) == 0 {
		return nil, 0, 0, nil
	}
	first = s.segments[0]
	if first.at == first.end {
		return nil, 0, 0, nil
	}
	return first, first.at, first.end, first.gaps[:min(len(first.gaps), s.queue.options.BatchSize)]
}

// advance is called when a segment is read up to an offset, or need not be read up to
// there, and that many events were found on the way. If they are not as many as were
// written another program has changed them. The queue is locked.
func (s *spool) advance(of *segment, to int64, events uint64) {
	s.takeOff(of, events)
	s.read += to - of.at
	of.at = to
	for len(of.gaps) > 0 && of.gaps[0] < to {
		of.gaps = of.gaps[1:]
	}
	if len(s.segments) > 0 && of == s.segments[0] && of.at == of.end {
		s.read += of.cut
		of.cut = 0
		s.lost(of, of.events)
	}
}

// takeOff takes events off those that are not read yet. The queue is locked.
func (s *spool) takeOff(of *segment, events uint64) {
	if events > of.events {
		s.found(events - of.events)
		of.events = events
	}
	of.events -= events
}

// pass is called when everything that was read is delivered, or given up. It leaves the
// segments that are read, for the spooler to delete. The queue is locked.
func (s *spool) pass() {
	for len(s.segments) > 0 && s.segments[0].at == s.segments[0].end {
		first := s.segments[0]
		s.advance(first, first.at, 0)
		if first.live {
			break
		}
		s.consumed, s.segments = append(s.consumed, first), s.segments[1:]
	}
	s.settled = s.read
	s.resolveMarks()
}

// addMark makes an ack due when everything is delivered that is in the spool by now.
// Those for which nobody waits any more are forgotten. The queue is locked.
func (s *spool) addMark(a *ack) {
	if len(s.marks) >= s.mostMarks {
		s.marks = slices.DeleteFunc(s.marks, func(m mark) bool { return m.ack.waiting.Load() == 0 })
		s.mostMarks = max(64, 2*len(s.marks))
	}
	s.marks = append(s.marks, mark{s.written, a})
}

func (s *spool) resolveMarks() {
	for len(s.marks) > 0 && s.marks[0].written <= s.settled {
		s.marks[0].ack.resolve(nil)
		s.marks = s.marks[1:]
	}
}

// skip is called when the worker has delivered events of a batch before it came to read
// them. If something else comes first, they are read and delivered again. The queue is
// locked.
func (s *spool) skip(b *batch, from, to int) {
	p := b.place
	if from >= to {
		return
	}
	if s.read == s.settled {
		s.pass()
	}
	if s.read != s.settled || len(s.segments) == 0 || s.segments[0] != p.segment || p.segment.at != p.lineStart(from) {
		s.found(b.count(from, to))
		return
	}
	s.advance(p.segment, min(p.lineStart(to), p.segment.end), b.count(from, to))
	s.pass()
}

// truncated is called when another program has cut a segment to size bytes of whole
// lines.
func (s *spool) truncated(of *segment, size int64) error {
	for done := false; !done; {
		s.queue.mu.Lock()
		at := of.at
		s.queue.mu.Unlock()
		events, _, err := countLines(of.file, min(at, size), size)
		if err != nil {
			return err
		}
		done = s.cut(of, size, at, events)
	}
	return nil
}

// cut cuts a segment to size bytes, of which those behind an offset hold that many
// events. It does nothing if the worker has read on from there.
func (s *spool) cut(of *segment, size, at int64, events uint64) bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if of.at != at {
		return false
	}
	end := max(at, size)
	of.cut += of.end - end
	of.end = end
	if s.queue.spooler.takeBack(of, size) {
		at, events = end, 0 // nothing else is there
	}
	if events < of.events {
		s.lost(of, of.events-events)
	}
	s.advance(of, at, 0)
	return true
}

// found counts events that another program, or another process, wrote to the spool. The
// queue is locked.
func (s *spool) found(events uint64) {
	stats := &s.queue.stats
	stats.Recovered += events
	stats.Pending += events
	stats.Spooled += events
}

// lost counts events of a segment as dropped, which another program took away. The
// queue is locked.
func (s *spool) lost(of *segment, events uint64) {
	if events == 0 {
		return
	}
	of.events -= events
	stats := &s.queue.stats
	stats.Dropped += events
	stats.Pending -= events
	stats.Spooled -= events
	s.report("recover", fmt.Errorf("%d events in %s are lost: another program changed it", events, cmp.Or(of.path, s.log.path)))
}
