package audit

import (
	"context"
	"fmt"
)

// handOver replaces the logger that the loader built by one of plan p that wants the
// same file. The old one has to let go of it first; events that are emitted
// meanwhile wait. If the new one cannot be built all the same, the old plan is
// carried out again.
func handOver(ctx context.Context, p plan) (AuditLogger, error) {
	before := loader
	t := &transition{ready: make(chan struct{})}
	if current.Load() == before.config {
		ConfigureAuditLogger(t)
	}
	lost := shutdownOwned(ctx, before.owned)
	if lost != nil {
		lost = fmt.Errorf("audit: shut down the replaced logger: %w", lost)
	}
	logger, err := p.build(ctx)
	if err == nil {
		t.end(logger)
		swap(p, logger)
		return logger, lost
	}
	restored, failed := before.plan.build(ctx)
	if failed != nil {
		restored = before.owned // closed: events get ErrClosed, not silence
	}
	t.end(restored)
	swap(before.plan, restored)
	return nil, &SettingsError{Err: join(err, lost, failed)}
}

// transition is the logger while one replaces another.
type transition struct {
	ready chan struct{} // closed when next is set
	next  AuditLogger
}

func (t *transition) end(next AuditLogger) {
	t.next = next
	close(t.ready)
}

// Record waits for the next logger.
func (t *transition) Record(ctx context.Context, event PermissionAuditEvent) error {
	select {
	case <-t.ready:
		return t.next.Record(ctx, event)
	case <-ctx.Done():
		return fmt.Errorf("%w: the logger is being replaced: %w", ErrQueueFull, context.Cause(ctx))
	}
}

// Flush waits for the next logger.
func (t *transition) Flush(ctx context.Context) error {
	select {
	case <-t.ready:
		return flushLogger(ctx, t.next)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
