package audit

import (
	"context"
	"fmt"
	"time"
)

// Pauses between the attempts to write a batch: from the first to the longest,
// twice as long each time.
const (
	firstPause   = 10 * time.Millisecond
	longestPause = 5 * time.Second
)

// closeGrace is how long Shutdown waits for the sink to come back after it
// cancelled its context.
const closeGrace = 100 * time.Millisecond

// lineSink is a sink inside the package that takes a batch as lines. Like a Sink
// it stores all or nothing, and knows a batch that comes again.
type lineSink interface {
	writeLines(ctx context.Context, lines []byte) error
	closeSink(ctx context.Context) error // ctx is cancelled when Shutdown gives up
}

// flusher is implemented by sinks for which written is not yet delivered. An error
// is final: a later fsync that succeeds says nothing about what the first one lost.
type flusher interface {
	flushSink() error
}

// worker takes batches from the queue to the sink: the one goroutine of a logger,
// which alone touches the sink. It ends when the queue is closed and empty, or when
// ctx is cancelled.
type worker struct {
	queue   *queue
	entries Sink     // what is written to: this
	lines   lineSink // or this

	timeout    time.Duration           // of one write; 0: none
	deadLetter func(line []byte) error // keeps what the sink refuses; nil: OnError gets it
	reporter   *reporter               // calls OnError

	requests chan func()   // run between two writes, also while one fails
	hurry    chan struct{} // closed by Shutdown: try at once, whatever the pause
	hurried  bool
	timer    *time.Timer // for whatever the worker waits for
	buffer   []Entry     // of the batch being written

	ctx      context.Context // cancelled when Shutdown gives up
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed by run when the sink is closed
	closeErr error         // of the sink; set before done is closed
}

// run is the goroutine.
func (w *worker) run() {
	defer close(w.done)
	defer w.cancel(ErrClosed)
	for b := w.next(); b != nil; b = w.next() {
		w.queue.finish(b, w.deliver(b))
	}
	w.closeErr = guard(func() error {
		if w.lines != nil {
			return w.lines.closeSink(w.ctx)
		}
		return w.entries.Close()
	})
	if w.closeErr != nil {
		w.failed("close", 0, w.closeErr)
	}
}

// next waits for a batch; nil when the queue is closed and empty.
func (w *worker) next() *batch {
	for {
		b, in, finished := w.queue.take()
		if b != nil || finished {
			return b
		}
		var due <-chan time.Time
		if in >= 0 {
			w.timer.Reset(in)
			due = w.timer.C
		}
		select {
		case b = <-w.queue.sealed:
		case <-w.queue.wake:
		case <-due:
		case request := <-w.requests:
			request()
		}
		w.timer.Stop()
		if b != nil {
			return b
		}
	}
}

// deliver writes a batch, as often as it takes. An error means that it was given
// up, since the logger shuts down.
func (w *worker) deliver(b *batch) error {
	if b.events > 0 {
		if w.entries != nil {
			w.buffer = b.appendEntries(w.buffer[:0])
			defer func() { clear(w.buffer) }()
		}
		if err := w.write(b, 0, b.events); err != nil {
			return err
		}
	}
	if f, ok := w.lines.(flusher); ok && b.flush {
		if err := guard(f.flushSink); err != nil {
			w.failed("flush", 0, err) // and not tried again: see flusher
			return err
		}
	}
	return nil
}

// write writes the events of a batch from index from up to index to. If the sink
// refuses them for good it halves them, until those at fault are alone.
func (w *worker) write(b *batch, from, to int) error {
	err := w.insist("write", to-from, func() error { return w.attempt(b, from, to) })
	switch {
	case err == nil:
		w.queue.settle(b, from, to, nil)
		return nil
	case !isPermanent(err):
		return err
	case to-from == 1:
		return w.bury(b, from, err)
	}
	middle := from + (to-from)/2
	if err := w.write(b, from, middle); err != nil {
		return err
	}
	return w.write(b, middle, to)
}

// attempt is one call of the sink.
func (w *worker) attempt(b *batch, from, to int) error {
	ctx := w.ctx
	if w.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.timeout)
		defer cancel()
	}
	if w.lines != nil {
		return w.lines.writeLines(ctx, b.json)
	}
	return w.entries.WriteBatch(ctx, w.buffer[from:to:to])
}

// bury makes the event at index a dead letter.
func (w *worker) bury(b *batch, index int, refusal error) error {
	entry := &w.buffer[index]
	letter := &DeadLetterError{ID: entry.ID, Line: entry.AppendJSON(nil), Err: refusal}
	w.queue.failed(refusal)
	if w.deadLetter != nil {
		if err := w.insist("dead letter", 1, func() error { return w.deadLetter(letter.Line) }); err != nil {
			return err
		}
	}
	w.reporter.report(letter)
	w.queue.settle(b, index, index+1, letter)
	return nil
}

// insist calls try until it succeeds or fails for good, with growing pauses. Any
// other error than a permanent one says why the logger gave up.
func (w *worker) insist(op string, events int, try func() error) error {
	pause := firstPause
	for {
		if err := w.ctx.Err(); err != nil {
			return context.Cause(w.ctx)
		}
		err := guard(try)
		if err == nil || w.entries != nil && isPermanent(err) {
			return err
		}
		w.failed(op, events, err)
		if w.rest(pause) {
			pause = firstPause
		} else {
			pause = min(2*pause, longestPause)
		}
	}
}

// rest waits before the next attempt. It reports whether Shutdown cut that short:
// the pauses begin anew then.
func (w *worker) rest(pause time.Duration) (hurried bool) {
	w.timer.Reset(pause)
	defer w.timer.Stop()
	hurry := w.hurry
	if w.hurried {
		hurry = nil
	}
	select {
	case <-w.timer.C:
	case <-hurry:
		w.hurried, hurried = true, true
	case request := <-w.requests:
		request()
	case <-w.ctx.Done():
	}
	return hurried
}

func (w *worker) failed(op string, events int, err error) {
	w.queue.failed(err)
	w.reporter.report(&BackgroundError{Op: op, Events: events, Err: err})
}

// guard makes an error of a panic.
func guard(try func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	return try()
}

// buffered is what all loggers are: a queue and a worker.
type buffered struct{ *worker }

// newBuffered starts a worker. Options are complete.
func newBuffered(options BufferOptions, w *worker) buffered {
	w.queue = newQueue(options, w.lines != nil)
	w.requests = make(chan func())
	w.hurry = make(chan struct{})
	w.timer = time.NewTimer(time.Hour)
	w.timer.Stop()
	w.ctx, w.cancel = context.WithCancelCause(context.Background())
	w.done = make(chan struct{})
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
	if stats.Pending > 0 {
		return &UndeliveredError{Events: int(stats.Pending), Err: l.queue.because(context.Cause(ctx))} //nolint:gosec // G115: bounded by QueueSize
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
