package audittest

import (
	"bytes"
	"context"
	"iter"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

func TestLoggerAcceptsRecorder(t *testing.T) {
	TestLogger(t, func(testing.TB) audit.AuditLogger { return NewRecorder() })
}

func TestLoggerAcceptsFileAuditLogger(t *testing.T) {
	for name, options := range map[string]*audit.FileOptions{
		"queued":   nil,
		"durable":  {Buffer: audit.BufferOptions{Ack: audit.AckDurable}},
		"critical": {Buffer: audit.BufferOptions{Ack: audit.AckCritical, QueueSize: 4}},
		"unsynced": {Sync: audit.SyncNone},
	} {
		t.Run(name, func(t *testing.T) {
			TestLogger(t, func(tb testing.TB) audit.AuditLogger {
				path := filepath.Join(tb.TempDir(), "permission.log")
				logger, err := audit.NewFileAuditLogger(path, options)
				require.NoError(tb, err)
				return WithSource(logger, query.Files(path))
			})
		})
	}
}

// withKeeper is a logger whose events are kept elsewhere.
type withKeeper struct {
	*audit.BufferedAuditLogger
	keeper
}

func TestLoggerAcceptsBufferedAuditLogger(t *testing.T) {
	TestLogger(t, func(tb testing.TB) audit.AuditLogger {
		sink := &memorySink{}
		logger, err := audit.NewBufferedAuditLogger(sink, nil)
		require.NoError(tb, err)
		return withKeeper{logger, sink}
	})
}

func TestLoggerAcceptsDatabaseAuditLogger(t *testing.T) {
	TestLogger(t, func(tb testing.TB) audit.AuditLogger {
		store := &memorySink{}
		logger, err := audit.NewDatabaseAuditLogger(store, nil)
		require.NoError(tb, err)
		return struct {
			*audit.DatabaseAuditLogger
			keeper
		}{logger, store}
	})
}

func TestLoggerAcceptsTheWrappers(t *testing.T) {
	for name, wrap := range map[string]func(testing.TB, audit.AuditLogger) audit.LifecycleLogger{
		"multi": func(_ testing.TB, logger audit.AuditLogger) audit.LifecycleLogger {
			return audit.MultiLogger(NewRecorder(), logger)
		},
		"filter": func(_ testing.TB, logger audit.AuditLogger) audit.LifecycleLogger {
			return audit.FilterLogger(logger, func(context.Context, audit.PermissionAuditEvent) bool { return true })
		},
		"sample": func(tb testing.TB, logger audit.AuditLogger) audit.LifecycleLogger {
			sample, err := audit.SampleLogger(logger, 1)
			require.NoError(tb, err)
			return sample
		},
	} {
		t.Run(name, func(t *testing.T) {
			TestLogger(t, func(tb testing.TB) audit.AuditLogger {
				sink := &memorySink{}
				logger, err := audit.NewBufferedAuditLogger(sink, nil)
				require.NoError(tb, err)
				return struct {
					audit.LifecycleLogger
					keeper
				}{wrap(tb, logger), sink}
			})
		})
	}
}

// stream decodes the lines that are written to it.
type stream struct {
	tb   testing.TB
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *stream) Events() []audit.PermissionAuditEvent {
	s.mu.Lock()
	defer s.mu.Unlock()
	var events []audit.PermissionAuditEvent
	for line := range strings.Lines(s.text.String()) {
		var event audit.PermissionAuditEvent
		require.NoError(s.tb, event.UnmarshalJSON([]byte(line)))
		events = append(events, event)
	}
	return events
}

func TestLoggerAcceptsWriterAuditLogger(t *testing.T) {
	TestLogger(t, func(tb testing.TB) audit.AuditLogger {
		out := &stream{tb: tb}
		logger, err := audit.NewWriterAuditLogger(out, &audit.BufferOptions{BatchSize: 3})
		require.NoError(tb, err)
		return withKeeper{logger, out}
	})
}

func TestLoggerAcceptsManagedLogger(t *testing.T) {
	TestLogger(t, func(testing.TB) audit.AuditLogger { return &managed{} })
}

func TestLoggerAcceptsTenLines(t *testing.T) {
	got := runLoggerCases(t, func(testing.TB) audit.AuditLogger { return &memory{} })
	require.Empty(t, got.failed(), got.log())
	require.Equal(t, []string{"FlushKeepsOpen", "RecordAfterShutdown", "ShutdownDrains", "ShutdownObeysContext", "ShutdownTwice"}, got.skipped())
	require.Contains(t, got["FlushKeepsOpen"].log.String(), "*audittest.memory has no Flush(context.Context) error")
	require.Contains(t, got["ShutdownDrains"].log.String(), "neither Shutdown(context.Context) error nor Close() error")
}

func TestLoggerSkipsWhatItCannotReadBack(t *testing.T) {
	got := runLoggerCases(t, func(testing.TB) audit.AuditLogger {
		return audit.AuditLoggerFunc((&memory{}).Record)
	})
	require.Empty(t, got.failed(), got.log())
	for _, name := range []string{"Delivers", "FillsIn", "KeepsNothing", "NullUserAndManager", "Once", "Order"} {
		require.Contains(t, got.skipped(), name)
		require.Contains(t, got[name].log.String(), "audittest.WithSource(logger, source)")
	}
	for _, name := range []string{"Concurrent", "ContextDone", "HostileMetadata", "HostileUser", "InvalidEvent"} {
		require.NotContains(t, got.skipped(), name)
		require.Contains(t, got[name].log.String(), "only errors and panics are checked")
	}
}

// memorySource is a source over what a memory holds at the moment.
type memorySource struct{ *memory }

func (s memorySource) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return query.Slice(s.memory.Events()).Events(ctx, f)
}

func TestWithSourceForwardsWhatTheLoggerHas(t *testing.T) {
	all := &managed{}
	logger := WithSource(all, memorySource{&all.memory})
	require.NoError(t, logger.Record(t.Context(), sample(0)))
	require.Empty(t, all.Events())
	require.NoError(t, logger.(audit.Flusher).Flush(t.Context()))
	require.Len(t, all.Events(), 1)
	require.NoError(t, logger.(audit.Shutdowner).Shutdown(t.Context()))
	require.ErrorIs(t, logger.Record(t.Context(), sample(1)), audit.ErrClosed)

	closed := 0
	closer := closing{&memory{}, func() error { closed++; return nil }}
	require.NoError(t, WithSource(closer, memorySource{closer.memory}).(*joined).Close())
	require.Equal(t, 1, closed)

	none := WithSource(&memory{}, memorySource{&memory{}}).(*joined)
	require.NoError(t, none.Flush(t.Context()))
	require.NoError(t, none.Shutdown(t.Context()))
	require.NoError(t, none.Close())
}

// What WithSource adds does not count as the logger's.
func TestWithSourceHasTheLifecycleOfItsLogger(t *testing.T) {
	got := runLoggerCases(t, func(testing.TB) audit.AuditLogger {
		logger := &memory{}
		return WithSource(logger, memorySource{logger})
	})
	require.Empty(t, got.failed(), got.log())
	require.Len(t, got.skipped(), 5)
}

// closable is a correct logger with Close alone.
func closable() audit.AuditLogger {
	logger := &managed{}
	logger.memory.record = func(_ *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
		return logger.accept(ctx, event)
	}
	return closing{&logger.memory, logger.shut}
}

func TestLoggerTakesCloseForShutdown(t *testing.T) {
	got := runLoggerCases(t, func(testing.TB) audit.AuditLogger { return closable() })
	require.Empty(t, got.failed(), got.log())
	require.Equal(t, []string{"FlushKeepsOpen"}, got.skipped())
}

func TestLoggerWantsAnEmptyLog(t *testing.T) {
	used := &memory{}
	got := runLoggerCases(t, func(testing.TB) audit.AuditLogger { return used })
	require.Contains(t, got.log(), "open must return a logger whose log is empty")
	got = runLoggerCases(t, func(testing.TB) audit.AuditLogger { return nil })
	require.Len(t, got.failed(), len(loggerCases))
	require.Contains(t, got.log(), "open returned no logger")
}
