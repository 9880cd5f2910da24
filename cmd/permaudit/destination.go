package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/permaudit/audit"
)

// giveUp is how long a destination that fails is tried again: a lock passes, a missing
// server may not.
const giveUp = 10 * time.Second

// destination is where events are copied to: a logger, whose worker writes batches,
// durably, and finds the events that are refused.
type destination struct {
	logger recorder
	// known returns those of ids whose events are there already.
	known   func(ctx context.Context, ids []audit.EventID) ([]audit.EventID, error)
	trouble *trouble
	failed  bool  // it was given up: what is not written is left out
	foreign int64 // events that no logger of ours would have written
}

// recorder is what the loggers of files and of databases have in common.
type recorder interface {
	audit.AuditLogger
	audit.Flusher
	audit.Shutdowner
	Stats() audit.Stats
}

// add adds those events that are not there yet, and returns how many, and how many were
// there. They are written while the caller reads on; flush waits for it.
func (d *destination) add(ctx context.Context, batch []audit.PermissionAuditEvent) (added, there int64, err error) {
	if err := d.flush(ctx); err != nil { // or an event of the batch before could count twice
		return 0, 0, err
	}
	ids := make([]audit.EventID, len(batch))
	for i := range batch {
		ids[i] = batch[i].ID
	}
	known, err := d.known(ctx, ids)
	if err != nil {
		return 0, 0, err
	}
	skip := make(map[audit.EventID]bool, len(batch))
	for _, id := range known {
		skip[id] = true
	}
	err = d.patiently(ctx, func(ctx context.Context) error {
		for i := range batch {
			if skip[batch[i].ID] {
				there++
				continue
			}
			skip[batch[i].ID] = true
			err := d.logger.Record(ctx, batch[i])
			switch {
			case errors.Is(err, audit.ErrInvalidEvent):
				d.refuse(&batch[i], err)
				continue
			case err != nil:
				return err
			}
			added++
		}
		return nil
	})
	return added, there, err
}

// flush waits until everything that was added is written, durably.
func (d *destination) flush(ctx context.Context) error {
	if err := d.patiently(ctx, d.logger.Flush); err != nil {
		return err
	}
	d.trouble.over()
	return nil
}

// patiently calls f with a context that ends when the destination fails for too long.
// The error is the reason then.
func (d *destination) patiently(ctx context.Context, f func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	d.trouble.watch(cancel)
	err := f(ctx)
	if err == nil {
		return nil
	}
	d.failed = true
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// mostNamed is how many of the same faults are told one by one.
const mostNamed = 20

// refuse reports an event that cannot be recorded, and counts it.
func (d *destination) refuse(event *audit.PermissionAuditEvent, err error) {
	switch d.foreign++; {
	case d.foreign <= mostNamed:
		d.trouble.invocation.tell("permaudit: event " + event.ID.String() + " of " + moment(event.Timestamp) + " is refused: " + oneLine(err.Error()))
	case d.foreign == mostNamed+1:
		d.trouble.invocation.tell("permaudit: more such events are refused, and only counted")
	}
}

// refused is how many events could not be recorded, or were refused for good.
func (d *destination) refused() (foreign, dead int64) {
	return d.foreign, int64(d.logger.Stats().DeadLettered) //nolint:gosec // G115: as many as were read
}

// lastWrite is how long the end of the writing may take: everything was flushed.
const lastWrite = 5 * time.Second

// close ends the writing.
func (d *destination) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastWrite)
	defer cancel()
	if d.failed {
		cancel()
	}
	err := d.logger.Shutdown(ctx)
	d.trouble.over()
	if d.failed {
		return nil // the reason was returned
	}
	return err
}

// options are those of the worker of every destination.
func (t *trouble) options() audit.BufferOptions {
	// A batch is sealed, and its writing begins, when all its events are there.
	return audit.BufferOptions{Redact: audit.NoRedaction, OnError: t.hear, BatchSize: batchEvents}
}

// trouble hears what goes wrong in the background.
type trouble struct {
	invocation *invocation
	patience   time.Duration

	mu     sync.Mutex
	cancel context.CancelCauseFunc // of what waits for the write; nil: nothing does
	timer  *time.Timer             // runs while writing fails
	err    error                   // of the last attempt
}

// watch makes a write that fails for too long end by cancel.
func (t *trouble) watch(cancel context.CancelCauseFunc) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel = cancel
}

// over says that writing works.
func (t *trouble) over() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.cancel = nil
	if t.timer != nil {
		t.timer.Stop()
		t.timer = nil
	}
}

// hear is the OnError of the logger.
func (t *trouble) hear(err error) {
	var letter *audit.DeadLetterError
	var background *audit.BackgroundError
	if errors.As(err, &letter) {
		t.invocation.tell("permaudit: event " + letter.ID.String() + " is refused: " + oneLine(letter.Err.Error()))
		return
	}
	if errors.As(err, &background) {
		if background.Op == "report" {
			return // some of the refused were not named, but all are counted
		}
		err = background.Err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	if t.timer == nil {
		t.timer = time.AfterFunc(t.patience, t.end)
	}
}

// end gives up. If nothing waits just now, the next failure begins to count anew.
func (t *trouble) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.timer = nil
	if t.cancel != nil {
		t.cancel(t.err)
	}
}
