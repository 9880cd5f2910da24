package query

import (
	"bufio"
	"errors"
	"io"
)

// lineReader reads the lines of a file in one of the two directions. What follows
// the last LF is not a line.
type lineReader interface {
	// next returns the next line without its LF, valid until the next call, and
	// errEnd when there is none. A line that is too long is skipped and errLong
	// returned in its place.
	next() ([]byte, error)
	// number is the number of the line that next was about, counted from 1.
	number() (int, error)
}

func newLineReader(file io.ReaderAt, size int64, newest bool, limits limits) lineReader {
	if newest {
		return newBackward(file, size, limits)
	}
	return newForward(file, size, limits)
}

var (
	errEnd  = errors.New("no line is left") // not io.EOF, which could be the cause of a context
	errLong = errors.New("line is too long")
)

// forward reads the lines in their order.
type forward struct {
	reader *bufio.Reader // its buffer just holds the longest line and its LF
	line   int
}

func newForward(file io.ReaderAt, size int64, limits limits) *forward {
	buffer := min(size, int64(limits.line)) + 1
	return &forward{reader: bufio.NewReaderSize(io.NewSectionReader(file, 0, size), int(buffer))}
}

func (r *forward) next() ([]byte, error) {
	r.line++
	line, err := r.reader.ReadSlice('\n')
	long := errors.Is(err, bufio.ErrBufferFull)
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = r.reader.ReadSlice('\n')
	}
	switch {
	case errors.Is(err, io.EOF): // what was read has no LF
		return nil, errEnd
	case err != nil:
		return nil, err
	case long:
		return nil, errLong
	}
	return line[:len(line)-1], nil
}

func (r *forward) number() (int, error) { return r.line, nil }
