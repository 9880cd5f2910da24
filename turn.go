package audit

import "time"

// turn is what the worker, or the spooler, has to do now: one of the first three, or
// to wait.
type turn struct {
	batch    *batch // is to be written
	spooled  bool   // something in the spool is to be delivered
	finished bool   // the queue is closed and empty

	in        time.Duration // until there is a batch, perhaps, if nothing happens before; negative: for ever
	elsewhere bool          // the batches are somebody else's
}

// turn returns what the worker has to do.
func (q *queue) turn() turn {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.spooler != nil {
		return q.spooler.workersTurn()
	}
	return q.take()
}

// take takes the next batch to write off the queue.
func (q *queue) take() turn {
	select {
	case b := <-q.sealed:
		return turn{batch: b}
	default:
	}
	b := q.open
	if in := q.company.wait(b); in > 0 && !q.closing {
		return turn{in: in}
	}
	if b == nil {
		return turn{in: -1, finished: q.closing}
	}
	in := time.Until(b.opened.Add(q.options.FlushInterval))
	if b.urgent || b.waiters > 0 || q.closing || in <= 0 {
		q.open = nil
		return turn{batch: b}
	}
	return turn{in: in}
}
