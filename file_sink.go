package audit

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// fileSink appends batches to the log file. What it knows of the file is the size
// up to which it consists of whole batches: everything behind that is taken back,
// or left behind in a file that is not written to again.
type fileSink struct {
	path    string // absolute, no symbolic link
	options FileOptions
	report  func(op string, err error)
	janitor *janitor

	file     *os.File    // nil after the file could not be opened again
	info     fs.FileInfo // of file when it was opened: its identity
	size     int64       // the end of the last whole batch
	born     time.Time   // of the first event in the file
	unsynced bool        // there are batches that were not fsynced
	spoiled  error       // why file must not be written to again; nil: it may
}

func openFileSink(path string, options FileOptions, report func(string, error)) (*fileSink, error) {
	resolved, err := resolveLogPath(path)
	if err != nil {
		return nil, err
	}
	s := &fileSink{path: resolved, options: options, report: report}
	s.janitor = newJanitor(resolved, options, report)
	if err := s.open(); err != nil {
		return nil, err
	}
	s.janitor.kick()
	return s, nil
}

// open opens the file at the path, which may be new, and recovers its end.
func (s *fileSink) open() error {
	if err := makeDirectory(filepath.Dir(s.path)); err != nil {
		return err
	}
	file, err := openLocked(s.path, s.options.Mode)
	if err != nil {
		return explainOpen(s.path, err)
	}
	// The directory entry is durable before anything is acknowledged.
	if err := join(syncDirectory(filepath.Dir(s.path)), s.adopt(file)); err != nil {
		return join(err, file.Close())
	}
	return nil
}

// adopt makes file the one that is written to.
func (s *fileSink) adopt(file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	size, err := s.recoverEnd(file, info.Size())
	if err != nil {
		return err
	}
	s.file, s.info, s.size, s.unsynced, s.spoiled = file, info, size, false, nil
	s.born = birth(file)
	return nil
}

// recoverEnd sets a torn tail aside and says so.
func (s *fileSink) recoverEnd(file *os.File, size int64) (int64, error) {
	whole, err := setTornTailAside(file, s.path, size)
	if err == nil && whole < size {
		s.report("recover", fmt.Errorf("%s ended in the middle of a line: its last %d bytes are now in %s%s", s.path, size-whole, s.path, tornSuffix))
	}
	return whole, err
}

// birth is the time of the first event of a file, now if it is empty.
func birth(file *os.File) time.Time {
	line, err := bufio.NewReaderSize(&offsetReader{file: file}, MaxLineBytes).ReadSlice('\n')
	if err != nil {
		return time.Now()
	}
	event, err := decodeLine(line)
	if err != nil {
		return time.Now()
	}
	return event.Timestamp
}

// offsetReader reads a file from its start, whatever its offset.
type offsetReader struct {
	file   *os.File
	offset int64
}

func (r *offsetReader) Read(p []byte) (int, error) {
	n, err := r.file.ReadAt(p, r.offset)
	r.offset += int64(n)
	return n, err
}

// writeLines appends a batch and makes it durable, or leaves the file as it was.
func (s *fileSink) writeLines(_ context.Context, lines []byte) error {
	if err := s.prepare(int64(len(lines))); err != nil {
		return err
	}
	if _, err := s.file.Write(lines); err != nil {
		if undo := s.file.Truncate(s.size); undo != nil {
			s.spoiled = join(err, undo)
		}
		return err
	}
	if s.options.Sync == SyncBatch {
		if err := s.sync(); err != nil {
			return err
		}
	} else {
		s.unsynced = true
	}
	s.size += int64(len(lines))
	return nil
}

// sync fsyncs the file. After an error the kernel may have dropped what was
// written, and would say that all is well if it were asked again: the file is
// spoiled, and its last batch comes again into the next one.
func (s *fileSink) sync() error {
	if err := s.file.Sync(); err != nil {
		s.spoiled = err
		return err
	}
	s.unsynced = false
	return nil
}

// prepare sees to it that a batch of n bytes can be appended: to a file that is the
// one at the path, ends where the last batch did, and is not due for rotation.
func (s *fileSink) prepare(n int64) error {
	switch {
	case s.spoiled != nil:
		return s.replace()
	case s.file == nil:
		return s.open()
	}
	info, err := os.Stat(s.path)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errNotDirectory):
		return err
	case err != nil || !os.SameFile(info, s.info):
		s.reportIfDeleted()
		if err := s.reopen(); err != nil {
			return err
		}
	case info.Size() != s.size:
		s.report("recover", fmt.Errorf("%s has %d bytes where %d were written: another program truncated it or wrote to it", s.path, info.Size(), s.size))
		if s.size, err = s.recoverEnd(s.file, info.Size()); err != nil {
			return err
		}
	}
	if s.size > 0 && (s.options.MaxSize > 0 && s.size+n > s.options.MaxSize ||
		s.options.MaxAge > 0 && time.Since(s.born) >= s.options.MaxAge) {
		return s.rotate()
	}
	return nil
}

// reportIfDeleted says that a log is gone, which renaming it would not mean.
func (s *fileSink) reportIfDeleted() {
	info, err := s.file.Stat()
	if err == nil && linkCount(info) == 0 {
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
	rotated, err := rotatedName(s.path, time.Now())
	if err == nil {
		err = os.Rename(s.path, rotated)
	}
	if err != nil {
		s.report("rotate", err)
		return nil
	}
	return s.reopen()
}

// replace moves a spoiled file aside and begins a new one.
func (s *fileSink) replace() error {
	if info, err := os.Stat(s.path); err == nil && os.SameFile(info, s.info) {
		rotated, err := rotatedName(s.path, time.Now())
		if err == nil {
			err = os.Rename(s.path, rotated)
		}
		if err != nil {
			return join(s.spoiled, err)
		}
		s.report("rotate", fmt.Errorf("%s is not written to any more, it is now %s: %w", s.path, rotated, s.spoiled))
	}
	s.unsynced = false // and never will be
	return s.reopen()
}

// reopen closes the file and opens what is at the path.
func (s *fileSink) reopen() error {
	if s.spoiled != nil && s.file != nil {
		if info, err := os.Stat(s.path); err == nil && os.SameFile(info, s.info) {
			return s.replace()
		}
	}
	err := s.release()
	if opened := s.open(); opened != nil {
		return join(err, opened)
	}
	s.janitor.kick()
	if err != nil {
		s.report("close", err)
	}
	return nil
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
	s.file, s.unsynced, s.spoiled = nil, false, nil
	return err
}

// flushSink makes durable what was written.
func (s *fileSink) flushSink() error {
	if !s.unsynced {
		return nil
	}
	return s.sync()
}

// closeSink closes the file. It waits for rotated files to be compressed until ctx
// ends.
func (s *fileSink) closeSink(ctx context.Context) error {
	err := s.release()
	s.janitor.stop(ctx)
	return err
}
