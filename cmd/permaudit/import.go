package main

import (
	"context"
	"iter"

	"github.com/permaudit/audit"
)

// batchEvents is how many events are looked up and written at once.
const batchEvents = 2048

// copying copies events to a destination.
type copying struct {
	destination *destination
	ids         *idMaker
	batch       []audit.PermissionAuditEvent

	read         int64
	added, there int64 // added were handed over, some of which may be refused
}

func (c *copying) copy(ctx context.Context, events iter.Seq2[audit.PermissionAuditEvent, error]) error {
	for event, err := range events {
		switch {
		case isDamage(err):
			continue
		case err != nil:
			return err
		}
		c.read++
		if event.ID.IsZero() {
			event.ID = c.ids.id(event)
		}
		c.batch = append(c.batch, event)
		if len(c.batch) == batchEvents {
			if err := c.write(ctx); err != nil {
				return err
			}
		}
	}
	if err := c.write(ctx); err != nil {
		return err
	}
	return c.destination.flush(ctx)
}

// write writes those events of the batch that are not there yet.
func (c *copying) write(ctx context.Context) error {
	if len(c.batch) == 0 {
		return nil
	}
	added, there, err := c.destination.add(ctx, c.batch)
	c.added += added
	c.there += there
	clear(c.batch)
	c.batch = c.batch[:0]
	return err
}
