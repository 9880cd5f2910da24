package audit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// stub is a logger with func fields.
type stub struct {
	record   func(context.Context, audit.PermissionAuditEvent) error
	flush    func(context.Context) error
	shutdown func(context.Context) error
}

func (s *stub) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	if s.record == nil {
		return nil
	}
	return s.record(ctx, event)
}

func (s *stub) Flush(ctx context.Context) error {
	if s.flush == nil {
		return nil
	}
	return s.flush(ctx)
}

func (s *stub) Shutdown(ctx context.Context) error {
	if s.shutdown == nil {
		return nil
	}
	return s.shutdown(ctx)
}

// remember is a stub that appends what it records to events.
func remember(events *[]audit.PermissionAuditEvent) *stub {
	var mu sync.Mutex
	return &stub{record: func(ctx context.Context, event audit.PermissionAuditEvent) error {
		mu.Lock()
		defer mu.Unlock()
		*events = append(*events, event.Freeze(ctx))
		return nil
	}}
}

func configure(t *testing.T, logger audit.AuditLogger) {
	t.Helper()
	t.Cleanup(audit.ConfigureAuditLogger(logger))
}

func TestEmitReachesTheConfiguredLogger(t *testing.T) {
	var events []audit.PermissionAuditEvent
	configure(t, remember(&events))
	require.True(t, audit.AuditLoggingEnabled())
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), granted("Project")))
	require.Len(t, events, 1)
	require.Equal(t, "Project", events[0].Manager)
}

func TestEmitReturnsTheLoggersError(t *testing.T) {
	broken := errors.New("broken")
	configure(t, audit.AuditLoggerFunc(func(context.Context, audit.PermissionAuditEvent) error { return broken }))
	require.ErrorIs(t, audit.EmitPermissionAuditEvent(t.Context(), granted("Project")), broken)
}

func TestNilTurnsLoggingOff(t *testing.T) {
	for name, off := range map[string]audit.AuditLogger{
		"nil":                audit.AuditLogger(nil),
		"nil pointer":        (*stub)(nil),
		"nil func":           audit.AuditLoggerFunc(nil),
		"the no-op logger":   noop(t),
		"nil file logger":    (*audit.FileAuditLogger)(nil),
		"nil wrapped logger": (*audit.BufferedAuditLogger)(nil),
	} {
		t.Run(name, func(t *testing.T) {
			configure(t, &stub{record: func(context.Context, audit.PermissionAuditEvent) error {
				t.Error("the logger that was reset is called")
				return nil
			}})
			configure(t, off)
			require.False(t, audit.AuditLoggingEnabled())
			require.NotNil(t, audit.CurrentAuditLogger())
			require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), granted("Project")))
			require.NoError(t, audit.CurrentAuditLogger().Record(t.Context(), granted("Project")))
			require.NoError(t, audit.Flush(t.Context()))
			require.NoError(t, audit.Shutdown(t.Context()))
		})
	}
}

func noop(t *testing.T) audit.AuditLogger {
	t.Helper()
	restore := audit.ConfigureAuditLogger(nil)
	defer restore()
	return audit.CurrentAuditLogger()
}

func TestRestorePutsBackWhatWasThere(t *testing.T) {
	first, second, third := &stub{}, &stub{}, &stub{}
	configure(t, first)
	restoreSecond := audit.ConfigureAuditLogger(second)
	require.Same(t, second, audit.CurrentAuditLogger())
	restoreSecond()
	require.Same(t, first, audit.CurrentAuditLogger())

	restoreSecond = audit.ConfigureAuditLogger(second)
	restoreThird := audit.ConfigureAuditLogger(third)
	restoreSecond()
	require.Same(t, third, audit.CurrentAuditLogger(), "somebody else's logger is left alone")
	restoreThird()
	require.Same(t, second, audit.CurrentAuditLogger())
	restoreSecond()
	require.Same(t, first, audit.CurrentAuditLogger())
}

func TestRestoreClosesNothing(t *testing.T) {
	configure(t, nil)
	logger := &stub{shutdown: func(context.Context) error { t.Error("shut down"); return nil }}
	audit.ConfigureAuditLogger(logger)()
}

func TestShutdownLeavesTheLoggerConfigured(t *testing.T) {
	logger := newBuffered(t, &memorySink{}, audit.BufferOptions{})
	configure(t, logger)
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), granted("Project")))
	require.NoError(t, audit.Flush(t.Context()))
	require.EqualValues(t, 1, logger.Stats().Written)
	require.NoError(t, audit.Shutdown(t.Context()))
	require.ErrorIs(t, audit.EmitPermissionAuditEvent(t.Context(), granted("Project")), audit.ErrClosed)
	require.Same(t, logger, audit.CurrentAuditLogger())
}

// A logger that was replaced and closed after Emit had looked it up must not cost
// the event, nor store it twice.
func TestEmitFollowsALoggerThatWasReplacedMeanwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []audit.PermissionAuditEvent
		both := remember(&events)
		configure(t, nil)
		configure(t, audit.MultiLogger(both, &stub{record: func(context.Context, audit.PermissionAuditEvent) error {
			<-time.After(time.Minute)
			audit.ConfigureAuditLogger(both)
			return audit.ErrClosed
		}}))
		decided := time.Now().UTC()
		require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), granted("Project")))
		require.Len(t, events, 2)
		require.Equal(t, events[0].ID, events[1].ID)
		require.Equal(t, decided, events[1].Timestamp, "the moment of the decision")
	})
}

func TestConfigureIsSafeForConcurrentUse(t *testing.T) {
	configure(t, nil)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 100 {
				restore := audit.ConfigureAuditLogger(&stub{})
				_ = audit.EmitPermissionAuditEvent(t.Context(), granted("Project"))
				_ = audit.Flush(t.Context())
				_ = audit.AuditLoggingEnabled()
				restore()
			}
		})
	}
	group.Wait()
}
