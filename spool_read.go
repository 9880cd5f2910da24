package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// countLines counts the lines of a file up to size, where one ends.
func countLines(file io.ReaderAt, size int64) (found tally, err error) {
	reader := bufio.NewReaderSize(io.NewSectionReader(file, 0, size), int(min(size, MaxLineBytes))+1)
	for {
		line, err := reader.ReadSlice('\n')
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case errors.Is(err, bufio.ErrBufferFull):
			return found, fmt.Errorf("a line has more than %d bytes: this is no spool", MaxLineBytes)
		case err != nil:
			return found, err
		}
		found.add(line)
	}
}

// pending reports whether there is something to deliver. The queue is locked.
func (s *spool) pending() bool { return s.appended.lines > s.settled.lines }

// next reads what is to be delivered next, up to most events, into entries, which
// are valid until the next call. A line that is no event comes alone, as a dead
// letter. What another program took away is counted as dropped.
func (s *spool) next(entries []Entry, most int) (_ []Entry, damaged *DeadLetterError, err error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	segment, offset, end, skip := s.position()
	if segment == nil {
		return entries, nil, nil
	}
	if s.buffer == nil {
		s.buffer = make([]byte, MaxLineBytes+1) // which holds a line at least
	}
	n, err := segment.file.ReadAt(s.buffer[:min(int64(len(s.buffer)), end-offset)], offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return entries, nil, err
	}
	text := s.buffer[:bytes.LastIndexByte(s.buffer[:n], '\n')+1]
	if len(text) == 0 {
		s.endEarly(segment)
		return entries, nil, nil
	}
	var seen tally
	size := 0
	s.gaps = s.gaps[:0]
	for size < len(text) && len(entries) < most && damaged == nil {
		length := bytes.IndexByte(text[size:], '\n') + 1
		line := text[size : size+length-1]
		if !isBlank(line) && seen.lines >= skip {
			entry, wrong := decodeEntry(line)
			if wrong != nil && len(entries) > 0 { // it comes next
				text = text[:size]
				continue
			}
			if isGapLine(line) {
				s.gaps = append(s.gaps, len(entries))
			}
			if wrong != nil {
				damaged = &DeadLetterError{Line: bytes.Clone(line), Err: wrong}
			} else {
				entries = append(entries, entry)
			}
		}
		seen.add(line)
		size += length
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.offset += int64(size)
	s.read.count(seen)
	segment.seen.count(seen)
	if len(entries) > 0 {
		s.since = entries[0].Timestamp
	}
	return entries, damaged, nil
}

// position is where to read on, and how many lines there are settled already. It
// leaves segments that are read, for the spooler to delete.
func (s *spool) position() (first *segment, offset, end int64, skip uint64) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	for len(s.segments) > 0 {
		first = s.segments[0]
		if s.offset < first.end {
			return first, s.offset, first.end, s.settled.lines - s.read.lines
		}
		if first.live {
			break
		}
		s.consumed = append(s.consumed, first)
		s.segments, s.offset = s.segments[1:], 0
	}
	return nil, 0, 0, 0
}

// endEarly gives up what cannot be read of a segment any more.
func (s *spool) endEarly(first *segment) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	lost := first.held.less(first.seen)
	first.held, s.offset = first.seen, first.end
	s.lose(first, lost)
}

// lose counts lines at the end of a segment as dropped, which another program took
// away. The queue is locked.
func (s *spool) lose(from *segment, lost tally) {
	left := from.held.less(from.seen)
	// What is delivered and will not be read again is not lost.
	if ahead := s.settled.less(s.read); from == s.segments[0] && ahead.lines > left.lines {
		ahead = ahead.less(left)
		s.read.count(ahead)
		lost = lost.less(ahead)
	}
	if lost.lines == 0 {
		return
	}
	q := s.queue
	s.read.count(lost)
	q.stats.Dropped += lost.events
	q.stats.Pending -= lost.events
	q.spooler.delivered(lost)
	s.report("recover", fmt.Errorf("%d events in %s are lost: another program truncated it", lost.events, s.log.path))
}
