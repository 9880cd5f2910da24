package audit

import (
	"context"
	"fmt"
	"time"
)

// buffered is what all loggers are: a queue and a worker.
type buffered struct{ *worker }

// newBuffered starts a worker. Options are complete.
func newBuffered(options BufferOptions, w *worker) buffered {
	if w.queue == nil {
		w.queue = newQueue(options, w.lines != nil)
	}
	w.requests = make(chan func())
	w.hurry = make(chan struct{})
	w.timer = time.NewTimer(time.Hour)
	w.timer.Stop()
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	w.done = make(chan struct{})
	if w.spooler != nil {
		go w.spooler.run()
	}
	go w.run()
	return buffered{w}
}

// Record queues the event, and waits for as much as Ack demands. It may be called
// concurrently, also with every other method. Its errors wrap ErrInvalidEvent,
// ErrQueueFull or ErrClosed, after which nothing was queued, or ErrNotDurable,
// after which the event is accepted all the same.
func (l *buffered) Record(ctx context.Context, event PermissionAuditEvent) error {
	submitted, err := l.queue.submit(ctx, &event)
	if err != nil {
		return err
	}
	return submitted.wait(ctx)
}

// Flush returns nil once all events whose Record returned before are delivered. If
// ctx ends first, its error wraps the cause and the sink's last error; nothing is
// discarded. The logger stays open.
func (l *buffered) Flush(ctx context.Context) error {
	flushed, err := l.queue.flush()
	if err != nil {
		return err
	}
	defer flushed.waiting.Add(-1)
	if err := l.queue.await(ctx, flushed, wholeBatch, nil); err != nil {
		return fmt.Errorf("audit: flush: %w", l.queue.because(err))
	}
	return nil
}

// closedBefore waits for the first of two channels to be closed, and reports whether
// that is done; if both are, it is.
func closedBefore(done, end <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-end:
	}
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// Stats returns what became of the events so far.
func (l *buffered) Stats() Stats { return l.queue.snapshot() }

// Close is Shutdown bounded by CloseTimeout.
func (l *buffered) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), l.queue.options.CloseTimeout)
	defer cancel()
	return l.Shutdown(ctx)
}

// Shutdown turns new events away with ErrClosed, delivers what is queued and
// closes the sink. The ctx of the first call bounds that: one without end waits for
// as long as a database is down. What is left then is counted by an
// *UndeliveredError. Further calls wait for the same result, or for
// the end of their own ctx.
func (l *buffered) Shutdown(ctx context.Context) error {
	if !l.queue.close() {
		if !closedBefore(l.queue.ended, ctx.Done()) {
			return fmt.Errorf("audit: wait for shutdown: %w", context.Cause(ctx))
		}
		return l.queue.result
	}
	close(l.hurry)
	if !closedBefore(l.done, ctx.Done()) {
		l.cancel(context.Cause(ctx))
		grace := time.NewTimer(closeGrace)
		defer grace.Stop()
		select {
		case <-l.done:
		case <-grace.C: // the sink does not obey; the worker closes it when it comes back
		}
	}
	l.reporter.wait(closeGrace)
	l.queue.result = l.outcome(ctx)
	close(l.queue.ended)
	return l.queue.result
}

// outcome is the result of the shutdown.
func (l *buffered) outcome(ctx context.Context) error {
	stats := l.queue.snapshot()
	if lost := stats.Pending - stats.Spooled; lost > 0 {
		return &UndeliveredError{Events: int(lost), Err: l.queue.because(context.Cause(ctx))} //nolint:gosec // G115: bounded by QueueSize
	}
	select {
	case <-l.done:
		if l.closeErr != nil {
			return fmt.Errorf("audit: close sink: %w", l.closeErr)
		}
		return nil
	default:
		return fmt.Errorf("audit: close sink: %w", context.Cause(ctx))
	}
}

// request runs f on the worker, between two writes.
func (l *buffered) request(ctx context.Context, f func() error) error {
	result := make(chan error, 1)
	select {
	case l.requests <- func() { result <- guard(f) }:
	case <-l.done:
		return ErrClosed
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// BufferedAuditLogger queues events and writes them in batches to a Sink.
type BufferedAuditLogger struct{ buffered }

// NewBufferedAuditLogger starts a logger over sink, which it owns from then on, if
// it returns no error. Nil options are the defaults.
func NewBufferedAuditLogger(sink Sink, options *BufferOptions) (*BufferedAuditLogger, error) {
	complete, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	if isNil(sink) {
		return nil, errNilSink
	}
	return &BufferedAuditLogger{newBuffered(complete, &worker{entries: sink, reporter: newReporter(complete.OnError)})}, nil
}
