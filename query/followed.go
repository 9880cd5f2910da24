package query

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/permaudit/audit"
)

// followed is one file.
type followed struct {
	file   *os.File
	info   fs.FileInfo
	offset int64  // of what is not read
	rest   []byte // before it: a line without its LF
	head   []byte // of the file, as far as it is read: its first line tells files apart
	line   int    // how many lines were read, as far as they were counted from the beginning
	long   bool   // rest was too long, and dropped
	moved  time.Time
}

// openFollowed opens a plain file; nil: there is none, or it is gone again.
func openFollowed(ctx context.Context, path string) (*followed, error) {
	opened, err := openSnapshot(ctx, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	info, err := opened.file.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("query: %w", err), opened.Close())
	}
	return &followed{file: opened.file, info: info, moved: time.Now()}, nil
}

// read yields what was appended to a file, and reports whether there was something.
func (w *follower) read(f *followed) (grown bool, err error) {
	info, err := f.file.Stat()
	if err != nil {
		return false, fmt.Errorf("query: %w", err)
	}
	changed, err := f.changed(info.Size())
	if err != nil {
		return false, err
	}
	if changed {
		f.offset, f.line, f.rest, f.head, f.long = 0, 0, nil, nil, false
	}
	buffer := newBuffer(w.limits.chunk)
	defer freeBuffer(buffer)
	for !w.out.ended {
		n, err := f.file.ReadAt(buffer, f.offset)
		if n == 0 && errors.Is(err, io.EOF) {
			return grown, nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return grown, fmt.Errorf("query: %w", err)
		}
		grown = true
		f.offset += int64(n)
		if err := f.keepHead(); err != nil {
			return grown, err
		}
		w.lines(f, buffer[:n])
	}
	return grown, nil
}

// changed reports whether what was read of the file is not there any more.
func (f *followed) changed(size int64) (bool, error) {
	if size < f.offset {
		return true, nil
	}
	now := make([]byte, len(f.head))
	if _, err := f.file.ReadAt(now, 0); err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("query: %w", err)
	}
	return !bytes.Equal(now, f.head), nil
}

// keepHead remembers how the file begins.
func (f *followed) keepHead() error {
	const most = 256
	if len(f.head) == most {
		return nil
	}
	f.head = make([]byte, min(f.offset, most))
	if _, err := f.file.ReadAt(f.head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("query: %w", err)
	}
	return nil
}

// lines yields the events of the lines that data completes.
func (w *follower) lines(f *followed, data []byte) {
	for len(data) > 0 && !w.out.ended {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			if f.long = f.long || len(f.rest)+len(data) > w.limits.line; f.long {
				f.rest = nil
			} else {
				f.rest = append(f.rest, data...)
			}
			return
		}
		line := data[:end]
		if len(f.rest) > 0 {
			line = append(f.rest, line...)
		}
		w.line(f, line)
		f.rest, f.long = f.rest[:0], false
		data = data[end+1:]
	}
}

func (w *follower) line(f *followed, text []byte) {
	f.line++
	var l scannedLine
	if f.long {
		l.damage = tooLong(w.limits)
	} else {
		l.scan(&w.scanner, text, w.limits)
	}
	repeated := w.window.add(l.id(), 0) >= 0
	switch {
	case errors.Is(l.damage, errBlank):
	case l.damage != nil:
		w.out.give(audit.PermissionAuditEvent{}, &DamageError{File: w.path, Line: f.line, Err: l.damage})
	case !repeated && l.match(w.filter):
		w.out.give(l.decode(w.filter.Fields), nil)
	}
}

// readPacked yields the events of a file that was compressed before it could be read.
func (w *follower) readPacked(f *followed) error {
	defer func() { _ = f.file.Close() }()
	unpacked, err := gzip.NewReader(f.file)
	if err != nil {
		return fmt.Errorf("query: read %s: %w", f.file.Name(), err)
	}
	buffer := newBuffer(w.limits.chunk)
	defer freeBuffer(buffer)
	for {
		n, err := unpacked.Read(buffer)
		w.lines(f, buffer[:n])
		switch {
		case errors.Is(err, io.EOF) || w.out.ended:
			return nil
		case err != nil:
			return fmt.Errorf("query: read %s: %w", f.file.Name(), err)
		}
	}
}
