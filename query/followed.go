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
	"strings"
	"time"

	"github.com/permaudit/audit"
)

// followed is one file.
type followed struct {
	file   *os.File
	name   string // as it was opened
	info   fs.FileInfo
	offset int64  // of what is not read
	rest   []byte // before it: a line without its LF
	head   []byte // of the file, as far as it is read: its first line tells files apart
	line   int    // how many lines were read
	long   bool   // rest was too long, and dropped
	moved  time.Time

	uncounted int64 // so many bytes at the beginning were not read, and their lines not counted
}

// firstLine tells files apart, also when they are copied or compressed: the first line,
// or as much of it as head has.
func (f *followed) firstLine() string {
	line, _, _ := strings.Cut(string(f.head), "\n")
	return line
}

// mostHead is how many bytes of a file are remembered.
const mostHead = 256

// firstLine is followed.firstLine of a file that may be compressed; "": it has none.
func firstLine(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // it was only read
	var reader io.Reader = file
	if strings.HasSuffix(path, gzipSuffix) {
		if reader, err = gzip.NewReader(file); err != nil {
			return ""
		}
	}
	head := make([]byte, mostHead)
	n, _ := io.ReadFull(reader, head) // it may be shorter
	return (&followed{head: head[:n]}).firstLine()
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
	return &followed{file: opened.file, name: path, info: info, moved: time.Now()}, nil
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
		if err := w.copied(f); err != nil {
			return false, err
		}
		f.offset, f.line, f.uncounted, f.rest, f.head, f.long = 0, 0, 0, nil, nil, false
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
	if len(f.head) == mostHead {
		return nil
	}
	f.head = make([]byte, min(f.offset, mostHead))
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
		w.out.give(audit.PermissionAuditEvent{}, &DamageError{File: f.name, Line: f.lineNumber(), Err: l.damage})
	case !repeated && l.match(w.filter):
		w.out.give(l.decode(w.filter.Fields), nil)
	}
}

// lineNumber is that of the line at hand, counted from 1.
func (f *followed) lineNumber() int {
	chunk := newBuffer(1 << 16)
	defer freeBuffer(chunk)
	for f.uncounted > 0 {
		// From its end: what is counted need not be read again.
		begin := max(0, f.uncounted-int64(len(chunk)))
		n, _ := f.file.ReadAt(chunk[:f.uncounted-begin], begin) // what is gone has no lines
		f.line += bytes.Count(chunk[:n], []byte{'\n'})
		f.uncounted = begin
	}
	return f.line
}

// readRest yields the events of a file that nobody writes to any more, from an offset
// on, and closes it.
func (w *follower) readRest(f *followed, offset int64) error {
	defer func() { _ = f.file.Close() }()
	var reader io.Reader = f.file
	if strings.HasSuffix(f.name, gzipSuffix) {
		unpacked, err := gzip.NewReader(f.file)
		if err != nil {
			return fmt.Errorf("query: read %s: %w", f.name, err)
		}
		reader = unpacked
	}
	if _, err := io.CopyN(io.Discard, reader, offset); err != nil {
		return nil // it is no longer than what was read
	}
	buffer := newBuffer(w.limits.chunk)
	defer freeBuffer(buffer)
	for {
		n, err := reader.Read(buffer)
		w.lines(f, buffer[:n])
		switch {
		case w.out.ended:
			return nil
		case errors.Is(err, io.EOF):
			if len(f.rest) > 0 { // the last line is one without LF
				w.lines(f, []byte{'\n'})
			}
			return nil
		case err != nil:
			return fmt.Errorf("query: read %s: %w", f.name, err)
		}
	}
}
