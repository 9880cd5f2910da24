package audittest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

type recordFunc = func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error

// keeping is a Record that changes what is kept.
func keeping(change func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent) recordFunc {
	return func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
		if err := validate(event); err != nil {
			return err
		}
		m.append(change(event, event.Freeze(ctx)))
		return nil
	}
}

// before is a Record that does something first.
func before(do func(ctx context.Context, event audit.PermissionAuditEvent) error) recordFunc {
	return func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
		if err := do(ctx, event); err != nil {
			return err
		}
		return m.keep(ctx, event)
	}
}

// Each of these breaks one promise, and the case that is named for it says so. What
// other cases find besides is listed too.
func TestLoggerCatches(t *testing.T) {
	for name, broken := range map[string]struct {
		record recordFunc
		read   func([]audit.PermissionAuditEvent) []audit.PermissionAuditEvent
		by     string
		too    []string
	}{
		"a drop": {
			record: func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
				if event.Action == audit.ActionMutation {
					return nil
				}
				return m.keep(ctx, event)
			},
			by: "Delivers", too: []string{"Concurrent", "ContextDone", "HostileMetadata", "HostileUser"},
		},
		"a text that is cut": {
			record: keeping(func(_, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				frozen.Manager, _, _ = strings.Cut(frozen.Manager, "\n")
				return frozen
			}),
			by: "Delivers",
		},
		"a number that loses digits": {
			record: keeping(func(_, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				if number, ok := frozen.Metadata["large"].(json.Number); ok {
					frozen.Metadata["large"], _ = number.Float64()
				}
				return frozen
			}),
			by: "Delivers",
		},
		"a list that is sorted": {
			record: keeping(func(_, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				slices.Sort(frozen.Permissions)
				return frozen
			}),
			by: "Delivers",
		},
		"an id that is missing": {
			record: keeping(func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				frozen.ID = event.ID
				return frozen
			}),
			by: "FillsIn",
		},
		"the time of the reading": {
			record: keeping(func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				frozen.Timestamp = event.Timestamp
				return frozen
			}),
			by: "FillsIn",
		},
		"metadata of the context that are missing": {
			record: keeping(func(event, _ audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				return event.Freeze(context.Background())
			}),
			by: "FillsIn",
		},
		"a null user with a name": {
			record: keeping(func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				if event.User == nil && event.UserID == "" {
					frozen.User = audit.UserRepr("<nil>")
				}
				return frozen
			}),
			by: "NullUserAndManager",
		},
		"a null manager with a name": {
			record: keeping(func(_, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				if frozen.Manager == "" {
					frozen.Manager = "unknown"
				}
				return frozen
			}),
			by: "NullUserAndManager",
		},
		"duplicates": {
			read: func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
				return append(events, events[:min(1, len(events))]...)
			},
			by: "Once",
		},
		"another order": {
			read: func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
				slices.Reverse(events)
				return events
			},
			by: "Order",
		},
		"neighbours that change places": {
			read: func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
				if n := len(events); n > 10 {
					events[n-1], events[n-2] = events[n-2], events[n-1]
				}
				return events
			},
			by: "Order",
		},
		"the caller's slice, kept": {
			record: keeping(func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				frozen.Attributes = event.Attributes
				return frozen
			}),
			by: "KeepsNothing",
		},
		"the caller's map, kept": {
			record: keeping(func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				if _, found := event.Metadata["object"]; found {
					frozen.Metadata["object"] = event.Metadata["object"]
				}
				return frozen
			}),
			by: "KeepsNothing",
		},
		"a slice that is sorted in place": {
			record: before(func(_ context.Context, event audit.PermissionAuditEvent) error {
				slices.Sort(event.Attributes)
				return nil
			}),
			by: "ChangesNothing", too: []string{"Delivers"},
		},
		"a slice that is appended to": {
			record: before(func(_ context.Context, event audit.PermissionAuditEvent) error {
				_ = append(event.Attributes, "seen")
				return nil
			}),
			by: "ChangesNothing",
		},
		"a map that is written to": {
			record: func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
				err := m.keep(ctx, event)
				if event.Metadata != nil {
					event.Metadata["logged"] = true
				}
				return err
			},
			by: "ChangesNothing",
		},
		"a panic for a hostile user": {
			record: before(func(_ context.Context, event audit.PermissionAuditEvent) error {
				if user, ok := event.User.(fmt.Stringer); ok {
					_ = user.String()
				}
				return nil
			}),
			by: "HostileUser",
		},
		"a user's secrets": {
			record: keeping(func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				if _, ok := event.User.(secretUser); ok {
					frozen.User = audit.UserRepr(fmt.Sprintf("%+v", event.User))
				}
				return frozen
			}),
			by: "HostileUser",
		},
		"a user who is kept": {
			record: keeping(func(event, frozen audit.PermissionAuditEvent) audit.PermissionAuditEvent {
				if _, ok := event.User.(secretUser); ok {
					frozen.User = event.User
				}
				return frozen
			}),
			by: "HostileUser",
		},
		"metadata that JSON cannot express": {
			record: before(func(_ context.Context, event audit.PermissionAuditEvent) error {
				_, err := json.Marshal(event.Metadata)
				return err
			}),
			by: "HostileMetadata",
		},
		"an event without action": {
			record: func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
				m.append(event.Freeze(ctx))
				return nil
			},
			by: "InvalidEvent",
		},
		"an error that is not ErrInvalidEvent, and an event all the same": {
			record: func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
				m.append(event.Freeze(ctx))
				if n := len(event.Action); n == 0 || n > audit.MaxActionBytes {
					return errors.New("no such action")
				}
				return nil
			},
			by: "InvalidEvent",
		},
		"an event lost with its context": {
			record: func(m *memory, ctx context.Context, event audit.PermissionAuditEvent) error {
				if ctx.Err() != nil {
					return nil
				}
				return m.keep(ctx, event)
			},
			by: "ContextDone",
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := runLoggerCases(t, func(testing.TB) audit.AuditLogger {
				return &memory{record: broken.record, read: broken.read}
			})
			require.ElementsMatch(t, append(broken.too, broken.by), got.failed(), got.log())
			require.Contains(t, got[broken.by].log.String(), "The documentation of ")
		})
	}
}

// A lost update is no data race: only the case finds it.
func TestLoggerCatchesLostUpdates(t *testing.T) {
	got := runLoggerCases(t, func(testing.TB) audit.AuditLogger { return &losing{} })
	require.Equal(t, []string{"Concurrent"}, got.failed(), got.log())
}

// losing is a logger whose Record reads, changes and writes without a lock.
type losing struct {
	events atomic.Pointer[[]audit.PermissionAuditEvent]
}

func (l *losing) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	if err := validate(event); err != nil {
		return err
	}
	events := append(l.Events(), event.Freeze(ctx))
	runtime.Gosched()
	l.events.Store(&events)
	return nil
}

func (l *losing) Events() []audit.PermissionAuditEvent {
	if events := l.events.Load(); events != nil {
		return slices.Clone(*events)
	}
	return nil
}

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
	require.Contains(t, said, "logger_broken_test.go", "the dump shows where it hangs")
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
