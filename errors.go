package audit

import (
	"errors"
	"fmt"
	"strings"
)

// Recording.
var (
	// ErrInvalidEvent is returned by Record for an event that no log could
	// hold: its action is empty or longer than MaxActionBytes. Nothing was
	// queued; give the event an action and record it again.
	ErrInvalidEvent = errors.New("audit: invalid event")

	// ErrQueueFull is returned by Record when the queue had no room before the
	// context ended or MaxWait passed, or at once under OverflowDrop. Nothing was
	// queued. It wraps the cause of the context, if that was the reason. Look at
	// Stats: a sink that fails, or one that is too slow for the load.
	ErrQueueFull = errors.New("audit: queue full")

	// ErrNotDurable is returned by Record when the event was queued, but the
	// acknowledgement that Ack asks for did not come in time. It wraps the cause.
	// The event stays accepted: do not record it again.
	ErrNotDurable = errors.New("audit: event accepted but not confirmed durable")

	// ErrClosed is returned by every method of a logger that is shut down or
	// shutting down. Nothing was queued.
	ErrClosed = errors.New("audit: logger closed")
)

// Opening.
var (
	// ErrLocked is returned when another logger, of this process or of another
	// one, already writes to the file. Give each process a file of its own.
	ErrLocked = errors.New("audit: file is locked by another logger")
)

// UndeliveredError is returned by Shutdown and Close when the drain ended
// before everything was delivered. What it counts was accepted and is lost with
// the process, unless the sink stored it without being able to say so. What is in
// the spool is safe, and not counted.
type UndeliveredError struct {
	// Events is how many accepted events are not known to be delivered.
	Events int
	// Err is why: the cause of the context that ended the drain, joined with
	// the last error of the sink.
	Err error
}

// Error implements error.
func (e *UndeliveredError) Error() string {
	return fmt.Sprintf("audit: shut down with %d events undelivered: %v", e.Events, e.Err)
}

// Unwrap returns Err.
func (e *UndeliveredError) Unwrap() error { return e.Err }

// BackgroundError is what OnError receives: a failure of the worker that no
// caller was waiting for.
type BackgroundError struct {
	// Op is what failed: "write", "spool", "read of the spool", "dead letter",
	// "flush", "close", "recover", "reopen", "rotate", "compress", "prune" or
	// "report". docs/operations.md says what to do about each.
	Op string
	// Events is how many events wait because of it, or are concerned by it.
	Events int
	// Err is the cause.
	Err error
}

// Error implements error.
func (e *BackgroundError) Error() string {
	if e.Events == 0 {
		return fmt.Sprintf("audit: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("audit: %s of %d events: %v", e.Op, e.Events, e.Err)
}

// Unwrap returns Err.
func (e *BackgroundError) Unwrap() error { return e.Err }

// DeadLetterError is an event that the sink refuses for good. OnError receives
// it when there is no file for dead letters; then Line is the only copy of the
// event. A Record that waited for the event gets it too, wrapped in ErrNotDurable.
type DeadLetterError struct {
	ID   EventID
	Line []byte // the event as a line of the file format, without LF
	Err  error  // why the sink refused it
}

// Error implements error. It does not print the line.
func (e *DeadLetterError) Error() string {
	if e.ID.IsZero() { // of a spool
		return fmt.Sprintf("audit: line that is no event: %v", e.Err)
	}
	return fmt.Sprintf("audit: event %s refused by the sink: %v", e.ID, e.Err)
}

// Unwrap returns Err.
func (e *DeadLetterError) Unwrap() error { return e.Err }

// SettingsError is returned by the settings loaders. The logger that was
// configured before is still in place; if it had to let go of its file for the new
// one, one with the same settings is, or, should that fail too, a closed one.
type SettingsError struct {
	// Problems holds one sentence for each wrong key of the settings: which
	// key, which value, and what is accepted.
	Problems []string
	// Err is the error of the constructor or factory, if that is what failed.
	Err error
}

// Error implements error.
func (e *SettingsError) Error() string {
	problems := e.Problems
	if e.Err != nil {
		problems = append(problems[:len(problems):len(problems)], strings.TrimPrefix(e.Err.Error(), "audit: "))
	}
	return "audit: settings: " + strings.Join(problems, "; ")
}

// Unwrap returns Err.
func (e *SettingsError) Unwrap() error { return e.Err }

// permanentError marks an error of a sink that no retry will cure.
type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks err, returned by a Sink's WriteBatch, as one that will never
// succeed for the batch as it is. The worker then halves the batch until it has
// found the events that are at fault; those become dead letters. An error that is
// not marked is retried for ever. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

func isPermanent(err error) bool {
	var permanent *permanentError
	return errors.As(err, &permanent)
}

// errNilSink is returned by the constructors.
var errNilSink = errors.New("audit: sink is nil: give the logger something to write to")

// joined is several errors on one line.
type joined []error

func (j joined) Error() string {
	texts := make([]string, len(j))
	for i, err := range j {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (j joined) Unwrap() []error { return j }

// join is errors.Join on one line: nil if all are nil.
func join(errs ...error) error {
	var all joined
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}
