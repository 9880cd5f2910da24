package audit

import "container/list"

// roomWaiter is a Record that waits for room. Who makes the room puts its event
// into the queue for it.
type roomWaiter struct {
	event    *encoder
	durable  bool          // it will wait for the ack too
	place    *list.Element // in queue.waiting
	done     chan struct{} // closed by whoever decides, under the lock
	accepted receipt
	err      error
}

func (q *queue) hasRoom(e *encoder) bool {
	return q.events == 0 ||
		q.events < q.options.QueueSize && q.bytes+int64(q.size(e)) <= q.options.QueueBytes
}

// admit queues the events of those who wait for room, in their order, as far as
// there is room.
func (q *queue) admit() {
	for next := q.waiting.Front(); next != nil; next = q.waiting.Front() {
		room := next.Value.(*roomWaiter)
		if !q.hasRoom(room.event) {
			q.hurry()
			return
		}
		q.waiting.Remove(next)
		room.accepted = q.accept(room.event, room.durable)
		close(room.done)
	}
}

// leave takes a Record that does not want to wait any longer out of the line. It
// reports whether that was in time: otherwise its event has been decided on.
func (q *queue) leave(room *roomWaiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-room.done:
		return false
	default:
	}
	q.waiting.Remove(room.place)
	q.stats.Refused++
	q.admit() // there may be room for the next one, if not for this
	return true
}
