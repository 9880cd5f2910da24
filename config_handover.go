package audit

import (
	"context"
	"fmt"
	"time"
)

// restoreTimeout bounds the attempt to build the old logger again.
const restoreTimeout = 10 * time.Second

// handOver replaces the logger that the loader built by one of plan p that wants the
// same file. The old one has to let go of it first; events that are emitted
// meanwhile wait. If the new one cannot be built all the same, the old plan is
// carried out again.
func handOver(ctx context.Context, p plan) (AuditLogger, error) {
	before := loader
	t := &transition{ready: make(chan struct{})}
	held := &configuration{t}
	// Unless somebody else configured another logger since, which then stays until
	// the new one is there.
	current.CompareAndSwap(before.config, held)
	lost := shutdownOwned(ctx, before.owned)
	logger, err := p.open(ctx)
	if err == nil {
		t.end(logger)
		swap(p, logger)
		return logger, lost
	}

	restoring, cancel := context.WithTimeout(context.WithoutCancel(ctx), restoreTimeout)
	defer cancel()
	restored, failed := before.plan.open(restoring)
	loader = loaded{plan: before.plan, owned: restored}
	if failed != nil {
		restored = before.owned // closed: events get ErrClosed, not silence
		loader = loaded{}       // the next load builds, whatever its settings are
	}
	loader.config = &configuration{restored}
	t.end(restored)
	current.CompareAndSwap(held, loader.config)
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

// wait waits for the next logger.
func (t *transition) wait(ctx context.Context) error {
	select {
	case <-t.ready:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the logger is being replaced: %w", context.Cause(ctx))
	}
}

func (t *transition) Record(ctx context.Context, event PermissionAuditEvent) error {
	event.stamp()
	if err := t.wait(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrQueueFull, err)
	}
	return t.next.Record(ctx, event)
}

func (t *transition) Flush(ctx context.Context) error {
	if err := t.wait(ctx); err != nil {
		return fmt.Errorf("audit: flush: %w", err)
	}
	return flushLogger(ctx, t.next)
}

func (t *transition) Shutdown(ctx context.Context) error {
	if err := t.wait(ctx); err != nil {
		return fmt.Errorf("audit: shut down: %w", err)
	}
	return shutdownLogger(ctx, t.next)
}
