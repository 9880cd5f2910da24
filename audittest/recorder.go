package audittest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
)

// Recorder is an audit.AuditLogger for unit tests: it keeps every event in memory,
// in the order of the calls, as event.Freeze makes it. Nothing is redacted. It
// refuses what every logger refuses: an event without a valid action, with
// audit.ErrInvalidEvent, and every event after Shutdown, with audit.ErrClosed.
//
// All methods may be called concurrently. Use NewRecorder or Install.
type Recorder struct {
	mu      sync.Mutex
	events  []audit.PermissionAuditEvent
	failure error         // what Record returns; nil: nothing
	closed  bool          // by Shutdown
	changed chan struct{} // closed by the next Record that keeps its event; nil while nobody waits
}

// NewRecorder returns an empty recorder.
func NewRecorder() *Recorder { return &Recorder{} }

// Record keeps a frozen copy of the event. After FailWith it keeps nothing and
// returns that error.
func (r *Recorder) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	if n := len(event.Action); n == 0 || n > audit.MaxActionBytes {
		_, err := audit.NewEntry(ctx, audit.PermissionAuditEvent{Action: event.Action})
		return err
	}
	frozen := event.Freeze(ctx) // calls methods of the user's: not under the lock
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return audit.ErrClosed
	case r.failure != nil:
		return r.failure
	}
	r.events = append(r.events, frozen)
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
	return nil
}

// FailWith makes Record return err and keep nothing, to test what a service does
// when its decisions cannot be logged. Nil ends that.
func (r *Recorder) FailWith(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failure = err
}

// Events returns a copy of what was recorded, in order.
func (r *Recorder) Events() []audit.PermissionAuditEvent {
	events, _ := r.snapshot()
	return events
}

// snapshot returns copies of the events, and a channel that is closed when there is
// one more.
func (r *Recorder) snapshot() (copies []audit.PermissionAuditEvent, more <-chan struct{}) {
	r.mu.Lock()
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	events, more := r.events[:len(r.events):len(r.events)], r.changed
	r.mu.Unlock()
	for _, event := range events {
		copies = append(copies, event.Freeze(context.Background()))
	}
	return copies, more
}

// Reset makes the recorder like a new one: it forgets the events, the error of
// FailWith and that it was shut down.
func (r *Recorder) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events, r.failure, r.closed = nil, nil, false
}

// Flush returns nil, or audit.ErrClosed after Shutdown.
func (r *Recorder) Flush(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return audit.ErrClosed
	}
	return nil
}

// Shutdown makes Record and Flush return audit.ErrClosed. What was recorded can
// still be read. It returns nil, as often as it is called.
func (r *Recorder) Shutdown(context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	return nil
}

// Close is Shutdown.
func (r *Recorder) Close() error { return r.Shutdown(context.Background()) }

// WaitFor waits until n events or more have been recorded, since the recorder was
// made or Reset, and returns all that there are. If ctx ends first, it returns what
// there is, and an error that wraps ctx's cause and lists them. It is for code that
// decides in goroutines of its own.
func (r *Recorder) WaitFor(ctx context.Context, n int) ([]audit.PermissionAuditEvent, error) {
	for {
		events, more := r.snapshot() //nolint:contextcheck // the copies are of what is frozen
		if len(events) >= n {
			return events, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			if events, _ = r.snapshot(); len(events) >= n { //nolint:contextcheck // as above
				return events, nil
			}
			return events, fmt.Errorf("audittest: wait for %d events: %w\n%s", n, context.Cause(ctx), list(events, nil))
		}
	}
}

// waitLimit is how long Wait waits.
const waitLimit = 10 * time.Second

var errWaited = errors.New("gave up after " + waitLimit.String())

// Wait is WaitFor for up to ten seconds. If there are not n events by then, it stops
// the test and lists those that there are.
func (r *Recorder) Wait(tb testing.TB, n int) []audit.PermissionAuditEvent {
	tb.Helper()
	ctx, cancel := context.WithTimeoutCause(tb.Context(), waitLimit, errWaited)
	defer cancel()
	events, err := r.WaitFor(ctx, n)
	if err != nil {
		tb.Fatal(err)
	}
	return events
}

var (
	_ audit.AuditLogger = (*Recorder)(nil)
	_ audit.Flusher     = (*Recorder)(nil)
	_ audit.Shutdowner  = (*Recorder)(nil)
)
