package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"
)

// spool is the log in which events wait while the database does not take them: a
// file at its path, and rotated ones, which are deleted once all that is in them is
// delivered.
//
// The spooler alone changes the files, the worker alone reads them. What they tell
// each other is guarded by the lock of the queue. How far the delivery has come is
// counted in bytes: those of a file are what they are, while lines can become more or
// fewer when another program writes into it.
type spool struct {
	queue  *queue
	log    *fileSink // to which the spooler appends
	fsys   fileSystem
	limit  int64 // bytes of all files
	report func(op string, err error)
	last   *segment // the youngest, also if it is read already; the spooler's alone

	// Under the lock of the queue.
	segments []*segment // oldest first; the worker reads the first one
	consumed []*segment // for the spooler to delete
	written  int64      // bytes that there ever were to deliver
	read     int64      // of these: what the worker has read, or need not read
	settled  int64      // of those: what is delivered, or given up
	since    time.Time  // when the oldest event in it was recorded, about

	marks     []mark // of Flushes that wait for what is in the spool
	mostMarks int    // until those for which nobody waits are looked for

	buffer []byte // what the worker read last
	gaps   []int  // which of its events are gap events
}

// segment is one of the files; or what was written to it between two times that
// another program changed it. What is not read yet of all of them, and what was cut off,
// is what was written but not read.
type segment struct {
	file logFile // for reading

	// The spooler's alone.
	size   int64 // of the file, once it is not appended to any more
	closed bool  // the file, which could not be deleted yet
	shared bool  // the file is that of a younger segment, too

	// Under the lock of the queue.
	path string    // where the file is to be deleted; "": nowhere
	live bool      // the spooler appends to it
	born time.Time // when the first event came from the queue; zero: none did

	at     int64   // up to where it is read
	end    int64   // of what may be read
	cut    int64   // bytes behind that, which another program cut off
	events uint64  // that are not read yet, gap events not counted
	gaps   []int64 // where the gap events begin that are not read yet
}

// place is where the events of a batch are in the spool: those from one on, since the
// others were delivered before. The offsets are those in an empty segment, at first.
type place struct {
	from    int
	segment *segment
	start   int64   // of the first line
	ends    []int64 // of the lines
}

// lineStart is where the line of an event begins.
func (p *place) lineStart(event int) int64 {
	if event == p.from {
		return p.start
	}
	return p.ends[event-p.from-1]
}

// mark is an ack that is due when the spool is delivered up to what was written then.
type mark struct {
	written int64
	ack     *ack
}

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
	live, last := s.segments, s.last
	s.segments = nil
	err = s.takeUp()
	s.segments, s.last = append(s.segments, live...), last
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
			size, err = s.log.setTornTailAside(file, name, info)
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
	next := &segment{path: path, file: file, end: size, live: true}
	if err == nil {
		next.at, err = s.known(now, size)
	}
	if err == nil {
		next.events, next.gaps, err = countLines(file, next.at, size)
	}
	if err != nil {
		return join(err, file.Close())
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.last = next
	s.segments = append(s.segments, next)
	s.written += next.end - next.at
	s.found(next.events)
	return nil
}

// known is how much of a file with size bytes is in segments already: the log may go on
// in the same file, after another program has changed it.
func (s *spool) known(info fs.FileInfo, size int64) (from int64, err error) {
	s.queue.mu.Lock()
	segments := slices.Clone(s.segments)
	s.queue.mu.Unlock()
	if s.last != nil && !slices.Contains(segments, s.last) {
		segments = append(segments, s.last) // the worker was quick
	}
	for _, segment := range segments {
		before, err := segment.file.Stat()
		if err != nil || !s.fsys.SameFile(info, before) {
			continue
		}
		segment.shared = true
		if size < segment.end {
			if err := s.truncated(segment, size); err != nil {
				return 0, err
			}
		}
		from = max(from, min(size, segment.end))
	}
	return from, nil
}

// left implements follower.
func (s *spool) left(path string) {
	last := s.last
	info, err := last.file.Stat()
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	last.path, last.live = path, false
	if err == nil {
		last.size = info.Size()
	}
	if last.end == 0 && last.cut == 0 { // nothing was ever in it
		s.segments = s.segments[:len(s.segments)-1]
		s.consumed = append(s.consumed, last)
	}
}

var errSpoolFull = errors.New("the spool is full, events wait in the queue")

// append makes lines durable in the live file. A batch that is larger than the limit
// is taken when there is nothing else.
func (s *spool) append(lines []byte) error {
	s.queue.mu.Lock()
	used := int64(0)
	for _, segment := range slices.Concat(s.segments, s.consumed) {
		if !segment.shared {
			used += max(segment.end, segment.size)
		}
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
	q := s.queue
	q.mu.Lock()
	var live *segment
	if !s.pending() && len(s.segments) > 0 && s.segments[0].live && s.segments[0].end > 0 {
		live = s.segments[0]
	}
	consumed := s.consumed
	s.consumed = nil
	q.mu.Unlock()

	var err error
	var kept []*segment // they are tried again
	for _, segment := range consumed {
		if failed := s.remove(segment); failed != nil {
			err, kept = join(err, failed), append(kept, segment)
		}
	}
	emptied := false
	if live != nil {
		var failed error
		emptied, failed = s.log.empty()
		err = join(err, failed)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	s.consumed = append(kept, s.consumed...)
	if emptied {
		live.at, live.end, live.born = 0, 0, time.Time{}
	}
	return err
}

// keptSuffix is that of a rotated file that is not deleted, since it is not what it was.
const keptSuffix = ".kept"

// remove closes and deletes the file of a segment, unless another program changed it.
func (s *spool) remove(segment *segment) error {
	var err error
	if !segment.closed {
		err = segment.file.Close()
		segment.closed = true
	}
	if segment.path == "" {
		return err
	}
	if info, statErr := s.fsys.Stat(segment.path); statErr == nil && info.Size() != segment.size {
		s.report("recover", fmt.Errorf("another program changed %s: it is now %s%s", segment.path, segment.path, keptSuffix))
		return join(err, s.fsys.Rename(segment.path, segment.path+keptSuffix))
	}
	return join(err, removeIfThere(s.fsys, segment.path))
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
