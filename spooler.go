package audit

import (
	"context"
	"errors"
	"fmt"
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

// Why the worker gives something up that is in the spool.
var (
	errSpooled = errors.New("it is in the spool")
	errAllSafe = errors.New("everything is in the spool")
)

// errNotDelivered is what a Flush gets that waits for what stays in the spool.
var errNotDelivered = fmt.Errorf("%w: what was not delivered is in the spool", ErrClosed)

// tookOver reports whether what the worker is trying to write is in the spool now.
func (s *spooler) tookOver() bool {
	if s == nil {
		return false
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	took := s.sending != nil && s.sending.place != nil
	if took {
		s.sending = nil // what becomes of the spool is not the worker's affair any more
	}
	return took
}

// forget is called when a batch that the worker has alone is delivered: the spooler must not
// take it any more, nor what it is used for next. The queue is locked.
func (s *spooler) forget(b *batch) {
	if s.sending == b {
		s.sending = nil
	}
}

// takeBack is called when another program has cut a segment to size bytes. If what the
// worker is trying to write was there, it is in memory alone now. The queue is locked.
func (s *spooler) takeBack(of *segment, size int64) bool {
	if s == nil || s.sending == nil || s.sending.place == nil {
		return false
	}
	b, p := s.sending, s.sending.place
	if p.segment != of || p.ends[len(p.ends)-1] <= size {
		return false
	}
	left := b.count(b.settled, b.events)
	s.takeOff(of, left)
	s.queue.stats.Spooled -= left
	next := of.at == p.lineStart(b.settled)
	b.place = nil
	return next
}

// allSafe reports whether the logger shuts down and may do so: everything that was
// not delivered is in the spool.
func (s *spooler) allSafe() bool {
	if s == nil {
		return false
	}
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	inMemory := s.sending != nil && s.sending.place == nil
	return s.queue.closing && s.queue.oldest == nil && !inMemory
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
	if !s.failing && s.read == s.written {
		s.on = false
	}
}

// delivered is called when the worker is done with what it has read from the spool.
func (s *spooler) delivered() {
	s.queue.mu.Lock()
	defer s.queue.mu.Unlock()
	s.pass()
	poke(s.wake) // files that are delivered can be deleted
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
	for _, mark := range s.marks {
		mark.ack.resolve(errNotDelivered)
	}
	s.marks = nil
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
		next = turn{finished: s.ending}
	case s.sending != nil && !s.sending.finished:
		next = turn{batch: s.sending}
		s.sending.shared = true
	default:
		next = s.take()
		next.finished = next.finished && s.ending
	}
	s.busy = next.batch != nil
	poke(s.back) // the worker may have been meant by what woke the spooler
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
	lines, place := s.encode(b)
	full := false
	for pause := firstPause; s.wanted(b); pause = min(2*pause, longestPause) {
		var err error
		if len(lines) > 0 { // it is no mere Flush
			err = s.append(lines)
		}
		if err == nil {
			s.publish(b, place)
			return
		}
		if !full || !errors.Is(err, errSpoolFull) {
			s.worker.failed("spool", b.events, err)
		}
		full = errors.Is(err, errSpoolFull)
		if s.worker.ctx.Err() != nil {
			s.queue.finish(b, 0, context.Cause(s.worker.ctx))
			return
		}
		s.rest(pause)
		s.tidy()
	}
}

// encode returns the lines of those events of a batch that are not delivered yet, and
// where they would be in an empty segment.
func (s *spooler) encode(b *batch) (lines []byte, _ *place) {
	s.queue.mu.Lock()
	p := &place{from: b.settled}
	s.queue.mu.Unlock()
	for _, entry := range b.appendEntries(nil)[p.from:] {
		lines = append(entry.AppendJSON(lines), '\n')
		p.ends = append(p.ends, int64(len(lines)))
	}
	return lines, p
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

// publish lets the worker read what was appended of a batch, and finishes it.
func (s *spooler) publish(b *batch, p *place) {
	q := s.queue
	q.mu.Lock()
	if b.events > p.from {
		s.extend(b, p)
	}
	if b.flushed != nil && !b.finished {
		s.addMark(b.flushed)
		b.flushed = nil
	}
	s.resolveMarks()
	q.mu.Unlock()
	q.finish(b, 0, nil)
}

// extend counts what was appended of a batch. The queue is locked.
func (s *spooler) extend(b *batch, p *place) {
	live := s.segments[len(s.segments)-1]
	p.start = s.log.size - p.ends[len(p.ends)-1]
	for i := range p.ends {
		p.ends[i] += p.start
	}
	for _, i := range b.gaps {
		if i >= p.from {
			live.gaps = append(live.gaps, p.lineStart(i))
		}
	}
	if !s.pending() {
		s.since = b.opened
	}
	if live.born.IsZero() {
		live.born = b.opened
	}
	s.written += s.log.size - live.end
	live.end = s.log.size
	live.events += b.count(p.from, b.events)
	p.segment, b.place = live, p
	s.queue.stats.Spooled += b.count(b.settled, b.events)
	// The worker has delivered these meanwhile, and need not read them.
	s.skip(b, p.from, b.settled)
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
