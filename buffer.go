package audit

import (
	"context"
	"errors"
	"fmt"
	"runtime"
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

// lineSink is a sink inside the package that takes batches as lines. Like a Sink
// it stores all or nothing, and knows batches that come again.
type lineSink interface {
	writeLines(ctx context.Context, batches ...[]byte) error
	closeSink(ctx context.Context) error // ctx is cancelled when Shutdown gives up
}

// flusher is implemented by sinks for which written is not yet delivered. An error
// is final: a later fsync that succeeds says nothing about what the first one lost.
type flusher interface {
	flushSink() error
}

// worker takes batches from the queue to the sink: the one goroutine of a logger
// (with a spool there is the spooler beside it), which alone touches the sink. It ends
// when the queue is closed and empty, or when ctx is cancelled.
type worker struct {
	queue   *queue
	entries Sink     // what is written to: this
	lines   lineSink // or this

	together   int                     // most batches of lines that are written as one if they wait in line; less than 2: each alone
	timeout    time.Duration           // of one write; 0: none
	deadLetter func(line []byte) error // keeps what the sink refuses; nil: OnError gets it
	spooler    *spooler                // nil: batches wait in the queue
	reporter   *reporter               // calls OnError
	files      []*fileSink             // to be closed with the sink

	requests chan func()   // run between two writes, also while one fails
	hurry    chan struct{} // closed by Shutdown: try at once, whatever the pause
	hurried  bool
	timer    *time.Timer   // for whatever the worker waits for
	buffer   []Entry       // of the batch being written
	group    []*batch      // the batches being written
	pieces   [][]byte      // their lines
	took     time.Duration // the last delivery

	ctx      context.Context // cancelled when Shutdown gives up
	cancel   context.CancelCauseFunc
	done     chan struct{} // closed by run when the sink is closed
	closeErr error         // of the sink; set before done is closed
}

// run is the goroutine.
func (w *worker) run() {
	defer close(w.done)
	defer w.cancel(ErrClosed)
	for turn := w.next(); !turn.finished && w.serve(turn); turn = w.next() {
	}
	w.closeErr = w.close()
	if w.closeErr != nil {
		w.failed("close", 0, w.closeErr)
	}
}

// serve does what there is to do. It reports whether the worker is to go on: with a
// spool it ends when the logger shuts down and the rest can stay there.
func (w *worker) serve(turn turn) (more bool) {
	if turn.spooled {
		return w.deliverSpooled() == nil
	}
	group := w.gather(turn.batch)
	err := w.deliver(group)
	switch {
	case err != nil && w.spooler != nil:
		return errors.Is(err, errSpooled) // otherwise the spooler takes it
	case errors.Is(err, errApart):
		for i := range group {
			w.finish(group[i:i+1], w.deliver(group[i:i+1]))
		}
	default:
		w.finish(group, err)
	}
	clear(w.group)
	clear(w.pieces)
	return true
}

// finish says how batches went.
func (w *worker) finish(group []*batch, err error) {
	awaited := false
	for _, b := range group {
		awaited = awaited || b.ack != nil
		w.queue.finish(b, w.took, err)
	}
	if awaited { // let those who waited record what they have next, all into one batch
		runtime.Gosched()
		runtime.Gosched() // some wait for another processor
	}
}

// gather returns the batches that are written together with the first: while the disk is
// behind, one fsync for several.
func (w *worker) gather(first *batch) []*batch {
	w.group = append(w.group[:0], first)
	for len(w.group) < w.together {
		select {
		case b := <-w.queue.sealed:
			w.group = append(w.group, b)
		default:
			return w.group
		}
	}
	return w.group
}

// close closes everything that the worker writes to.
func (w *worker) close() error {
	var err error
	if w.spooler != nil {
		w.spooler.finish()
		err = w.spooler.close()
	}
	sink := guard(func() error {
		if w.lines != nil {
			return w.lines.closeSink(w.ctx)
		}
		return w.entries.Close()
	})
	for _, file := range w.files {
		err = join(err, file.closeSink(w.ctx))
	}
	return join(sink, err)
}

// next waits for something to do.
func (w *worker) next() turn {
	for {
		turn := w.queue.turn()
		if turn.batch != nil || turn.spooled || turn.finished {
			return turn
		}
		var due <-chan time.Time
		if turn.in >= 0 {
			w.timer.Reset(turn.in)
			due = w.timer.C
		}
		sealed, wake := w.queue.sealed, w.queue.wake
		var back chan struct{}
		if w.spooler != nil {
			sealed, back = nil, w.spooler.back
		}
		if turn.elsewhere {
			wake = nil
		}
		select {
		case turn.batch = <-sealed:
		case <-wake:
		case <-back:
		case <-due:
		case request := <-w.requests:
			request()
		}
		w.timer.Stop()
		if turn.batch != nil {
			return turn
		}
	}
}

// errApart says that several batches could not be written together. Each is to be written
// alone then: one for which there is no room must not keep the others.
var errApart = errors.New("batches must be written apart")

// deliver writes a batch, as often as it takes, or several of lines, once. An error other
// than errApart means that they were given up, since the logger shuts down, or since they
// are in the spool.
func (w *worker) deliver(group []*batch) error {
	defer func(began time.Time) { w.took = time.Since(began) }(time.Now())
	if w.lines != nil {
		return w.deliverLines(group)
	}
	b := group[0]
	if b.events == 0 {
		return nil
	}
	w.buffer = b.appendEntries(w.buffer[:0])
	defer func() { clear(w.buffer) }()
	return w.write(b, 0, b.events)
}

func (w *worker) deliverLines(group []*batch) error {
	w.pieces = w.pieces[:0]
	events, flushed := 0, false
	for _, b := range group {
		if b.events > 0 {
			w.pieces = append(w.pieces, b.json)
			events += b.events
		}
		flushed = flushed || b.flushed != nil
	}
	if events > 0 {
		write := func() error { return w.lines.writeLines(w.ctx, w.pieces...) }
		if len(group) == 1 {
			if err := w.insist("write", events, write); err != nil {
				return err
			}
		} else if err := guard(write); err != nil {
			w.failed("write", events, err)
			return errApart
		}
		for _, b := range group {
			if b.events > 0 {
				w.queue.settle(b, 0, b.events, nil)
			}
		}
	}
	if f, ok := w.lines.(flusher); ok && flushed {
		if err := guard(f.flushSink); err != nil {
			w.failed("flush", 0, err) // and not tried again: see flusher
			return err
		}
	}
	return nil
}

// deliverSpooled writes what comes next in the spool. An error means that the logger
// shuts down, and that this is safe where it is.
func (w *worker) deliverSpooled() error {
	var damaged *DeadLetterError
	err := w.insist("read of the spool", 0, func() (err error) {
		w.buffer, damaged, err = w.spooler.next(w.buffer[:0], w.queue.options.BatchSize)
		return err
	})
	defer func() { clear(w.buffer) }()
	switch {
	case err != nil:
	case damaged != nil:
		err = w.bury(nil, 0, damaged)
	case len(w.buffer) > 0:
		w.spooler.standDown()
		err = w.write(nil, 0, len(w.buffer))
	}
	if err == nil {
		w.spooler.delivered()
	}
	return err
}

// write writes the events of a batch from index from up to index to; without a batch
// those that were read from the spool. If the sink refuses them for good it halves
// them, until those at fault are alone.
func (w *worker) write(b *batch, from, to int) error {
	err := w.insist("write", to-from, w.watched(func() error { return w.attempt(from, to) }))
	switch {
	case err == nil:
		w.queue.settle(b, from, to, nil)
		return nil
	case !isPermanent(err):
		return err
	case to-from == 1:
		entry := &w.buffer[from]
		return w.bury(b, from, &DeadLetterError{ID: entry.ID, Line: entry.AppendJSON(nil), Err: err})
	}
	middle := from + (to-from)/2
	if err := w.write(b, from, middle); err != nil {
		return err
	}
	return w.write(b, middle, to)
}

// attempt is one call of the sink.
func (w *worker) attempt(from, to int) error {
	ctx := w.ctx
	if w.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, w.timeout)
		defer cancel()
	}
	return w.entries.WriteBatch(ctx, w.buffer[from:to:to])
}

// bury makes the event at index a dead letter.
func (w *worker) bury(b *batch, index int, letter *DeadLetterError) error {
	w.queue.failed(letter.Err)
	if w.deadLetter != nil {
		keep := w.watched(func() error { return w.deadLetter(letter.Line) })
		if err := w.insist("dead letter", 1, keep); err != nil {
			return err
		}
	}
	w.reporter.report(letter)
	w.queue.settle(b, index, index+1, letter)
	return nil
}

// insist calls try until it succeeds or fails for good, with growing pauses. Any
// other error than a permanent one says why the worker gave up.
func (w *worker) insist(op string, events int, try func() error) error {
	for pause := firstPause; ; {
		if w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		err := guard(try)
		if w.final(err) {
			return err
		}
		w.failed(op, events, err)
		if w.spooler.allSafe() {
			return errAllSafe
		}
		if w.rest(pause) {
			pause = firstPause
		} else {
			pause = min(2*pause, longestPause)
		}
		if w.spooler.tookOver() {
			return errSpooled
		}
	}
}

// final reports whether there is no point in another attempt.
func (w *worker) final(err error) bool { return err == nil || w.entries != nil && isPermanent(err) }

// watched has the spooler take over if an attempt fails or takes too long.
func (w *worker) watched(try func() error) func() error {
	return func() error {
		w.spooler.begin()
		err := guard(try)
		w.spooler.end(!w.final(err))
		return err
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
