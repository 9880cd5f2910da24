package audit

import (
	"context"
	"errors"
	"io"
)

// NewWriterAuditLogger starts a logger that writes lines to w, such as the standard
// output of a container. Durable means written, here: AckDurable and Flush wait for
// w's Write. After a short write the rest of the batch is written later, so that no
// line is torn. w is not closed. Nil options are the defaults.
func NewWriterAuditLogger(w io.Writer, options *BufferOptions) (*BufferedAuditLogger, error) {
	complete, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if isNil(w) {
		return nil, errNilSink
	}
	sink := &writerSink{w: w}
	return &BufferedAuditLogger{newBuffered(complete, &worker{lines: sink, reporter: newReporter(complete.OnError)})}, nil
}

// writerSink writes lines to a stream, from which nothing can be taken back.
type writerSink struct {
	w       io.Writer
	written int // of the batch that failed, which comes again
}

func (s *writerSink) writeLines(_ context.Context, batches ...[]byte) error {
	lines := batches[0] // the only one: see worker.together
	n, err := s.w.Write(lines[s.written:])
	if n < 0 || n > len(lines)-s.written {
		return errors.New("writer returned an impossible count")
	}
	s.written += n
	if err == nil && s.written < len(lines) {
		err = io.ErrShortWrite
	}
	if err == nil {
		s.written = 0
	}
	return err
}

func (s *writerSink) closeSink(context.Context) error { return nil }
