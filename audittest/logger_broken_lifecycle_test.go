package audittest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// These break a promise of Flush or Shutdown.
func TestLoggerCatchesInTheLifecycle(t *testing.T) {
	for name, broken := range map[string]struct {
		open func() *managed
		by   string
		too  []string
		may  string // if it is so fast
	}{
		"a Flush that closes": {
			open: func() *managed {
				return &managed{onFlush: func(l *managed, _ context.Context) error { return l.shut() }}
			},
			by: "FlushKeepsOpen", may: "Concurrent",
		},
		"a Flush that does not wait": {
			open: func() *managed { return &managed{onFlush: func(*managed, context.Context) error { return nil }} },
			by:   "FlushKeepsOpen",
			too: []string{
				"Concurrent", "ContextDone", "Delivers", "FillsIn", "HostileMetadata", "HostileUser", "InvalidEvent", "NullUserAndManager",
			},
		},
		"a Flush that fails": {
			open: func() *managed {
				return &managed{onFlush: func(*managed, context.Context) error { return errors.New("disk full") }}
			},
			by: "FlushKeepsOpen",
			too: []string{
				"ChangesNothing", "Concurrent", "ContextDone", "Delivers", "FillsIn", "HostileMetadata", "HostileUser",
				"InvalidEvent", "KeepsNothing", "NullUserAndManager", "Once", "Order",
			},
		},
		"a Shutdown that discards": {
			open: func() *managed {
				return &managed{onShutdown: func(l *managed, _ context.Context) error {
					l.state.Lock()
					defer l.state.Unlock()
					l.buffer, l.closed = nil, true
					return nil
				}}
			},
			by: "ShutdownDrains", too: []string{"ShutdownTwice"},
		},
		"a Shutdown that fails": {
			open: func() *managed {
				return &managed{onShutdown: func(l *managed, _ context.Context) error {
					return errors.Join(l.shut(), errors.New("disk full"))
				}}
			},
			by: "ShutdownDrains", too: []string{"Once", "RecordAfterShutdown"},
		},
		"a second Shutdown that fails": {
			open: func() *managed {
				return &managed{onShutdown: func(l *managed, _ context.Context) error {
					l.state.Lock()
					again := l.answered
					l.answered = true
					l.state.Unlock()
					if again {
						return errors.New("already closed")
					}
					return l.shut()
				}}
			},
			by: "ShutdownTwice",
		},
		"a Record that says nothing after Shutdown": {
			open: func() *managed {
				return &managed{onRecord: func(l *managed, ctx context.Context, event audit.PermissionAuditEvent) error {
					if err := l.accept(ctx, event); !errors.Is(err, audit.ErrClosed) {
						return err
					}
					return nil
				}}
			},
			by: "RecordAfterShutdown",
		},
		"a Record that goes on after Shutdown": {
			open: func() *managed {
				return &managed{onRecord: func(l *managed, ctx context.Context, event audit.PermissionAuditEvent) error {
					err := l.accept(ctx, event)
					if errors.Is(err, audit.ErrClosed) {
						l.append(event.Freeze(ctx))
					}
					return err
				}}
			},
			by: "RecordAfterShutdown",
		},
		"a panic in Shutdown": {
			open: func() *managed {
				return &managed{onShutdown: func(l *managed, _ context.Context) error {
					l.state.Lock()
					again := l.answered
					l.answered = true
					l.state.Unlock()
					if again {
						panic("close of closed channel")
					}
					return l.shut()
				}}
			},
			by: "ShutdownTwice", too: []string{"ShutdownObeysContext"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := runLoggerCases(t, func(testing.TB) audit.AuditLogger { return broken.open() })
			failed := slices.DeleteFunc(got.failed(), func(name string) bool { return name == broken.may })
			require.ElementsMatch(t, append(broken.too, broken.by), failed, got.log())
		})
	}
}

// In a bubble the time that a case waits for what hangs passes at once. release lets
// it go on, so that the bubble can end.
func hanging(t *testing.T, open func(release <-chan struct{}) audit.AuditLogger) (got results) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		got = runLoggerCases(t, func(testing.TB) audit.AuditLogger { return open(release) })
		close(release)
	})
	return got
}

func TestLoggerCatchesWhatBlocksInClose(t *testing.T) {
	got := hanging(t, func(release <-chan struct{}) audit.AuditLogger {
		return &managed{onShutdown: func(*managed, context.Context) error {
			<-release
			return nil
		}}
	})
	require.Equal(t, []string{"Once", "RecordAfterShutdown", "ShutdownDrains", "ShutdownObeysContext", "ShutdownTwice"}, got.failed())
	said := got["ShutdownObeysContext"].log.String()
	require.Contains(t, said, "Shutdown, with a context that has ended, has not returned after 10s. The goroutines:")
	require.Contains(t, said, "logger_broken_lifecycle_test.go", "the dump shows where it hangs")
	require.Contains(t, got["Delivers"].log.String(), "Shutdown has not returned after 10s")
}

func TestLoggerCatchesACloseThatBlocks(t *testing.T) {
	got := hanging(t, func(release <-chan struct{}) audit.AuditLogger {
		return closing{&memory{}, func() error {
			<-release
			return nil
		}}
	})
	require.Contains(t, got.failed(), "ShutdownObeysContext")
	require.Contains(t, got.failed(), "ShutdownTwice")
}

func TestLoggerCatchesAShutdownThatIgnoresItsContext(t *testing.T) {
	got := hanging(t, func(release <-chan struct{}) audit.AuditLogger {
		return &managed{onShutdown: func(l *managed, ctx context.Context) error {
			if ctx.Err() != nil {
				<-release // nobody wakes it any more
			}
			return l.shut()
		}}
	})
	require.Contains(t, got.failed(), "ShutdownObeysContext")
	require.NotContains(t, got.failed(), "ShutdownDrains")
}

func TestLoggerCatchesASecondShutdownThatDoesNotWait(t *testing.T) {
	got := hanging(t, func(<-chan struct{}) audit.AuditLogger {
		return &managed{onShutdown: func(l *managed, _ context.Context) error {
			l.state.Lock()
			again := l.answered
			l.answered = true
			l.state.Unlock()
			if again {
				return nil
			}
			<-time.After(time.Second)
			return l.shut()
		}}
	})
	require.Equal(t, []string{"ShutdownTwice"}, got.failed(), got.log())
	require.Contains(t, got.log(), "Let it wait for the call that is delivering them")
}

func TestLoggerCatchesARecordThatHangs(t *testing.T) {
	got := hanging(t, func(release <-chan struct{}) audit.AuditLogger {
		return &memory{record: func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
			if ctx.Err() != nil {
				<-release
			}
			return m.keep(ctx, event)
		}}
	})
	require.Equal(t, []string{"ContextDone"}, got.failed(), got.log())
}
