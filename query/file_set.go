package query

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
)

// standardInput is the path of what others pipe to the program.
const standardInput = "-"

// fileSet opens the files of a reading, by their place in the order of reading. The
// same file is read of the same size, even if its path was given to another one
// meanwhile. It may be used concurrently.
type fileSet struct {
	parent   context.Context // the caller's
	ctx      context.Context // ends the reading, with its parent or before
	stop     func()          // ends ctx
	paths    []string
	stdin    io.Reader
	progress *progress
	places   []int // of files, in which repeats are looked for; nil: those in the order of reading

	mu   sync.Mutex
	open map[int]*snapshot
}

// place is that of a file for those who look for repeats.
func (s *fileSet) place(file int) int {
	if s.places == nil {
		return file
	}
	return s.places[file]
}

// snapshot returns the file, what it holds unpacked into a temporary one if it must
// be.
func (s *fileSet) snapshot(file int) (*snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if opened, found := s.open[file]; found && opened.isPlain {
		return opened, nil
	}
	opened, err := s.openPlain(file)
	if err == nil {
		s.open[file] = opened
	}
	return opened, err
}

// close closes a file. It was only read: an error would change nothing.
func (s *fileSet) close(file int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if opened, found := s.open[file]; found {
		_ = opened.Close()
		delete(s.open, file)
	}
}

// newFileSet returns a set of which nothing is open. It is closed by closeAll.
func newFileSet(ctx context.Context, paths []string, stdin io.Reader) *fileSet {
	s := &fileSet{parent: ctx, paths: paths, stdin: stdin, open: make(map[int]*snapshot)}
	s.progress = newProgress(ctx, paths)
	s.ctx, s.stop = context.WithCancel(ctx)
	s.openLogs()
	return s
}

// openLogs opens the logs whose rotated files are read too: they may be rotated before
// they are reached, and nobody would read what they hold now. An error will be met when
// they are reached.
func (s *fileSet) openLogs() {
	const most = 64
	for i, path := range s.paths {
		log, age := rotation(path)
		isRotated := func(other string) bool { name, _ := rotation(other); return name == log && other != path }
		if age != neverRotated || path == standardInput || len(s.open) == most || !slices.ContainsFunc(s.paths, isRotated) {
			continue
		}
		if opened, err := openSnapshot(s.parent, path); err == nil {
			s.open[i] = opened
		}
	}
}

// openFile opens a file, or what became of it if it was compressed meanwhile.
func (s *fileSet) openFile(file int) (*snapshot, error) {
	path := s.paths[file]
	opened, err := openSnapshot(s.parent, path)
	if _, age := rotation(path); errors.Is(err, fs.ErrNotExist) && age < neverRotated {
		if packed, err := openSnapshot(s.parent, path+gzipSuffix); err == nil {
			return packed, nil
		}
	}
	return opened, err
}

func (s *fileSet) closeAll() {
	s.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	for file, opened := range s.open {
		_ = opened.Close()
		delete(s.open, file)
	}
}

// input is a file that is read from its beginning.
type input struct {
	name     string // as it was named to the Source
	ctx      context.Context
	reader   io.Reader
	failure  error // of the last reading, if that brought something too
	complete bool  // nobody writes to it any more: its last line needs no LF
	stream   bool  // what is there is read, without waiting for more
}

// failed says which file an error is about.
func (in *input) failed(err error) error { return failed(in.name, err) }

// input opens a file for being read from its beginning.
func (s *fileSet) input(file int) (*input, error) {
	if s.paths[file] == standardInput {
		return standardInputOf(s.ctx, s.stdin)
	}
	s.mu.Lock()
	opened, found := s.open[file]
	if !found {
		var err error
		if opened, err = s.openFile(file); err != nil {
			s.mu.Unlock()
			return nil, err
		}
		s.open[file] = opened
	}
	s.mu.Unlock()
	in := &input{name: opened.name, ctx: s.ctx, reader: opened.reader(s.progress)}
	packed, err := opened.isGzip()
	if err != nil || !packed {
		return in, err
	}
	in.complete = true
	in.reader, err = gzip.NewReader(in.reader)
	return in, opened.failed(err)
}

// openPlain opens a file for being read in any order.
func (s *fileSet) openPlain(file int) (*snapshot, error) {
	if s.paths[file] == standardInput {
		in, err := standardInputOf(s.ctx, s.stdin)
		if err != nil {
			return nil, err
		}
		return s.spill(in, standardInput)
	}
	opened, found := s.open[file]
	if !found {
		var err error
		if opened, err = s.openFile(file); err != nil {
			return nil, err
		}
	}
	packed, err := opened.isGzip()
	if err == nil && !packed {
		opened.isPlain = true
		return opened, nil
	}
	defer func() { _ = opened.Close() }()
	if err != nil {
		return nil, err
	}
	unpacked, err := gzip.NewReader(opened.reader(s.progress))
	if err != nil {
		return nil, opened.failed(err)
	}
	return s.spill(&input{ctx: s.ctx, reader: unpacked}, s.paths[file])
}

// read fills p, as far as there is something; it returns io.EOF with nothing.
func (in *input) read(p []byte) (n int, err error) {
	if in.failure != nil {
		return 0, in.failure
	}
	for n < len(p) && err == nil && (n == 0 || !in.stream) {
		if in.ctx.Err() != nil {
			return 0, errStopped
		}
		var more int
		more, err = in.reader.Read(p[n:])
		n += more
	}
	if n > 0 && err != nil {
		in.failure, err = err, nil
	}
	return n, err
}

// spill copies an input into a temporary file that has no name: it is gone with its
// descriptor.
func (s *fileSet) spill(in *input, name string) (*snapshot, error) {
	file, err := os.CreateTemp("", "permaudit-*.log")
	if err != nil {
		return nil, fmt.Errorf("query: unpack %s: %w", name, err)
	}
	spilled := &snapshot{ctx: s.parent, file: file, name: name, isPlain: true, spilled: true}
	if os.Remove(file.Name()) != nil { // not while it is open, on Windows
		spilled.remove = file.Name()
	}
	if spilled.size, err = copyLines(file, in); err != nil {
		return nil, errors.Join(spilled.failed(err), spilled.Close())
	}
	return spilled, nil
}

// copyLines copies an input, with an LF behind its last line.
func copyLines(to io.Writer, in *input) (size int64, err error) {
	buffer := newBuffer(1 << 20)
	defer freeBuffer(buffer)
	last := byte('\n')
	for {
		n, err := in.read(buffer)
		switch {
		case n > 0:
			last = buffer[n-1]
		case errors.Is(err, io.EOF) && last == '\n':
			return size, nil
		case errors.Is(err, io.EOF):
			buffer[0], last, n = '\n', '\n', 1
		default:
			return size, err
		}
		if _, err := to.Write(buffer[:n]); err != nil {
			return size, err
		}
		size += int64(n)
	}
}
