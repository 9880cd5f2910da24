package audittest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// opening returns an open for TestSink: of sinks with the hooks of s.
func opening(s memorySinkHooks) func(testing.TB) (audit.Sink, query.Source) {
	return func(testing.TB) (audit.Sink, query.Source) {
		sink := &memorySink{write: s.write, close: s.close}
		sink.memory.read = s.read
		return sink, memorySource{&sink.memory}
	}
}

// memorySinkHooks are what breaks a memorySink.
type memorySinkHooks struct {
	write writeFunc
	close func() error
	read  func([]audit.PermissionAuditEvent) []audit.PermissionAuditEvent
}

type writeFunc = func(s *memorySink, ctx context.Context, batch []audit.Entry) error

func TestSinkAcceptsMemory(t *testing.T) { TestSink(t, opening(memorySinkHooks{})) }

// An error of unknown outcome is no excuse, but no fault either.
func TestSinkAcceptsUnknownOutcomes(t *testing.T) {
	committed := false
	TestSink(t, opening(memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
		if ctx.Err() != nil {
			if committed = !committed; committed {
				_ = s.store(context.WithoutCancel(ctx), batch)
			}
			return errors.New("the connection was lost")
		}
		return s.store(ctx, batch)
	}}))
}

// A pool may hand out a dead connection once more.
func TestSinkAcceptsAnErrorBehindACancelledWrite(t *testing.T) {
	dead := false
	got := runSinkCases(t, opening(memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
		if was := dead; was || ctx.Err() != nil {
			dead = !was
			return errors.New("the connection was lost")
		}
		return s.store(ctx, batch)
	}}))
	require.Empty(t, got.failed(), got.log())
}

// lineSink is no database.
type lineSink struct {
	file *os.File
	size int64
	seen map[audit.EventID]bool
}

func (s *lineSink) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var lines []byte
	fresh := map[audit.EventID]bool{}
	for i := range batch {
		if id := batch[i].ID; !s.seen[id] && !fresh[id] {
			fresh[id] = true
			lines = append(batch[i].AppendJSON(lines), '\n')
		}
	}
	n, err := s.file.WriteAt(lines, s.size)
	if err != nil {
		return errors.Join(err, s.file.Truncate(s.size))
	}
	s.size += int64(n)
	for id := range fresh {
		s.seen[id] = true
	}
	return nil
}

func (s *lineSink) Close() error { return s.file.Close() }

func TestSinkAcceptsLines(t *testing.T) {
	TestSink(t, func(tb testing.TB) (audit.Sink, query.Source) {
		path := filepath.Join(tb.TempDir(), "permission.log")
		file, err := os.Create(path)
		require.NoError(tb, err)
		return &lineSink{file: file, seen: map[audit.EventID]bool{}}, query.Files(path)
	})
}

func TestSinkClosesEachSinkOnceAtTheEnd(t *testing.T) {
	var opened []*memorySink
	closed := map[*memorySink]int{}
	got := runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) {
		sink := &memorySink{}
		sink.close = func() error { closed[sink]++; return nil }
		sink.write = func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
			require.Zero(t, closed[s])
			return s.store(ctx, batch)
		}
		opened = append(opened, sink)
		return sink, memorySource{&sink.memory}
	})
	require.Empty(t, got.failed(), got.log())
	require.Len(t, opened, len(sinkCases)+1, "Closes opens two")
	for _, sink := range opened {
		require.Equal(t, 1, closed[sink])
	}
}

func TestSinkWithoutSource(t *testing.T) {
	got := runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) { return &memorySink{}, nil })
	require.Empty(t, got.failed(), got.log())
	require.Equal(t, []string{"Delivers", "Order", "ReadsMeanwhile"}, got.skipped())
	for name, fake := range got {
		require.Contains(t, fake.log.String(), "let open return a query.Source too", name)
	}
	got = runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) {
		return &memorySink{write: func(*memorySink, context.Context, []audit.Entry) error { return errors.New("disk full") }}, nil
	}, "Repeated", "ContextDone")
	require.Equal(t, []string{"ContextDone", "Repeated"}, got.failed(), got.log())
}

func TestSinkWantsAnEmptySink(t *testing.T) {
	used := &memorySink{}
	got := runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) { return used, memorySource{&used.memory} })
	require.Contains(t, got.log(), "open must return a sink that has stored nothing")
	got = runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) { return nil, nil })
	require.Len(t, got.failed(), len(sinkCases))
	require.Contains(t, got.log(), "open returned no sink")
}

// What hostile events are for is to be repaired, at least some of them, and the sizes
// are those that they say.
func TestHostileEventsAreHostile(t *testing.T) {
	sizes := map[string]int{}
	repaired := 0
	for _, hostile := range hostileEvents() {
		entry := entryOf(t, hostile.event)
		sizes[hostile.what] = len(entry.Metadata)
		if entry.Sanitized != nil {
			repaired++
		}
	}
	require.GreaterOrEqual(t, repaired, 8)
	require.Equal(t, audit.MaxMetadataBytes, sizes["metadata of 64 KiB"])
	total := 0
	for _, event := range heavy() {
		entry := entryOf(t, event)
		require.Empty(t, entry.Sanitized)
		total += len(entry.AppendJSON(nil))
	}
	require.InDelta(t, audit.MaxBatchBytes, total, audit.MaxBatchBytes/16)
}
