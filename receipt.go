package audit

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// receipt is what a Record has to wait for: room, then the ack.
type receipt struct {
	queue    *queue
	room     *roomWaiter // nil: it has its place
	ack      *ack        // nil: it need not wait for one
	index    int         // of the event in its batch
	deadline time.Time   // by MaxWait; zero: none
}

// bounded starts the clock of MaxWait if there is something to wait for.
func (r receipt) bounded() receipt {
	if (r.room != nil || r.ack != nil) && r.queue.options.MaxWait > 0 {
		r.deadline = time.Now().Add(r.queue.options.MaxWait)
	}
	return r
}

// wait waits for what the receipt says. ctx and the deadline bound it; an event
// that has its place keeps it.
func (r receipt) wait(ctx context.Context) error {
	if r.room == nil && r.ack == nil {
		return nil
	}
	var done <-chan struct{}
	if ctx != nil {
		done = ctx.Done()
	}
	var expired <-chan time.Time
	if !r.deadline.IsZero() {
		timer := time.NewTimer(time.Until(r.deadline))
		defer timer.Stop()
		expired = timer.C
	}
	if r.room != nil {
		select {
		case <-r.room.done:
		case <-done:
			if r.queue.leave(r.room) {
				r.room.event.free()
				return fmt.Errorf("%w: %w", ErrQueueFull, context.Cause(ctx))
			}
		case <-expired:
			if r.queue.leave(r.room) {
				r.room.event.free()
				return fmt.Errorf("%w: MaxWait of %v passed", ErrQueueFull, r.queue.options.MaxWait)
			}
		}
		r.room.event.free()
		if r.room.err != nil {
			return r.room.err
		}
		r.ack, r.index = r.room.accepted.ack, r.room.accepted.index
	}
	if r.ack == nil {
		return nil
	}
	if err := r.queue.await(ctx, r.ack, r.index, expired); err != nil {
		return fmt.Errorf("%w: %w", ErrNotDurable, r.queue.because(err))
	}
	return nil
}

// wholeBatch is the index of none of the events of a batch.
const wholeBatch = -1

// await waits for the ack of an event, as long as ctx and expired allow. After a
// shutdown that gave up there is nothing to wait for.
func (q *queue) await(ctx context.Context, a *ack, index int, expired <-chan time.Time) error {
	var done <-chan struct{}
	if ctx != nil {
		done = ctx.Done()
	}
	var err error
	select {
	case <-a.done:
	case <-q.ended:
		err = q.result
	case <-done:
		err = context.Cause(ctx)
	case <-expired:
		err = fmt.Errorf("MaxWait of %v passed", q.options.MaxWait)
	}
	select {
	case <-a.done: // whatever else has happened
		return a.result(index)
	default:
		return err
	}
}

// because joins a cause with the sink's last error, if that is why nothing moves.
func (q *queue) because(cause error) error {
	stats := q.snapshot()
	if stats.LastError == nil || stats.LastErrorTime.Before(stats.LastWrite) || errors.Is(cause, stats.LastError) {
		return cause
	}
	return join(cause, stats.LastError)
}
