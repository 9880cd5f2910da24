package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// memorySink keeps what it is given. It obeys the contract of Sink, unless write
// says otherwise.
type memorySink struct {
	write  func(ctx context.Context, batch []audit.Entry) error // nil: keep
	onStop func() error

	mu      sync.Mutex
	batches [][]audit.Entry
	ids     map[audit.EventID]bool
	closed  int
	writing bool
}

func (s *memorySink) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	s.enter()
	defer s.leave()
	if s.write != nil {
		return s.write(ctx, batch)
	}
	s.keep(batch)
	return nil
}

// enter panics when two calls overlap, which no test survives.
func (s *memorySink) enter() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing || s.closed > 0 {
		panic("the sink is called concurrently, or after Close")
	}
	s.writing = true
}

func (s *memorySink) leave() {
	s.mu.Lock()
	s.writing = false
	s.mu.Unlock()
}

// keep copies a batch, but for what it has already.
func (s *memorySink) keep(batch []audit.Entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ids == nil {
		s.ids = map[audit.EventID]bool{}
	}
	var kept []audit.Entry
	for _, entry := range batch {
		if s.ids[entry.ID] {
			continue
		}
		s.ids[entry.ID] = true
		entry.Attributes, entry.Permissions = bytes.Clone(entry.Attributes), bytes.Clone(entry.Permissions)
		entry.Metadata, entry.Sanitized = bytes.Clone(entry.Metadata), bytes.Clone(entry.Sanitized)
		kept = append(kept, entry)
	}
	s.batches = append(s.batches, kept)
}

func (s *memorySink) Close() error {
	s.mu.Lock()
	if s.writing {
		panic("Close is called while WriteBatch runs")
	}
	s.closed++
	s.mu.Unlock()
	if s.onStop != nil {
		return s.onStop()
	}
	return nil
}

// entries are all that was kept, in order.
func (s *memorySink) entries() []audit.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []audit.Entry
	for _, batch := range s.batches {
		all = append(all, batch...)
	}
	return all
}

// managers are the managers of all that was kept, in order; "gap" for gap events.
func (s *memorySink) managers() []string {
	names := []string{}
	for _, entry := range s.entries() {
		if entry.Action == audit.ActionGap {
			names = append(names, "gap")
			continue
		}
		names = append(names, entry.Manager)
	}
	return names
}

func (s *memorySink) sizes() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	sizes := []int{}
	for _, batch := range s.batches {
		sizes = append(sizes, len(batch))
	}
	return sizes
}

// granted is an event that is not critical; its manager tells it from others.
func granted(manager string) audit.PermissionAuditEvent {
	return audit.PermissionAuditEvent{Action: audit.ActionRead, Granted: true, Manager: manager, UserID: "7"}
}

// denied is a critical event.
func denied(manager string) audit.PermissionAuditEvent {
	event := granted(manager)
	event.Granted = false
	return event
}

// named are the names that a test gives to n events.
func named(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("m", i)
	}
	return names
}

// quiet fails the test when OnError is called.
func quiet(t *testing.T) func(error) {
	return func(err error) { t.Errorf("OnError: %v", err) }
}

// ignored is an OnError for tests in which errors are expected.
func ignored(error) {}

func newBuffered(t *testing.T, sink audit.Sink, options audit.BufferOptions) *audit.BufferedAuditLogger {
	t.Helper()
	if options.OnError == nil {
		options.OnError = quiet(t)
	}
	sampled := &sampling{Sink: sink, t: t}
	logger, err := audit.NewBufferedAuditLogger(sampled, &options)
	require.NoError(t, err)
	sampled.begin(logger)
	return logger
}

// sampling is a sink that asks for the Stats of its logger around every call.
type sampling struct {
	audit.Sink

	t      *testing.T
	logger atomic.Value // of a counted
}

type counted interface{ Stats() audit.Stats }

// begin says whose sink it is. The test ends with a last look.
func (s *sampling) begin(logger counted) {
	s.logger.Store(logger)
	s.t.Cleanup(s.sample)
}

func (s *sampling) sample() {
	if logger, ok := s.logger.Load().(counted); ok {
		if err := faults.Balance(logger.Stats()); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *sampling) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	s.sample()
	defer s.sample()
	return s.Sink.WriteBatch(ctx, batch)
}

// requireLedger checks the equation that always holds.
func requireLedger(t *testing.T, stats audit.Stats) {
	t.Helper()
	require.NoError(t, faults.Balance(stats))
}
