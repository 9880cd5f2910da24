package query

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// snapshot is an open file as long as it was when it was opened.
type snapshot struct {
	ctx  context.Context // ends the reading
	file *os.File
	size int64
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
	return &snapshot{ctx, file, info.Size()}, nil
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
		return n, fmt.Errorf("query: read %s: the file was truncated meanwhile", s.file.Name())
	}
	return n, fmt.Errorf("query: %w", err)
}

// Close closes the file.
func (s *snapshot) Close() error { return s.file.Close() }

// isSQLite reports whether the file begins like every SQLite database
// (https://www.sqlite.org/fileformat.html, 1.3.1).
func (s *snapshot) isSQLite() bool {
	const magic = "SQLite format 3\x00"
	begin := make([]byte, len(magic))
	_, err := s.file.ReadAt(begin, 0)
	return err == nil && string(begin) == magic
}
