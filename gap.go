package audit

import (
	"context"
	"time"
)

// gap is a stretch of dropped events.
type gap struct {
	events       uint64
	since, until time.Time
}

// drop counts an event that OverflowDrop does not take.
func (q *queue) drop(e *encoder) {
	q.stats.Recorded++
	q.stats.Dropped++
	if e.sanitized != nil {
		q.stats.Sanitized++
	}
	now := time.Now()
	if q.dropped.events++; q.dropped.events == 1 {
		q.dropped.since = now
		q.hurry()
	}
	q.dropped.until = now
}

// addGap queues the event that says what was dropped. There is always room for it.
func (q *queue) addGap() {
	dropped := q.dropped
	q.dropped = gap{}
	e := newEncoder()
	defer e.free()
	event := PermissionAuditEvent{
		Action: ActionGap, Granted: true, Timestamp: dropped.until,
		Metadata: map[string]any{
			"dropped":      dropped.events,
			MetadataReason: ErrQueueFull.Error(),
			"since":        string(appendTime(nil, dropped.since.UTC())),
			"until":        string(appendTime(nil, dropped.until.UTC())),
		},
	}
	if err := e.encode(context.Background(), &event, NoRedaction); err != nil {
		panic(err) // only an action can be refused
	}
	if q.lines {
		e.line = append(e.appendLine(e.line[:0]), '\n')
	}
	b := q.add(e)
	b.gaps = append(b.gaps, b.events-1)
	q.gaps++
	q.sealIfFull(b)
}
