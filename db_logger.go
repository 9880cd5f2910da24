package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DatabaseOptions configure a DatabaseAuditLogger. The zero value of each field
// means its default.
type DatabaseOptions struct {
	Buffer BufferOptions
	// WriteTimeout bounds one WriteBatch. After it the outcome is unknown, and the
	// batch is tried again; the store skips what it has. Defaults to 5 s.
	WriteTimeout time.Duration
	// DeadLetterPath is a log of the events that the database refuses for good,
	// created if it is missing. "": OnError gets a *DeadLetterError that holds the
	// line.
	DeadLetterPath string
}

// DatabaseAuditLogger writes events to the table of a Store, such as those of the
// packages sqlite and postgres. While the database cannot be reached the events
// wait in the queue.
type DatabaseAuditLogger struct{ buffered }

// NewDatabaseAuditLogger starts a logger over store, which it owns from then on, if
// it returns no error. Nil options are the defaults.
func NewDatabaseAuditLogger(store Sink, options *DatabaseOptions) (*DatabaseAuditLogger, error) {
	complete, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if isNil(store) {
		return nil, errNilSink
	}
	if s, ok := store.(interface{ ReadOnly() bool }); ok && s.ReadOnly() {
		return nil, errors.New("audit: the store is read-only: open it without ReadOnly to log to it")
	}
	w := &worker{entries: store, timeout: complete.WriteTimeout, reporter: newReporter(complete.Buffer.OnError)}
	if complete.DeadLetterPath != "" {
		letters, err := openFileSink(complete.DeadLetterPath, FileOptions{Mode: 0o600}, func(op string, err error) {
			w.reporter.report(&BackgroundError{Op: op, Err: err})
		})
		if err != nil {
			return nil, fmt.Errorf("audit: open dead letters: %w", err)
		}
		w.entries = &storeWithLetters{store, letters}
		w.deadLetter = func(line []byte) error {
			return letters.writeLines(context.Background(), append(line[:len(line):len(line)], '\n'))
		}
	}
	return &DatabaseAuditLogger{newBuffered(complete.Buffer, w)}, nil
}

// storeWithLetters closes the file for dead letters with the store.
type storeWithLetters struct {
	Sink

	letters *fileSink
}

func (s *storeWithLetters) Close() error {
	return join(s.Sink.Close(), s.letters.closeSink(context.Background()))
}

// withDefaults returns a copy of o, which may be nil, that is complete, or an error
// that names every field that is wrong.
func (o *DatabaseOptions) withDefaults() (DatabaseOptions, error) {
	var options DatabaseOptions
	if o != nil {
		options = *o
	}
	var c check
	options.Buffer = c.buffer(options.Buffer)
	c.notNegative("WriteTimeout", options.WriteTimeout)
	setDefault(&options.WriteTimeout, 5*time.Second)
	return options, c.err()
}
