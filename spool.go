package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

// spool is the log in which events wait while the database does not take them: a
// file at its path, and rotated ones, which are deleted once all that is in them is
// delivered.
//
// The spooler alone changes the files, the worker alone reads them. What they tell
// each other is guarded by the lock of the queue.
type spool struct {
	reading sync.Mutex // held while the worker reads, and while the spooler takes away what it could be reading

	queue  *queue
	log    *fileSink // to which the spooler appends
	fsys   fileSystem
	limit  int64 // bytes of all files
	report func(op string, err error)

	// Under the lock of the queue.
	segments []*segment // oldest first; the worker reads the first one
	consumed []*segment // for the spooler to delete
	offset   int64      // up to where the first segment is read
	appended tally      // what there ever was to deliver
	settled  tally      // of this: what is delivered, or given up
	read     tally      // of this: what the worker has read
	since    time.Time  // when the oldest event in it was recorded, about

	buffer []byte // what the worker read last
	gaps   []int  // which of its lines are gap events
}

// segment is one of the files.
type segment struct {
	path string  // "": nobody knows any more
	file logFile // for reading
	end  int64   // of what may be read
	live bool    // the spooler appends to it
	held tally   // what was written to it
	seen tally   // of this: what was read
}

// tally counts lines.
type tally struct {
	lines  uint64
	events uint64 // those that are no gap events
}

func (t *tally) add(line []byte) {
	if isBlank(line) {
		return
	}
	t.lines++
	if !isGapLine(line) {
		t.events++
	}
}

func newTally(lines, gaps int) tally {
	return tally{uint64(lines), uint64(lines - gaps)} //nolint:gosec // G115: neither is negative
}

func (t *tally) count(other tally) {
	t.lines += other.lines
	t.events += other.events
}

func (t tally) less(other tally) tally { return tally{t.lines - other.lines, t.events - other.events} }

func isBlank(line []byte) bool { return len(bytes.TrimSpace(line)) == 0 }

// isGapLine reports whether a line, as this library writes it, is a gap event.
func isGapLine(line []byte) bool {
	const begin, gap = `{"id":"`, `"action":"gap"`
	const before = len(`{"id":"00000000-0000-0000-0000-000000000000","timestamp":"2006-01-02T15:04:05.000000Z",`)
	return len(line) >= before+len(gap) && string(line[before:before+len(gap)]) == gap && string(line[:len(begin)]) == begin
}

// segmentSize is at which the spool begins the next file, so that the room of what
// was delivered is soon free.
func segmentSize(limit int64) int64 { return max(limit/16, 64<<10) }

// openSpool opens the spool at path, with what an earlier process left in it.
func openSpool(fsys fileSystem, path string, limit int64, queue *queue, report func(op string, err error)) (*spool, error) {
	s := &spool{queue: queue, fsys: fsys, limit: limit, report: report}
	options := FileOptions{Mode: 0o600, MaxSize: segmentSize(limit)}
	var err error
	if s.log, err = openFileSink(fsys, path, options, s, report); err != nil {
		return nil, err
	}
	live := s.segments
	s.segments = nil
	err = s.takeUp()
	s.segments = append(s.segments, live...)
	if err != nil {
		return nil, join(err, s.close())
	}
	s.since = birth(s.segments[0].file, s.segments[0].end)
	return s, nil
}

// takeUp adds the rotated files that are there.
func (s *spool) takeUp() error {
	names, _, err := rotatedFiles(s.fsys, s.log.path)
	if err != nil {
		return err
	}
	for _, name := range names {
		file, err := s.fsys.OpenFile(name, os.O_RDWR|os.O_APPEND, 0)
		if err != nil {
			return err
		}
		info, err := file.Stat()
		var size int64
		if err == nil {
			size, err = setTornTailAside(s.fsys, file, s.log.path, info)
		}
		if err := join(err, file.Close()); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := s.begun(name, info, size); err != nil {
			return err
		}
		s.left(name)
	}
	return nil
}

// begun implements follower. What is in the file already is to be delivered.
func (s *spool) begun(path string, info fs.FileInfo, size int64) error {
	file, err := s.fsys.OpenFile(path, os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	now, err := file.Stat()
	if err == nil && !s.fsys.SameFile(info, now) {
		err = fmt.Errorf("%s is replaced while it is opened", path)
	}
	var found tally
	if err == nil {
		found, err = countLines(file, size)
	}
	if err != nil {
		return join(err, file.Close())
	}
	q := s.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	s.segments = append(s.segments, &segment{path: path, file: file, end: size, live: true, held: found})
	s.appended.count(found)
	q.stats.Recovered += found.events
	q.stats.Pending += found.events
	q.stats.Spooled += found.events
	return nil
}

// left implements follower.
func (s *spool) left(path string) {
	s.reading.Lock()
	defer s.reading.Unlock()
	q := s.queue
	q.mu.Lock()
	last := s.segments[len(s.segments)-1]
	q.mu.Unlock()
	info, err := last.file.Stat()
	truncated := err == nil && info.Size() < last.end
	var there tally
	if truncated { // by another program
		there, _ = countLines(last.file, info.Size()) // what cannot be read is lost
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	last.path, last.live = path, false
	if truncated {
		// What is written there from now on belongs to another segment.
		before := last.held
		last.held, last.end = there, info.Size()
		if there.lines < last.seen.lines {
			last.held = last.seen
		}
		s.lose(last, before.less(last.held))
	}
}

var errSpoolFull = errors.New("the spool is full, events wait in the queue")

// append makes lines durable in the live file. A batch that is larger than the limit
// is taken when there is nothing else.
func (s *spool) append(lines []byte) error {
	s.queue.mu.Lock()
	used := int64(0)
	for _, segment := range s.segments {
		used += segment.end
	}
	s.queue.mu.Unlock()
	if used > 0 && used+int64(len(lines)) > s.limit {
		return fmt.Errorf("%w: its files hold %d of %d bytes, see SpoolMaxBytes", errSpoolFull, used, s.limit)
	}
	return guard(func() error { return s.log.writeLines(context.Background(), lines) })
}

// clean deletes what is delivered, and empties the live file once everything is.
// The spooler calls it.
func (s *spool) clean() error {
	if !s.reading.TryLock() {
		return nil // the worker is reading, and says when it has
	}
	defer s.reading.Unlock()
	q := s.queue
	q.mu.Lock()
	var live *segment
	if !s.pending() {
		for len(s.segments) > 0 && !s.segments[0].live {
			s.consumed = append(s.consumed, s.segments[0])
			s.segments, s.offset = s.segments[1:], 0
		}
		if len(s.segments) > 0 && s.segments[0].end > 0 {
			live = s.segments[0]
		}
	}
	consumed := s.consumed
	s.consumed = nil
	q.mu.Unlock()

	var err error
	for _, segment := range consumed {
		err = join(err, segment.file.Close())
		if segment.path != "" {
			err = join(err, removeIfThere(s.fsys, segment.path))
		}
	}
	if live == nil {
		return err
	}
	failed := s.log.empty()
	q.mu.Lock()
	defer q.mu.Unlock()
	if failed == nil {
		live.end, live.held = 0, tally{}
	}
	s.read, s.offset, live.seen = s.settled, live.end, live.held
	return join(err, failed)
}

// close closes the files. What is delivered is deleted.
func (s *spool) close() error {
	err := s.clean()
	s.log.follows = nil
	for _, segment := range s.segments {
		err = join(err, segment.file.Close())
	}
	return join(err, s.log.release())
}
