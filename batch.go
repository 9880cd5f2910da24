package audit

import (
	"sync/atomic"
	"time"
)

// batch collects encoded events, either as lines or as the columns of entries.
type batch struct {
	json    []byte   // the lines, each with its LF; or the JSON columns
	text    []byte   // the text columns
	records []record // what is where, if it holds columns
	events  int      // how many; gap events too
	gaps    []int    // which of them are gap events
	size    int64    // what those that are none take up in the queue

	opened  time.Time // when the first event came
	urgent  bool      // it is to be written before FlushInterval passes, and waits for nobody
	waiters int       // Records that wait until it is durable
	ack     *ack      // of those who wait until it is durable; nil while nobody does
	flushed *ack      // the same, until it is delivered; the sink is to be flushed then
	next    *batch    // younger neighbour among the unfinished batches

	finished bool   // it is not in the queue any more
	shared   bool   // the worker and the spooler have it
	settled  int    // up to which event it is delivered
	place    *place // in the spool; nil: it is not there
}

// record is the part of an event that is not bytes, and the lengths of those that
// are. The columns of a batch lie behind one another in this order.
type record struct {
	id                EventID
	time              time.Time
	granted, bypassed bool

	action, manager, userID, user                uint32
	attributes, permissions, metadata, sanitized uint32
}

// ack tells those who wait for a batch how it went. It is made for the first of
// them.
type ack struct {
	waiting atomic.Int32 // how many Flushes do

	done chan struct{} // closed by the worker, which sets the rest before
	err  error         // why the batch was given up
	dead map[int]error // why single events were, by their index
}

func newAck() *ack { return &ack{done: make(chan struct{})} }

// resolve tells those who wait for a, which may be nil, how it went.
func (a *ack) resolve(err error) {
	if a != nil {
		a.err = err
		close(a.done)
	}
}

func (a *ack) result(index int) error {
	if a.err != nil {
		return a.err
	}
	return a.dead[index]
}

// emptied returns b as a new batch with the memory that it has; nil if that is too much.
func (b *batch) emptied() *batch {
	if cap(b.json)+cap(b.text) > 2*MaxBatchBytes {
		return nil
	}
	*b = batch{json: b.json[:0], text: b.text[:0], records: b.records[:0], gaps: b.gaps[:0]}
	return b
}

func (b *batch) bytes() int { return len(b.json) + len(b.text) }

// waiter returns b's ack, for one who will wait for it.
func (b *batch) waiter() *ack {
	b.waiters++
	if b.ack == nil {
		b.ack = newAck()
	}
	return b.ack
}

func (b *batch) addLine(line []byte) {
	if needed := len(b.json) + len(line); needed > cap(b.json) { // append would grow it in smaller steps, and too far
		b.json = append(make([]byte, 0, max(needed, min(max(2*cap(b.json), 4<<10), MaxBatchBytes))), b.json...)
	}
	b.json = append(b.json, line...)
	b.events++
}

func (b *batch) addColumns(p *parts) {
	b.records = append(b.records, record{
		id: p.id, time: p.time, granted: p.granted, bypassed: p.bypassed,
		action: length(p.action), manager: length(p.manager), userID: length(p.userID), user: length(p.user),
		attributes: length(p.attributes), permissions: length(p.permissions),
		metadata: length(p.metadata), sanitized: length(p.sanitized),
	})
	b.text = append(b.text, p.action...)
	b.text = append(b.text, p.manager...)
	b.text = append(b.text, p.userID...)
	b.text = append(b.text, p.user...)
	b.json = append(b.json, p.attributes...)
	b.json = append(b.json, p.permissions...)
	b.json = append(b.json, p.metadata...)
	b.json = append(b.json, p.sanitized...)
	b.events++
}

// length is that of a part of an event, which MaxLineBytes bounds.
func length[T string | []byte](part T) uint32 { return uint32(len(part)) } //nolint:gosec // G115: see above

// appendEntries appends the entries of a batch of columns. They share one string
// for their texts, and b's memory for the rest.
func (b *batch) appendEntries(entries []Entry) []Entry {
	text, json := string(b.text), b.json
	cutText := func(n uint32) (s string) {
		s, text = text[:n], text[n:]
		return s
	}
	cutJSON := func(n uint32) (column []byte) {
		if n == 0 {
			return nil
		}
		column, json = json[:n:n], json[n:]
		return column
	}
	for i := range b.records {
		r := &b.records[i]
		entries = append(entries, Entry{
			ID: r.id, Timestamp: r.time, Granted: r.granted, Bypassed: r.bypassed,
			Action:  Action(cutText(r.action)),
			Manager: cutText(r.manager), UserID: cutText(r.userID), User: cutText(r.user),
			Attributes: cutJSON(r.attributes), Permissions: cutJSON(r.permissions),
			Metadata: cutJSON(r.metadata), Sanitized: cutJSON(r.sanitized),
		})
	}
	return entries
}

// count counts the events from index from up to index to that are no gap events.
func (b *batch) count(from, to int) uint64 { return uint64(to - from - countBetween(b.gaps, from, to)) } //nolint:gosec // G115: never negative

// countBetween counts the indexes from from up to to.
func countBetween(indexes []int, from, to int) int {
	n := 0
	for _, i := range indexes {
		if i >= from && i < to {
			n++
		}
	}
	return n
}
