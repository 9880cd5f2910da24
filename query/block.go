package query

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// block is a part of a file: whole lines, each with its LF, or what stands in their
// place.
type block struct {
	file   int    // the place of the file in the order of reading
	offset int64  // of data in the file
	data   []byte // the lines; who has the block may do with them what he likes
	buffer []byte // that they are in
	long   bool   // there is no data, but a line that is too long
}

// blockReader reads the blocks of files in one of the two directions: the blocks, not
// the lines in them. What follows the last LF of a file is not a line, unless the file
// is known to be complete.
type blockReader interface {
	// next returns the next block, and errEnd after the last one.
	next() (block, error)
}

var (
	errEnd  = errors.New("nothing is left to read") // not io.EOF, which could be the cause of a context
	errLong = errors.New("line is too long")
)

// buffers are those of blocks.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// newBuffer returns a buffer of that length.
func newBuffer(length int) []byte {
	buffer, _ := buffers.Get().(*[]byte)
	if cap(*buffer) < length {
		*buffer = make([]byte, length)
	}
	return (*buffer)[:length]
}

func freeBuffer(buffer []byte) { buffers.Put(&buffer) }

// free gives the memory of the data to other blocks.
func (b *block) free() {
	if b.buffer != nil {
		freeBuffer(b.buffer)
		b.data, b.buffer = nil, nil
	}
}

// forwardBlocks reads files from their beginning.
type forwardBlocks struct {
	files  *fileSet
	limits limits

	file   int    // that is read
	input  *input // of it; nil: it is not opened yet
	offset int64  // of rest
	rest   []byte // what was read of a line whose end was not
}

func (r *forwardBlocks) next() (block, error) {
	for {
		if r.input == nil {
			if r.file == len(r.files.paths) {
				return block{}, errEnd
			}
			opened, err := r.files.input(r.file)
			if err != nil {
				return block{}, err
			}
			r.input, r.offset, r.rest = opened, 0, r.rest[:0]
		}
		b, err := r.read()
		if !errors.Is(err, errEnd) {
			return b, err
		}
		r.files.close(r.file)
		r.input = nil
		r.file++
	}
}

// read returns the next block of the file.
func (r *forwardBlocks) read() (block, error) {
	for {
		buffer := newBuffer(len(r.rest) + max(len(r.rest), r.limits.chunk))
		n := copy(buffer, r.rest)
		more, err := r.input.read(buffer[n:])
		n += more
		end := bytes.LastIndexByte(buffer[:n], '\n') + 1
		ended := errors.Is(err, io.EOF)
		if ended && r.input.complete && end < n && n < len(buffer) {
			buffer[n] = '\n' // the last line is one without it
			n++
			end = n
		}
		b := block{file: r.file, offset: r.offset, data: buffer[:end], buffer: buffer}
		switch {
		case err != nil && !ended:
			b.free()
			return block{}, r.input.failed(err)
		case end > 0:
			r.rest = append(r.rest[:0], buffer[end:n]...)
			r.offset += int64(end)
			return b, nil
		}
		r.rest = append(r.rest[:0], buffer[:n]...)
		b.free()
		switch {
		case ended:
			return block{}, errEnd
		case n > r.limits.line:
			return r.skip()
		}
	}
}

// skip reads to the end of a line that is too long. If it has none it is no line.
func (r *forwardBlocks) skip() (block, error) {
	buffer := newBuffer(r.limits.chunk)
	defer freeBuffer(buffer)
	b := block{file: r.file, offset: r.offset, long: true}
	r.offset += int64(len(r.rest))
	for {
		n, err := r.input.read(buffer)
		end := bytes.IndexByte(buffer[:n], '\n') + 1
		switch {
		case end > 0:
			r.rest = append(r.rest[:0], buffer[end:n]...)
			r.offset += int64(end)
			return b, nil
		case errors.Is(err, io.EOF) && r.input.complete:
			r.rest = r.rest[:0]
			return b, nil
		case errors.Is(err, io.EOF):
			return block{}, errEnd
		case err != nil:
			return block{}, r.input.failed(err)
		}
		r.offset += int64(n)
	}
}

// backwardBlocks reads files from their end.
type backwardBlocks struct {
	files  *fileSet
	limits limits

	file     int       // that is read
	snapshot *snapshot // of it; nil: it is not opened yet
	end      int64     // of what is not read yet: behind an LF, or 0
	begun    bool      // there are lines: who reads them closes the file
}

func (r *backwardBlocks) next() (block, error) {
	for {
		if r.snapshot == nil {
			if r.file == len(r.files.paths) {
				return block{}, errEnd
			}
			opened, err := r.files.snapshot(r.file)
			if err != nil {
				return block{}, err
			}
			r.snapshot = opened
			if r.end, err = r.lineStart(opened.size); err != nil {
				return block{}, err
			}
		}
		if r.end > 0 {
			r.begun = true
			return r.read()
		}
		if !r.begun {
			r.files.close(r.file)
		}
		r.snapshot, r.begun = nil, false
		r.file++
	}
}

// read returns the block before r.end.
func (r *backwardBlocks) read() (block, error) {
	for length := int64(r.limits.chunk); ; length = min(2*length, int64(r.limits.line)+2) {
		length = min(length, r.end)
		start := r.end - length
		b := block{file: r.file, buffer: newBuffer(int(length))}
		if _, err := r.snapshot.ReadAt(b.buffer, start); err != nil {
			b.free()
			return block{}, err
		}
		first := 0 // the first whole line
		if start > 0 {
			first = bytes.IndexByte(b.buffer[:length-1], '\n') + 1
		}
		if start == 0 || first > 0 {
			b.offset, b.data = start+int64(first), b.buffer[first:]
			if !r.snapshot.spilled {
				r.files.progress.add(len(b.data))
			}
			r.end = b.offset
			return b, nil
		}
		b.free()
		if length > int64(r.limits.line)+1 {
			end, err := r.lineStart(start)
			r.end = end
			return block{file: r.file, offset: end, long: true}, err
		}
	}
}

// lineStart returns the offset behind the last LF before end, 0 if there is none.
func (r *backwardBlocks) lineStart(end int64) (int64, error) {
	buffer := newBuffer(r.limits.chunk)
	defer freeBuffer(buffer)
	for end > 0 {
		piece := buffer[:min(int64(len(buffer)), end)]
		end -= int64(len(piece))
		if _, err := r.snapshot.ReadAt(piece, end); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(piece, '\n'); i >= 0 {
			return end + int64(i) + 1, nil
		}
	}
	return 0, nil
}
