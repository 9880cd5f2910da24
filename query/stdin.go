package query

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"strings"
	"sync/atomic"
)

var errReadTwice = errors.New(`query: read "-": standard input was read already, and can be read once only`)

// standardInputOf returns the input of what others pipe to the program.
func standardInputOf(ctx context.Context, stdin io.Reader) (*input, error) {
	once, ok := stdin.(*onceReader)
	if !ok || !once.begun.CompareAndSwap(false, true) {
		return nil, errReadTwice
	}
	reader := bufio.NewReaderSize(&interruptible{ctx: ctx, reader: once}, 128<<10)
	in := &input{name: standardInput, ctx: ctx, reader: reader, complete: true, stream: true}
	begin, err := reader.Peek(len(gzipMagic)) // waits for so many
	if err == nil {
		begin, _ = reader.Peek(min(reader.Buffered(), sniffed)) // what is there
	}
	switch {
	case errors.Is(err, errStopped):
		return nil, err
	case !strings.HasPrefix(string(begin), gzipMagic) && isBinary(begin):
		return nil, errors.New("query: read -: it is binary, not a log of one JSON object a line")
	case strings.HasPrefix(string(begin), gzipMagic):
		in.reader, err = gzip.NewReader(reader)
		return in, in.failed(err)
	}
	return in, nil // who reads it meets the error
}

// onceReader is read by one reading.
type onceReader struct {
	io.Reader

	begun atomic.Bool
}

// interruptible does not wait for its reader when the context has ended. What is
// being read then is lost, and so is the goroutine that reads it until something
// comes: nobody can take it back.
type interruptible struct {
	ctx    context.Context
	reader io.Reader
	pieces chan piece // nil: nobody has read yet
	rest   piece
}

// piece is what one call of Read returned.
type piece struct {
	data []byte
	err  error
}

// Read implements io.Reader.
func (r *interruptible) Read(p []byte) (int, error) {
	if r.pieces == nil {
		r.pieces = make(chan piece)
		go r.pump()
	}
	if len(r.rest.data) == 0 && r.rest.err == nil {
		select {
		case r.rest = <-r.pieces:
		case <-r.ctx.Done():
			return 0, errStopped
		}
	}
	n := copy(p, r.rest.data)
	r.rest.data = r.rest.data[n:]
	if len(r.rest.data) > 0 {
		return n, nil
	}
	return n, r.rest.err
}

// pump reads until an error or the context ends.
func (r *interruptible) pump() {
	for {
		data := make([]byte, 128<<10)
		n, err := r.reader.Read(data)
		select {
		case r.pieces <- piece{data[:n], err}:
		case <-r.ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}
