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
	// SpoolPath is a log, created if it is missing, that takes the events while the
	// database cannot be reached, or does not answer. They are durable then, and
	// Record goes on; once the database is back they are delivered, in order, by the
	// next process too. The logger needs the file for itself, and puts others beside
	// it, whose names begin alike. "": the events wait in the queue.
	SpoolPath string
	// SpoolMaxBytes is the most that the files of the spool hold, in bytes. When they
	// are full the events wait in the queue, and when that is full Buffer.Overflow
	// decides. A single batch may be larger; then it is taken by an empty spool.
	// Defaults to 1 GiB.
	SpoolMaxBytes int64
	// DeadLetterPath is a log of the events that the database refuses for good,
	// created if it is missing. "": SpoolPath with ".dead" behind it; without either,
	// OnError gets a *DeadLetterError that holds the line.
	DeadLetterPath string
}

// DatabaseAuditLogger writes events to the table of a Store, such as those of the
// packages sqlite and postgres. While the database cannot be reached the events go
// to the spool, if there is one, or wait in the queue.
//
// With a spool an event is durable once it is in the spool or in the database; for
// Flush it must be in the database. Shutdown returns nil if some events are in the
// spool only: they are safe, Stats.Spooled counts them, and the next logger with the
// same SpoolPath delivers them.
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
	return newDatabaseAuditLogger(osFS{}, store, complete)
}

// newDatabaseAuditLogger starts a logger whose files are on a file system. Options
// are complete.
func newDatabaseAuditLogger(fsys fileSystem, store Sink, options DatabaseOptions) (*DatabaseAuditLogger, error) {
	w := &worker{
		entries: store, timeout: options.WriteTimeout,
		queue: newQueue(options.Buffer, false), reporter: newReporter(options.Buffer.OnError),
	}
	report := func(op string, err error) { w.reporter.report(&BackgroundError{Op: op, Err: err}) }
	if options.DeadLetterPath != "" {
		letters, err := openFileSink(fsys, options.DeadLetterPath, FileOptions{Mode: 0o600}, nil, report)
		if err != nil {
			return nil, fmt.Errorf("audit: open dead letters: %w", err)
		}
		w.files = append(w.files, letters)
		w.deadLetter = func(line []byte) error {
			return letters.writeLines(context.Background(), append(line[:len(line):len(line)], '\n'))
		}
	}
	if options.SpoolPath != "" {
		spool, err := openSpool(fsys, options.SpoolPath, options.SpoolMaxBytes, w.queue, report)
		if err != nil {
			for _, file := range w.files {
				err = join(err, file.release())
			}
			return nil, fmt.Errorf("audit: open spool: %w", err)
		}
		w.spooler = newSpooler(spool, w)
		w.queue.spooler = w.spooler
	}
	return &DatabaseAuditLogger{newBuffered(options.Buffer, w)}, nil
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
	c.notNegativeInt("SpoolMaxBytes", options.SpoolMaxBytes)
	setDefault(&options.WriteTimeout, 5*time.Second)
	setDefault(&options.SpoolMaxBytes, 1<<30)
	options.DeadLetterPath = options.deadLetters()
	if options.SpoolPath != "" && options.SpoolPath == options.DeadLetterPath {
		c.add("SpoolPath", "must be another file than DeadLetterPath: got %q for both", options.SpoolPath)
	}
	return options, c.err()
}

// deadLetters is the path of the log of dead letters; "" is none.
func (o *DatabaseOptions) deadLetters() string {
	if o.DeadLetterPath == "" && o.SpoolPath != "" {
		return o.SpoolPath + ".dead"
	}
	return o.DeadLetterPath
}
