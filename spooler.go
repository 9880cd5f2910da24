package audit

import (
	"context"
	"errors"
	"time"
)

// patience is how long an attempt to write may take until what waits behind it goes
// to the spool; WriteTimeout if that is less.
const patience = 500 * time.Millisecond

// spooler takes the place of the worker while the database does not take events, or
// takes too long: it takes the batches off the queue and appends them to the spool,
// that which the worker is trying to write first. The worker delivers what is in the
// spool, in its order. Once it has come to the end of it, the spooler stands down,
// and the worker takes the batches off the queue again.
//
// So the order of the events is that of the queue, whichever way they take, and
// whoever takes batches off the queue alone waits on queue.wake.
//
// A nil spooler is that of a logger without a spool.
type spooler struct {
	*spool

	worker *worker
	timer  *time.Timer   // runs while the worker writes; then the spooler takes over
	wake   chan struct{} // capacity 1: there may be something to do for the spooler
	back   chan struct{} // capacity 1: the same for the worker
	done   chan struct{} // closed by run

	// Under the lock of the queue.
	on       bool          // batches go to the spool
	busy     bool          // the spooler has a batch
	sending  *batch        // the worker has it, and took it off the queue
	returned *batch        // the spooler had it, and could not append it before it stood down
	writing  bool          // the worker is in an attempt
	failing  bool          // its last one failed
	patience time.Duration // how long it may take
	ending   bool          // the worker has ended
	marks    []mark        // of Flushes that wait for what is in the spool
}

// mark is an ack that is due when the spool is delivered up to a line.
type mark struct {
	line uint64
	ack  *ack
}

func newSpooler(spool *spool, w *worker) *spooler {
	s := &spooler{
		spool: spool, worker: w, on: spool.pending(), patience: min(patience, w.timeout),
		wake: make(chan struct{}, 1), back: make(chan struct{}, 1), done: make(chan struct{}),
	}
	s.timer = time.AfterFunc(time.Hour, s.takeOver)
	s.timer.Stop()
	return s
}

// poke wakes somebody who waits on a channel of capacity 1.
func poke(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default: // the last one has not been seen yet
	}
}

// begin and end enclose an attempt of the worker.
func (s *spooler) begin() {
	if s == nil {
		return
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.writing = true
	s.timer.Reset(s.patience)
}

func (s *spooler) end(failed bool) {
	if s == nil {
		return
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.writing, s.failing = false, failed
	s.timer.Stop()
	if failed {
		s.activate()
	}
}

// takeOver activates the spooler if the worker is still in its attempt.
func (s *spooler) takeOver() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if s.writing {
		s.activate()
	}
}

func (s *spooler) activate() {
	s.on = true
	poke(s.wake)
}

// hurry is for a shutdown: attempts have less time now.
func (s *spooler) hurry() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.patience = min(s.patience, closeGrace)
	poke(s.wake)
	if s.writing {
		s.timer.Reset(s.patience)
	}
}

// Why the worker gives something up that is in the spool.
var (
	errSpooled = errors.New("it is in the spool")
	errAllSafe = errors.New("everything is in the spool")
)

// tookOver reports whether what the worker is trying to write is in the spool now.
func (s *spooler) tookOver() bool {
	if s == nil {
		return false
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.sending != nil && s.sending.spooled
}

// allSafe reports whether the logger shuts down and may do so: everything that was
// not delivered is in the spool.
func (s *spooler) allSafe() bool {
	if s == nil {
		return false
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	return s.queue.closing && s.queue.oldest == nil
}

// workersTurn is what the worker has to do. The queue is locked.
func (s *spooler) workersTurn() turn {
	s.sending = nil
	if s.pending() {
		return turn{spooled: true}
	}
	s.on = false
	if s.busy {
		poke(s.wake) // it may be waiting for the disk
		return turn{in: -1, elsewhere: true}
	}
	next := s.take()
	s.sending = next.batch
	return next
}

// take takes the next batch, which may be one that the spooler gave back.
func (s *spooler) take() turn {
	if b := s.returned; b != nil {
		s.returned = nil
		return turn{batch: b}
	}
	return s.queue.take()
}

// standDown is called when the worker has read something from the spool. If that is
// the end of it, and the database takes events, the next ones wait in the queue
// again: under a steady load the worker would never catch up otherwise.
func (s *spooler) standDown() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if !s.failing && s.read == s.appended {
		s.on = false
	}
}

// delivered counts what the worker is done with of the spool. The queue is locked.
func (s *spooler) delivered(n tally) {
	s.settled.count(n)
	s.queue.stats.Spooled -= n.events
	s.resolveMarks()
	poke(s.wake)
}

func (s *spooler) resolveMarks() {
	for len(s.marks) > 0 && s.marks[0].line <= s.settled.lines {
		s.marks[0].ack.resolve(nil)
		s.marks = s.marks[1:]
	}
}

// run is the goroutine of the spooler.
func (s *spooler) run() {
	defer close(s.done)
	for b := s.nextBatch(); b != nil; b = s.nextBatch() {
		s.keep(b)
	}
}

// finish is called when the worker has ended. If it gave up, the spooler gets one
// attempt at what is left. It returns when the spooler has ended.
func (s *spooler) finish() {
	s.queue.mu.Lock()
	s.ending = true
	if s.worker.ctx.Err() != nil {
		s.on = true
	}
	poke(s.wake)
	s.queue.mu.Unlock()
	<-s.done
}

// nextBatch waits for a batch; nil when there is none left.
func (s *spooler) nextBatch() *batch {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		s.tidy()
		turn, on := s.turn()
		if turn.batch != nil || turn.finished {
			return turn.batch
		}
		var wake chan struct{}
		var due <-chan time.Time
		if on {
			wake = s.queue.wake
		}
		if on && turn.in >= 0 {
			timer.Reset(turn.in)
			due = timer.C
		}
		select {
		case <-s.wake:
		case <-wake:
		case <-due:
		}
	}
}

// turn is what the spooler has to do.
func (s *spooler) turn() (next turn, on bool) {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.busy = false
	switch {
	case !s.on:
		s.queue.signal() // what the spooler has seen of it was meant for the worker
		next = turn{finished: s.ending}
	case s.sending != nil && !s.sending.finished:
		next = turn{batch: s.sending}
		s.sending.shared = true
	default:
		next = s.take()
		next.finished = next.finished && s.ending
	}
	s.busy = next.batch != nil
	poke(s.back)
	return next, s.on
}

// tidy deletes what is delivered.
func (s *spooler) tidy() {
	if err := s.clean(); err != nil {
		s.worker.failed("spool", 0, err)
	}
}

// keep appends a batch to the spool, until it is there or delivered, or the spooler
// has stood down. Once the logger has given up there is one attempt.
func (s *spooler) keep(b *batch) {
	lines, from := s.encode(b)
	full := false
	for pause := firstPause; s.wanted(b); pause = min(2*pause, longestPause) {
		var err error
		if len(lines) > 0 { // it is no mere Flush
			err = s.append(lines)
		}
		if err == nil {
			s.publish(b, from)
			return
		}
		if !full || !errors.Is(err, errSpoolFull) {
			s.worker.failed("spool", b.events, err)
		}
		full = errors.Is(err, errSpoolFull)
		if s.worker.ctx.Err() != nil {
			s.queue.finish(b, context.Cause(s.worker.ctx))
			return
		}
		s.rest(pause)
		s.tidy()
	}
}

// encode returns the lines of those events of a batch that are not delivered yet, and
// the index of the first one.
func (s *spooler) encode(b *batch) (lines []byte, from int) {
	s.queue.mu.Lock()
	from = b.settled
	s.queue.mu.Unlock()
	for _, entry := range b.appendEntries(nil)[from:] {
		lines = append(entry.AppendJSON(lines), '\n')
	}
	return lines, from
}

// wanted reports whether a batch is still to be kept. If the spooler has stood down,
// the worker gets it back.
func (s *spooler) wanted(b *batch) bool {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	if !b.finished && !s.on {
		s.returned = b
	}
	return !b.finished && s.on
}

// publish lets the worker read a batch that was appended from an event on, and
// finishes it.
func (s *spooler) publish(b *batch, from int) {
	q := s.queue
	q.mu.Lock()
	if b.events > from {
		if !s.pending() {
			s.since = b.opened
		}
		live := s.segments[len(s.segments)-1]
		live.end = s.log.size
		kept := newTally(b.events-from, countBetween(b.gaps, from, b.events))
		live.held.count(kept)
		s.appended.count(kept)
		// The worker has delivered these meanwhile, and will not read them.
		late := newTally(b.settled-from, countBetween(b.gaps, from, b.settled))
		s.settled.count(late)
		q.stats.Spooled += kept.less(late).events
		b.spooled = true
	}
	if b.flushed != nil && !b.finished {
		s.marks = append(s.marks, mark{s.appended.lines, b.flushed})
		b.flushed = nil
	}
	s.resolveMarks()
	q.mu.Unlock()
	q.finish(b, nil)
}

// rest waits before the next attempt to append.
func (s *spooler) rest(pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.wake:
	case <-s.worker.ctx.Done():
	}
}
