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
	b, company := q.open, q.company.wait(q.open)
	switch {
	case b == nil && company > 0 && !q.closing:
		return turn{in: company}
	case b == nil:
		return turn{in: -1, finished: q.closing}
	}
	in := time.Until(b.opened.Add(q.options.FlushInterval))
	switch {
	case company > 0 && b.waiters == b.events: // FlushInterval is for those nobody waits for
		in = company
	case company > 0:
		in = min(in, company)
	case b.waiters > 0:
		in = 0
	}
	if b.urgent || q.closing || in <= 0 {
		q.open, q.company.wanted = nil, 0
		return turn{batch: b}
	}
	return turn{in: in}
}
