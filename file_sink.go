package audit

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"
)

// fileSink appends batches to the log file. What it knows of the file is the size
// up to which it consists of whole batches: everything behind that is taken back,
// or left behind in a file that is not written to again.
type fileSink struct {
	fsys    fileSystem
	path    string // absolute, no symbolic link
	options FileOptions
	report  func(op string, err error)
	janitor *janitor
	follows follower // nil: nobody does

	file     logFile     // nil after the file could not be opened again
	info     fs.FileInfo // of file when it was opened: its identity
	size     int64       // the end of the last whole batch
	born     time.Time   // of the first event in the file
	unsynced bool        // it was changed since it was last fsynced
	spoiled  error       // why file must not be written to again; nil: it may
	torn     bool        // spoiled by part of a batch that could not be taken back

	rotated time.Time // in the name of the youngest rotated file
	movedTo string    // where file was moved to; "": it was not, or somebody else did it
	lost    error     // of an fsync, under SyncNone: it lost batches that do not come again
}

// follower is told where a log goes on, on the goroutine that writes it.
type follower interface {
	// begun says that the log goes on in the file at path, behind the size bytes of
	// whole lines that are in it. An error keeps it from doing so.
	begun(path string, info fs.FileInfo, size int64) error
	// left says that it will not be written to any more, and where it is now; "":
	// nobody knows, or it is gone.
	left(path string)
}

func openFileSink(fsys fileSystem, path string, options FileOptions, follows follower, report func(string, error)) (*fileSink, error) {
	resolved, err := resolveLogPath(path)
	if err != nil {
		return nil, err
	}
	s := &fileSink{
		fsys: fsys, path: resolved, options: options, report: report, follows: follows,
		janitor: newJanitor(fsys, resolved, options, report),
		rotated: youngestRotated(fsys, resolved),
	}
	if err := s.open(); err != nil {
		return nil, err
	}
	return s, nil
}

// open opens the file at the path, which may be new, and recovers its end.
func (s *fileSink) open() error {
	directory := filepath.Dir(s.path)
	if err := makeDirectory(s.fsys, directory); err != nil {
		return err
	}
	if _, err := s.fsys.Stat(s.path); isGone(err) {
		// Perhaps it was moved away. Not every file system keeps the order of changes
		// in a directory: after a crash the new file could be in the place of the old
		// one, and that nowhere.
		if err := s.fsys.SyncDir(directory); err != nil {
			return err
		}
	}
	file, info, err := openLocked(s.fsys, s.path, s.options.Mode)
	if err != nil {
		return err
	}
	// The name of the file is durable before anything in it is acknowledged.
	err = s.fsys.SyncDir(directory)
	if err == nil {
		err = s.adopt(file, info)
	}
	if err != nil {
		return join(err, file.Close())
	}
	s.janitor.kick()
	return nil
}

// adopt makes file the one that is written to. It sets a torn tail aside.
func (s *fileSink) adopt(file logFile, info fs.FileInfo) error {
	size, err := s.setTornTailAside(file, s.path, info)
	if err != nil {
		return err
	}
	if s.follows != nil {
		if err := s.follows.begun(s.path, info, size); err != nil {
			return err
		}
	}
	s.file, s.info, s.size, s.born = file, info, size, birth(file, size)
	return nil
}

// setTornTailAside returns the size up to which a file of the log consists of lines.
// What stands behind that is set aside.
func (s *fileSink) setTornTailAside(file logFile, path string, info fs.FileInfo) (size int64, err error) {
	size, err = setTornTailAside(s.fsys, file, s.path, info)
	if torn := info.Size() - size; err == nil && torn > 0 {
		s.report("recover", fmt.Errorf("%s ended in the middle of a line: its last %d bytes are now in %s%s", path, torn, s.path, tornSuffix))
	}
	return size, err
}

// birth is the time of the first event of a file, now if none can be read.
func birth(file logFile, size int64) time.Time {
	now := time.Now()
	if size == 0 {
		return now
	}
	line, err := bufio.NewReaderSize(io.NewSectionReader(file, 0, size), MaxLineBytes).ReadSlice('\n')
	if err != nil {
		return now
	}
	if event, err := decodeLine(line); err == nil && event.Timestamp.Before(now) {
		return event.Timestamp
	}
	return now
}

// writeLines appends batches and makes them durable, or leaves the file as it was.
func (s *fileSink) writeLines(_ context.Context, batches ...[]byte) error {
	size := int64(0)
	for _, lines := range batches {
		size += int64(len(lines))
	}
	if err := s.prepare(size); err != nil {
		return err
	}
	for _, lines := range batches {
		if _, err := s.file.Write(lines); err != nil {
			if undo := s.takeBack(); undo != nil {
				s.spoiled, s.torn = join(err, undo), true
			}
			return err
		}
	}
	if s.follows != nil { // a spool, which gets one batch at a time
		if err := s.undisturbed(batches[0]); err != nil {
			return err
		}
	}
	if s.options.Sync == SyncBatch {
		if err := s.sync(); err != nil {
			return err
		}
	} else {
		s.unsynced = true
	}
	if s.size == 0 {
		s.born = time.Now()
	}
	s.size += size
	return nil
}

// undisturbed checks that a batch stands where it should: another program may have
// changed the file after prepare. Then it is cut off again, if it is still the end.
func (s *fileSink) undisturbed(lines []byte) error {
	info, err := s.file.Stat()
	if err != nil {
		s.spoiled, s.torn = err, true
		return err
	}
	if info.Size() == s.size+int64(len(lines)) {
		return nil
	}
	tail := make([]byte, len(lines))
	start := info.Size() - int64(len(lines))
	if n, _ := s.file.ReadAt(tail, max(start, 0)); n == len(lines) && bytes.Equal(tail, lines) {
		err = s.file.Truncate(start)
		s.unsynced = true
	}
	return join(fmt.Errorf("another program truncated %s, or wrote to it, at the same time", s.path), err)
}

// takeBack cuts off what stands behind the last whole batch.
func (s *fileSink) takeBack() error {
	info, err := s.file.Stat()
	if err != nil || info.Size() <= s.size {
		return err
	}
	if err := s.file.Truncate(s.size); err != nil {
		return err
	}
	s.unsynced = true
	return nil
}

// sync fsyncs the file. After an error the kernel may have dropped what was
// written, and would say that all is well if it were asked again: the file is
// spoiled, and its last batch comes again into the next one. Under SyncNone those
// before it do not: they are lost, perhaps.
func (s *fileSink) sync() error {
	err := s.file.Sync()
	if err != nil {
		if s.options.Sync == SyncNone {
			err = fmt.Errorf("events in %s may be lost: %w", s.path, err)
			s.lost = err
		}
		s.spoiled = err
	}
	s.unsynced = false
	return err
}

// prepare sees to it that a batch of n bytes can be appended: to a file that is the
// one at the path, ends where the last batch did, and is not due for rotation.
func (s *fileSink) prepare(n int64) error {
	if err := s.refresh(); err != nil {
		return err
	}
	if s.size > 0 && (s.options.MaxSize > 0 && s.size+n > s.options.MaxSize ||
		s.options.MaxAge > 0 && time.Since(s.born) >= s.options.MaxAge) {
		return s.rotate()
	}
	return nil
}

// refresh begins anew at the path if the file must not be written to any more, is
// not there any more, or does not end where the last batch did.
func (s *fileSink) refresh() error {
	switch {
	case s.file == nil:
		return s.open()
	case s.spoiled != nil:
		return s.replace()
	}
	info, err := s.fsys.Stat(s.path)
	switch {
	case err != nil && !isGone(err):
		return err
	case err == nil && s.fsys.SameFile(info, s.info) && info.Size() == s.size:
		return nil
	}
	s.reportLoss()
	return s.reopen()
}

// reportLoss says that somebody else deleted or changed the file. Renaming it harms
// nobody.
func (s *fileSink) reportLoss() {
	switch info, err := s.file.Stat(); {
	case err != nil:
		s.report("reopen", err)
	case info.Size() != s.size && s.spoiled == nil:
		s.report("recover", fmt.Errorf("%s has %d bytes where %d were written: another program truncated it or wrote to it", s.path, info.Size(), s.size))
	case linkCount(info) == 0:
		s.report("reopen", fmt.Errorf("%s was deleted, with %d bytes of events in it: a new file is begun", s.path, s.size))
	}
}

// rotate moves the file aside and begins a new one. If it cannot be moved, it goes
// on being written to.
func (s *fileSink) rotate() error {
	if s.unsynced {
		if err := s.sync(); err != nil { // never rename what is not durable
			return err
		}
	}
	if _, err := s.moveAside(); err != nil {
		s.report("rotate", err)
		return nil
	}
	return s.reopen()
}

// moveAside renames the file to the name of a rotated one.
func (s *fileSink) moveAside() (string, error) {
	name, at, err := rotatedName(s.fsys, s.path, s.rotated)
	if err != nil {
		return "", err
	}
	if err := s.fsys.Rename(s.path, name); err != nil {
		return "", err
	}
	s.rotated, s.movedTo = at, name
	return name, nil
}

// replace moves a spoiled file out of the way and begins a new one.
func (s *fileSink) replace() error {
	if s.torn {
		if err := s.takeBack(); err != nil {
			s.report("recover", fmt.Errorf("%s ends in the middle of a line: %w", s.path, err))
		}
	}
	if s.unsynced {
		if err := s.sync(); err != nil {
			s.report("flush", err)
		}
	}
	info, err := s.fsys.Stat(s.path)
	switch {
	case err != nil && !isGone(err):
		return join(s.spoiled, err)
	case err != nil || !s.fsys.SameFile(info, s.info):
		s.reportLoss()
	case s.size == 0: // all that is in it is written again, into the next one
		if err := s.fsys.Remove(s.path); err != nil {
			return join(s.spoiled, err)
		}
	default:
		name, err := s.moveAside()
		if err != nil {
			return join(s.spoiled, err)
		}
		s.report("rotate", fmt.Errorf("%s is not written to any more, it is now %s: %w", s.path, name, s.spoiled))
	}
	return s.reopen()
}

// reopen closes the file and opens what is at the path.
func (s *fileSink) reopen() error {
	if err := s.release(); err != nil {
		s.report("close", err)
	}
	return s.open()
}

// release closes the file, and with it the lock.
func (s *fileSink) release() error {
	if s.file == nil {
		return nil
	}
	var err error
	if s.unsynced {
		err = s.sync()
	}
	err = join(err, s.file.Close())
	if s.follows != nil {
		s.follows.left(s.movedTo)
	}
	s.file, s.spoiled, s.torn, s.movedTo = nil, nil, false, ""
	return err
}

// empty cuts off everything that was written to the file, and reports whether it did.
// One that is spoiled keeps it. If somebody else wrote to it the log goes on behind
// that.
func (s *fileSink) empty() (done bool, err error) {
	writable := s.file != nil && s.spoiled == nil
	if !writable || s.size == 0 {
		return false, nil
	}
	info, err := s.file.Stat()
	if err != nil {
		return false, err
	}
	if info.Size() != s.size {
		s.reportLoss()
		return false, s.reopen()
	}
	if err := s.file.Truncate(0); err != nil {
		return false, err
	}
	s.size, s.unsynced = 0, true
	return true, nil
}

// flushSink makes durable what was written. Once it could not, it never says again
// that all is well: what the failed fsync lost does not come back.
func (s *fileSink) flushSink() error {
	if s.unsynced {
		_ = s.sync() // its error is in lost
	}
	return s.lost
}

// closeSink closes the file. It waits for rotated files to be compressed until ctx
// ends.
func (s *fileSink) closeSink(ctx context.Context) error {
	err := s.release()
	s.janitor.stop(ctx)
	if err == nil {
		err = s.lost
	}
	return err
}
