package query

import (
	"bytes"
	"context"
	"errors"
)

// fileSet opens the files of a reading, by their place in the order of reading.
// Cursors share what is open: the same file, of the same size, even if its path
// was given to another one meanwhile.
type fileSet struct {
	ctx   context.Context
	paths []string
	open  map[int]*snapshot
}

func (s *fileSet) get(file int) (*snapshot, error) {
	if opened, found := s.open[file]; found {
		return opened, nil
	}
	opened, err := openSnapshot(s.ctx, s.paths[file])
	if err == nil {
		s.open[file] = opened
	}
	return opened, err
}

// close closes a file. It was only read: an error would change nothing.
func (s *fileSet) close(file int) {
	if opened, found := s.open[file]; found {
		_ = opened.Close()
		delete(s.open, file)
	}
}

func (s *fileSet) closeAll() {
	for file := range s.open {
		s.close(file)
	}
}

// cursor goes through those lines of the files that are not blank.
type cursor struct {
	files  *fileSet
	newest bool
	limits limits
	most   int  // so many files may be read
	closes bool // files that it leaves are closed

	file  int        // the place of the file at hand
	lines lineReader // of it; nil: it is not opened yet
}

// next returns what lineReader.next returns, errEnd after the last of most files.
func (c *cursor) next() ([]byte, error) {
	for {
		if c.lines == nil {
			if c.file >= c.most {
				return nil, errEnd
			}
			file, err := c.files.get(c.file)
			if err != nil {
				return nil, err
			}
			c.lines = newLineReader(file, file.size, c.newest, c.limits)
		}
		line, err := c.lines.next()
		switch {
		case errors.Is(err, errEnd):
			if c.closes {
				c.files.close(c.file)
			}
			c.lines = nil
			c.file++
		case err != nil || len(bytes.TrimLeft(line, " \t\r")) > 0:
			return line, err
		}
	}
}

// damage says that the line at hand is damaged.
func (c *cursor) damage(wrong error) (*DamageError, error) {
	number, err := c.lines.number()
	if err != nil {
		return nil, err
	}
	return &DamageError{File: c.files.paths[c.file], Line: number, Err: wrong}, nil
}
