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

// memorySink keeps the contract of a sink until its hooks break it.
type memorySink struct {
	memory

	known map[audit.EventID]bool // what is stored

	write func(s *memorySink, ctx context.Context, batch []audit.Entry) error // nil: store
	close func() error                                                        // nil: nothing
}

func (s *memorySink) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	if s.write != nil {
		return s.write(s, ctx, batch)
	}
	return s.store(ctx, batch)
}

// store is the correct WriteBatch.
func (s *memorySink) store(ctx context.Context, batch []audit.Entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	events, err := decode(batch)
	if err != nil {
		return err
	}
	s.add(s.fresh(events))
	return nil
}

func decode(batch []audit.Entry) ([]audit.PermissionAuditEvent, error) {
	events := make([]audit.PermissionAuditEvent, len(batch))
	for i := range batch {
		var err error
		if events[i], err = batch[i].Event(); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// fresh are those of the events that are not stored, each once.
func (s *memorySink) fresh(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := map[audit.EventID]bool{}
	var fresh []audit.PermissionAuditEvent
	for _, event := range events {
		if !s.known[event.ID] && !seen[event.ID] {
			seen[event.ID] = true
			fresh = append(fresh, event)
		}
	}
	return fresh
}

// add appends all of the events at once.
func (s *memorySink) add(events []audit.PermissionAuditEvent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, events...)
	if s.known == nil {
		s.known = map[audit.EventID]bool{}
	}
	for _, event := range events {
		s.known[event.ID] = true
	}
}

func (s *memorySink) Close() error {
	if s.close != nil {
		return s.close()
	}
	return nil
}

// closing has Close alone.
type closing struct {
	*memory

	close func() error
}

func (l closing) Close() error { return l.close() }
