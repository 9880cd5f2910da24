package query

import (
	"bytes"
	"io"
)

// backward reads the lines from the last to the first.
type backward struct {
	file   io.ReaderAt
	limits limits

	buffer     []byte
	start, end int   // what is unread of the buffer: the end of a line, without LF, and what comes before
	offset     int64 // of buffer[start] in the file; what lies before it is not read yet
	begun      bool  // the end of the last line is found
	done       bool  // no line is left

	lineOffset int64 // of the line that next was about
	line       int   // its number; 0: nobody asked yet
}

func newBackward(file io.ReaderAt, size int64, limits limits) *backward {
	length := min(size, int64(limits.line+limits.chunk))
	return &backward{
		file: file, limits: limits, buffer: make([]byte, length), start: int(length), end: int(length), offset: size,
	}
}

func (r *backward) next() ([]byte, error) {
	if !r.begun {
		r.begun = true
		if err := r.skip(); err != nil { // behind the last LF
			return nil, err
		}
	}
	if r.done {
		return nil, errEnd
	}
	line, err := r.take()
	if r.line > 0 {
		r.line--
	}
	return line, err
}

// take takes the line at the end of what is unread.
func (r *backward) take() ([]byte, error) {
	for searched := 0; ; {
		unread := r.buffer[r.start:r.end]
		i := bytes.LastIndexByte(unread[:len(unread)-searched], '\n')
		searched = len(unread)
		switch {
		case len(unread)-(i+1) > r.limits.line:
			if err := r.skip(); err != nil {
				return nil, err
			}
			return nil, errLong
		case i < 0 && r.offset > 0:
			if err := r.fill(); err != nil {
				return nil, err
			}
		default:
			r.cut(i)
			return unread[i+1:], nil
		}
	}
}

// skip drops what is unread back to the last LF.
func (r *backward) skip() error {
	for {
		i := bytes.LastIndexByte(r.buffer[r.start:r.end], '\n')
		if i >= 0 || r.offset == 0 {
			r.cut(i)
			return nil
		}
		r.end = r.start
		if err := r.fill(); err != nil {
			return err
		}
	}
}

// cut ends what is unread before the LF at buffer[start+i]; without one, -1, it
// was the first line of the file.
func (r *backward) cut(i int) {
	r.lineOffset = r.offset + int64(i) + 1
	r.end = r.start + max(i, 0)
	r.done = i < 0
}

// fill reads a chunk in front of what is unread, which is at most one line.
func (r *backward) fill() error {
	n := int(min(r.offset, int64(r.limits.chunk)))
	if r.start < n {
		unread := r.end - r.start
		copy(r.buffer[len(r.buffer)-unread:], r.buffer[r.start:r.end])
		r.start, r.end = len(r.buffer)-unread, len(r.buffer)
	}
	if _, err := r.file.ReadAt(r.buffer[r.start-n:r.start], r.offset-int64(n)); err != nil {
		return err
	}
	r.start -= n
	r.offset -= int64(n)
	return nil
}

// number counts the lines before this one when it is asked first; from there on
// next counts down.
func (r *backward) number() (int, error) {
	if r.line > 0 {
		return r.line, nil
	}
	line := 1
	chunk := make([]byte, r.limits.chunk)
	for at := int64(0); at < r.lineOffset; at += int64(len(chunk)) {
		chunk = chunk[:min(int64(len(chunk)), r.lineOffset-at)]
		if _, err := r.file.ReadAt(chunk, at); err != nil {
			return 0, err
		}
		line += bytes.Count(chunk, []byte{'\n'})
	}
	r.line = line
	return line, nil
}
