package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
)

// snapshot is an open file as long as it was when it was opened.
type snapshot struct {
	ctx     context.Context // of the caller
	file    *os.File
	name    string // as it was named to the Source
	size    int64
	isPlain bool   // it is known not to be compressed
	spilled bool   // it is a temporary file
	remove  string // its name; "": it has none any more
	kept    bool   // somebody else closes it
}

// errStopped says that the context has ended. Its cause may be any error, also one
// with a meaning to readers.
var errStopped = errors.New("reading is stopped")

// openSnapshot opens a plain file. Others are refused before they are opened: that
// of a named pipe would wait for a writer.
func openSnapshot(ctx context.Context, path string) (*snapshot, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, fmt.Errorf("query: %w", err)
	case info.IsDir():
		return nil, fmt.Errorf("query: open %s: is a directory: name a file in it", path)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("query: open %s: is not a plain file", path)
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if info, err = file.Stat(); err != nil {
		return nil, errors.Join(fmt.Errorf("query: %w", err), file.Close())
	}
	return &snapshot{ctx: ctx, file: file, name: path, size: info.Size()}, nil
}

// ReadAt implements io.ReaderAt for what lies within the size: that nothing is
// there any more is an error.
func (s *snapshot) ReadAt(p []byte, offset int64) (int, error) {
	if s.ctx.Err() != nil {
		return 0, errStopped
	}
	n, err := s.file.ReadAt(p, offset)
	switch {
	case n == len(p):
		return n, nil
	case errors.Is(err, io.EOF):
		return n, fmt.Errorf("query: read %s: the file was truncated meanwhile", s.name)
	}
	return n, s.failed(err)
}

// failed says which file an error is about.
func (s *snapshot) failed(err error) error { return failed(s.name, err) }

func failed(name string, err error) error {
	if err == nil || errors.Is(err, errStopped) {
		return err
	}
	prefix := "query: read " + name + ": "
	if strings.HasPrefix(err.Error(), prefix) {
		return err
	}
	return fmt.Errorf("%s%w", prefix, withoutPath(err))
}

// withoutPath returns what is wrong with a path that the error around it names.
func withoutPath(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// reader reads the file from its beginning, and tells how far it is.
func (s *snapshot) reader(p *progress) io.Reader {
	return &snapshotReader{snapshot: s, progress: p}
}

type snapshotReader struct {
	*snapshot

	progress *progress
	offset   int64
}

// Read implements io.Reader.
func (r *snapshotReader) Read(p []byte) (int, error) {
	p = p[:min(int64(len(p)), r.size-r.offset)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	n, err := r.ReadAt(p, r.offset)
	r.offset += int64(n)
	r.progress.add(n)
	return n, err
}

// Close closes the file.
func (s *snapshot) Close() error {
	if s.kept {
		return nil
	}
	err := s.file.Close()
	if s.remove != "" {
		err = errors.Join(err, os.Remove(s.remove))
	}
	return err
}

// begins reports whether the file begins with that.
func (s *snapshot) begins(magic string) (bool, error) {
	if s.size < int64(len(magic)) {
		return false, nil
	}
	begin := make([]byte, len(magic))
	_, err := s.ReadAt(begin, 0)
	return string(begin) == magic, err
}

// isSQLite reports whether the file begins like every SQLite database
// (https://www.sqlite.org/fileformat.html, 1.3.1).
func (s *snapshot) isSQLite() (bool, error) { return s.begins("SQLite format 3\x00") }

// isGzip reports whether the file is compressed, whatever its name says.
func (s *snapshot) isGzip() (bool, error) { return s.begins(gzipMagic) }

// gzipMagic begins what gzip has compressed (RFC 1952, 2.3.1).
const gzipMagic = "\x1f\x8b\x08"

// isBinary reports whether the file is none of lines: there is a NUL byte in its
// beginning, and no line there begins as an event does.
func (s *snapshot) isBinary() (bool, error) {
	begin := make([]byte, min(s.size, sniffed))
	if _, err := s.ReadAt(begin, 0); err != nil {
		return false, err
	}
	return isBinary(begin), nil
}

// sniffed is how many bytes of a file are looked at to know what it is.
const sniffed = 4096

func isBinary(begin []byte) bool {
	return bytes.IndexByte(begin, 0) >= 0 && !bytes.HasPrefix(begin, []byte("{")) && !bytes.Contains(begin, []byte("\n{"))
}
