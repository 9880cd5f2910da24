package audittest

import (
	"context"
	"sync"

	"github.com/permaudit/audit"
)

// memory keeps a contract until its hooks break it. Without hooks it is the
// synchronous logger that one writes in ten lines.
type memory struct {
	mu     sync.Mutex
	events []audit.PermissionAuditEvent

	record func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error // nil: keep
	read   func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent       // nil: all
}

func (m *memory) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	if m.record != nil {
		return m.record(m, ctx, event)
	}
	return m.keep(ctx, event)
}

// keep is the correct Record.
func (m *memory) keep(ctx context.Context, event audit.PermissionAuditEvent) error {
	if err := validate(event); err != nil {
		return err
	}
	m.append(event.Freeze(ctx))
	return nil
}

func validate(event audit.PermissionAuditEvent) error {
	if n := len(event.Action); n == 0 || n > audit.MaxActionBytes {
		return audit.ErrInvalidEvent
	}
	return nil
}

func (m *memory) append(event audit.PermissionAuditEvent) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.events = append(m.events, event)
}

func (m *memory) Events() []audit.PermissionAuditEvent {
	m.mu.Lock()
	defer m.mu.Unlock()
	events := append([]audit.PermissionAuditEvent(nil), m.events...)
	if m.read != nil {
		return m.read(events)
	}
	return events
}

// managed is memory with a lifecycle: it buffers until Flush or Shutdown.
type managed struct {
	memory

	state    sync.Mutex
	buffer   []audit.PermissionAuditEvent
	closed   bool
	answered bool // Shutdown was called before

	onRecord   func(l *managed, ctx context.Context, event audit.PermissionAuditEvent) error // nil: buffer
	onFlush    func(l *managed, ctx context.Context) error                                   // nil: deliver
	onShutdown func(l *managed, ctx context.Context) error                                   // nil: deliver and close
}

func (l *managed) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	if l.onRecord != nil {
		return l.onRecord(l, ctx, event)
	}
	return l.accept(ctx, event)
}

// accept is the correct Record.
func (l *managed) accept(ctx context.Context, event audit.PermissionAuditEvent) error {
	if err := validate(event); err != nil {
		return err
	}
	frozen := event.Freeze(ctx)
	l.state.Lock()
	defer l.state.Unlock()
	if l.closed {
		return audit.ErrClosed
	}
	l.buffer = append(l.buffer, frozen)
	return nil
}

// deliver is the correct Flush.
func (l *managed) deliver() {
	l.state.Lock()
	defer l.state.Unlock()
	for _, event := range l.buffer {
		l.append(event)
	}
	l.buffer = nil
}

func (l *managed) Flush(ctx context.Context) error {
	if l.onFlush != nil {
		return l.onFlush(l, ctx)
	}
	l.deliver()
	return nil
}

// shut is the correct Shutdown.
func (l *managed) shut() error {
	l.state.Lock()
	l.closed = true
	l.state.Unlock()
	l.deliver()
	return nil
}

func (l *managed) Shutdown(ctx context.Context) error {
	if l.onShutdown != nil {
		return l.onShutdown(l, ctx)
	}
	return l.shut()
}

// closing has Close alone.
type closing struct {
	*memory

	close func() error
}

func (l closing) Close() error { return l.close() }
