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
				if ctx.Err() == nil {
					return m.keep(ctx, event)
				}
				return nil
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
