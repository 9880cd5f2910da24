package audit

import (
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"
)

// queue holds the events between Record and the worker. They collect in the open
// batch; a full one is sealed and goes through the channel. The worker takes the
// open batch itself when somebody waits for it or its time has come, so that
// while one batch is being written the next one fills.
//
// The lock is held to copy bytes and to count, never to encode, write or wait.
type queue struct {
	options BufferOptions
	lines   bool // batches hold lines, not columns

	spooler *spooler // nil: there is no spool

	sealed chan *batch   // full batches in order; never blocks the sender, see newQueue
	wake   chan struct{} // capacity 1: the state of the open batch has changed, or the queue is closing
	ended  chan struct{} // closed when the shutdown is over; who waits for an ack then waits in vain
	result error         // of the shutdown; set before ended is closed

	mu       sync.Mutex
	open     *batch // the youngest; nil if there is none
	oldest   *batch // the batches that are not finished: a list from here to youngest
	youngest *batch
	spare    []*batch   // empty ones, for reuse
	events   int        // in the queue, gap events not counted
	bytes    int64      // that they take up
	waiting  *list.List // of *roomWaiter: those who wait for room, in order
	company  groupCommit
	dropped  gap // since the last gap event
	gaps     int // gap events in the queue: one at most, or they would make each other room
	closing  bool
	stats    Stats
}

func newQueue(options BufferOptions, lines bool) *queue {
	// How many full batches can there be at once? Those that are full by number
	// hold BatchSize events each; of those that are full by size, two in a row
	// hold more than MaxBatchBytes; and each holds an event. There is at most one
	// gap event in the queue. The options are bounded: nothing overflows.
	byNumber := int64(options.QueueSize/options.BatchSize) + 2
	bySize := 2*(options.QueueBytes/MaxBatchBytes) + 4
	full := min(byNumber+bySize, int64(options.QueueSize)+2)
	return &queue{
		options: options, lines: lines,
		sealed:  make(chan *batch, 2*full),
		wake:    make(chan struct{}, 1),
		ended:   make(chan struct{}),
		waiting: list.New(),
	}
}

// submit encodes event and queues it, and never waits: not for room either. In a dry
// run it does nothing.
func (q *queue) submit(ctx context.Context, event *PermissionAuditEvent) (receipt, error) {
	if isDry(ctx) {
		return receipt{}, nil
	}
	e := newEncoder()
	if err := e.encode(ctx, event, q.options.Redact); err != nil {
		e.free()
		q.refuse()
		return receipt{}, err
	}
	if q.lines {
		e.line = append(e.appendLine(e.line[:0]), '\n')
	}
	critical := event.critical()
	durable := q.options.Ack == AckDurable || q.options.Ack == AckCritical && critical

	q.mu.Lock()
	switch {
	case q.closing:
		q.stats.Refused++
		q.mu.Unlock()
		e.free()
		return receipt{}, ErrClosed
	case q.waiting.Len() == 0 && q.hasRoom(e):
		accepted := q.accept(e, durable)
		q.mu.Unlock()
		e.free()
		if accepted.ack == nil {
			return receipt{}, nil // nothing is left to wait for
		}
		return accepted.bounded(), nil
	case q.options.Overflow == OverflowDrop && !critical:
		q.drop(e)
		q.mu.Unlock()
		e.free()
		return receipt{}, fmt.Errorf("%w: dropped by policy", ErrQueueFull)
	}
	room := &roomWaiter{event: e, durable: durable, done: make(chan struct{})}
	room.place = q.waiting.PushBack(room)
	q.hurry()
	q.mu.Unlock()
	return receipt{queue: q, room: room}.bounded(), nil
}

func (q *queue) refuse() {
	q.mu.Lock()
	q.stats.Refused++
	q.mu.Unlock()
}

// size is what e takes up in a batch.
func (q *queue) size(e *encoder) int {
	if q.lines {
		return len(e.line)
	}
	return e.size()
}

// accept queues an event for which there is room.
func (q *queue) accept(e *encoder, durable bool) receipt {
	b := q.add(e)
	accepted := receipt{queue: q, index: b.events - 1}
	q.events++
	q.bytes += int64(q.size(e))
	b.size += int64(q.size(e))
	q.stats.Recorded++
	q.stats.Pending++
	if e.sanitized != nil {
		q.stats.Sanitized++
	}
	if durable {
		accepted.ack = b.waiter()
		if q.company.complete(b) {
			q.signal()
		}
	}
	q.sealIfFull(b)
	return accepted
}

// add appends an event to the open batch, or to a new one if it does not fit.
func (q *queue) add(e *encoder) *batch {
	if q.open != nil && q.open.events > 0 && q.open.bytes()+q.size(e) > MaxBatchBytes {
		q.seal()
	}
	b := q.ensureOpen()
	if b.events == 0 {
		b.opened = time.Now()
		if q.company.wanted == 0 {
			q.signal() // the worker watches its time; it does already while company is wanted
		}
	}
	if q.lines {
		b.addLine(e.line)
	} else {
		b.addColumns(&e.parts)
	}
	return b
}

// ensureOpen returns the open batch.
func (q *queue) ensureOpen() *batch {
	if q.open == nil {
		q.open = q.newBatch()
		q.open.opened = time.Now()
		if q.youngest == nil {
			q.oldest = q.open
		} else {
			q.youngest.next = q.open
		}
		q.youngest = q.open
	}
	return q.open
}

// newBatch returns an empty batch.
func (q *queue) newBatch() *batch {
	last := len(q.spare) - 1
	if last < 0 {
		return new(batch)
	}
	b := q.spare[last]
	q.spare = q.spare[:last]
	return b
}

// mostSpare is how many batches are kept for new ones. A sync.Pool would lose them with
// every second collection of garbage, most of which would be the new ones then.
const mostSpare = 8

// free keeps a batch that is finished for a new one.
func (q *queue) free(b *batch) {
	if len(q.spare) < mostSpare {
		if b := b.emptied(); b != nil {
			q.spare = append(q.spare, b)
		}
	}
}

func (q *queue) sealIfFull(b *batch) {
	if b.events >= q.options.BatchSize {
		q.seal()
	}
}

func (q *queue) seal() {
	q.sealed <- q.open
	q.open = nil
	if q.spooler != nil {
		q.signal() // sealed has two receivers then, who look into it under the lock
	}
}

func (q *queue) signal() { poke(q.wake) }

// hurry has the open batch written without waiting for FlushInterval, since there
// is no room beside it.
func (q *queue) hurry() {
	if q.open != nil {
		q.open.urgent = true
		q.signal()
	}
}

// settle counts events of a batch as written or, with dead, as dead letters; without
// a batch those that were read from the spool.
func (q *queue) settle(b *batch, from, to int, dead error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var gaps int
	if b == nil {
		gaps = countBetween(q.spooler.gaps, from, to)
	} else {
		gaps = countBetween(b.gaps, from, to)
	}
	events := uint64(to - from - gaps) //nolint:gosec // G115: never negative
	q.stats.Gaps += uint64(gaps)       //nolint:gosec // G115: the same
	q.stats.Pending -= events
	if dead == nil {
		q.stats.Written += events
		q.stats.LastWrite = time.Now()
	} else {
		q.stats.DeadLettered += events
	}
	if b == nil {
		q.stats.Spooled -= events
		return
	}
	b.settled = to
	if b.place != nil {
		q.stats.Spooled -= events
		q.spooler.skip(b, from, to)
		poke(q.spooler.wake) // it can be deleted
		return
	}
	if dead != nil && b.ack != nil && !b.finished {
		if b.ack.dead == nil {
			b.ack.dead = make(map[int]error)
		}
		b.ack.dead[from] = dead
	}
}

// finish gives back the room of a batch that is delivered, which took so long, or in the
// spool, or was given up, which err says; tells those who wait for it, and lets those in
// who wait for room. Nothing happens if it was finished before.
func (q *queue) finish(b *batch, took time.Duration, err error) {
	q.mu.Lock()
	if b.finished {
		q.mu.Unlock()
		return
	}
	b.finished = true
	q.company.expect(b.waiters, min(took, q.options.FlushInterval), q.open)
	q.oldest = b.next
	if q.oldest == nil {
		q.youngest = nil
	}
	q.events -= b.events - len(b.gaps)
	q.bytes -= b.size
	q.gaps -= len(b.gaps)
	if q.dropped.events > 0 && q.gaps == 0 {
		q.addGap()
	}
	q.admit()
	ack, flushed, shared := b.ack, b.flushed, b.shared
	if q.spooler != nil && !shared {
		q.spooler.forget(b) // it is freed
	}
	if !shared {
		q.free(b)
	}
	q.mu.Unlock()
	ack.resolve(err)
	flushed.resolve(err)
}

// close turns away those who wait for room, and all who come later. It reports
// whether it was the first call.
func (q *queue) close() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return false
	}
	q.closing = true
	for next := q.waiting.Front(); next != nil; next = q.waiting.Front() {
		room := q.waiting.Remove(next).(*roomWaiter)
		room.err = ErrClosed
		q.stats.Refused++
		close(room.done)
	}
	q.signal()
	return true
}

// flush returns the ack of a batch after which the sink is flushed.
func (q *queue) flush() (*ack, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closing {
		return nil, ErrClosed
	}
	b := q.ensureOpen()
	b.urgent = true
	if b.flushed == nil {
		b.flushed = newAck()
	}
	b.flushed.waiting.Add(1)
	q.signal()
	return b.flushed, nil
}

// failed notes an error of the sink.
func (q *queue) failed(err error) {
	q.mu.Lock()
	q.stats.LastError, q.stats.LastErrorTime = err, time.Now()
	q.mu.Unlock()
}

func (q *queue) snapshot() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	stats := q.stats
	if stats.Spooled > 0 {
		stats.OldestPending = q.spooler.since
	}
	for b := q.oldest; b != nil && stats.OldestPending.IsZero(); b = b.next {
		if b.events > len(b.gaps) {
			stats.OldestPending = b.opened
		}
	}
	return stats
}
