package audittest

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// changingEvents is a WriteBatch that changes what is kept.
func changingEvents(change func(event *audit.PermissionAuditEvent)) writeFunc {
	return storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
		events = s.fresh(events)
		for i := range events {
			change(&events[i])
		}
		return events, nil
	})
}

// storingSome is a WriteBatch that keeps what choose returns.
func storingSome(choose func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error)) writeFunc {
	return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		events, err := decode(batch)
		if err == nil {
			events, err = choose(s, events)
		}
		if err != nil {
			return err
		}
		s.add(events)
		return nil
	}
}

// refusing is a WriteBatch that returns the error of refuse, if there is one.
func refusing(refuse func(entry *audit.Entry) error) writeFunc {
	return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
		for i := range batch {
			if err := refuse(&batch[i]); err != nil {
				return err
			}
		}
		return s.store(ctx, batch)
	}
}

// touching is a WriteBatch that touches the batch when it has stored it.
func touching(touch func(batch []audit.Entry)) writeFunc {
	return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
		err := s.store(ctx, batch)
		touch(batch)
		return err
	}
}

var errBroken = errors.New("broken")

// Each of these breaks one promise, and the case that is named for it says so. What
// other cases find besides is listed too.
func TestSinkCatches(t *testing.T) {
	for name, broken := range map[string]struct {
		hooks memorySinkHooks
		by    string
		too   []string
	}{
		"a field that is dropped": {
			memorySinkHooks{write: changingEvents(func(event *audit.PermissionAuditEvent) { event.Bypassed = false })},
			"Delivers",
			[]string{"Large", "Repaired"},
		},
		"a null manager with a name": {
			memorySinkHooks{write: changingEvents(func(event *audit.PermissionAuditEvent) { event.Manager = cmp.Or(event.Manager, "unknown") })},
			"Delivers", nil,
		},
		"empty metadata that become null": {
			memorySinkHooks{write: changingEvents(func(event *audit.PermissionAuditEvent) {
				if len(event.Metadata) == 0 {
					event.Metadata = nil
				}
			})},
			"Delivers", nil,
		},
		"a user id that is taken for the user": {
			memorySinkHooks{write: changingEvents(func(event *audit.PermissionAuditEvent) {
				if event.User != nil {
					event.User, event.UserID = nil, string(event.User.(audit.UserRepr))
				}
			})},
			"Delivers",
			[]string{"Large", "Repaired"},
		},
		"an event that is dropped": {
			memorySinkHooks{write: storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				return slices.DeleteFunc(s.fresh(events), func(event audit.PermissionAuditEvent) bool { return event.Action == audit.ActionMutation }), nil
			})},
			"Delivers",
			[]string{"Order", "PartlyRepeated", "Repaired", "Repeated", "RepeatedInBatch"},
		},
		"texts that are cut": {
			memorySinkHooks{write: changingEvents(func(event *audit.PermissionAuditEvent) { event.Manager = event.Manager[:min(len(event.Manager), 255)] })},
			"Repaired", nil,
		},
		"control characters that are lost": {
			memorySinkHooks{write: changingEvents(func(event *audit.PermissionAuditEvent) { event.UserID = strings.ReplaceAll(event.UserID, "\x01", "") })},
			"Repaired", nil,
		},
		"a list of what was sanitized that is lost": {
			memorySinkHooks{write: changingEvents(func(event *audit.PermissionAuditEvent) { event.Sanitized = nil })},
			"Repaired", nil,
		},
		"years before 1970": {
			memorySinkHooks{write: refusing(func(entry *audit.Entry) error {
				if entry.Timestamp.Year() < 1970 {
					return errBroken
				}
				return nil
			})},
			"Repaired", nil,
		},
		"the order of the ids": {
			memorySinkHooks{read: func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
				slices.SortFunc(events, func(a, b audit.PermissionAuditEvent) int { return slices.Compare(a.ID[:], b.ID[:]) })
				return events
			}},
			"Order", nil,
		},
		"the order of the timestamps": {
			memorySinkHooks{read: func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
				slices.SortStableFunc(events, func(a, b audit.PermissionAuditEvent) int { return a.Timestamp.Compare(b.Timestamp) })
				return events
			}},
			"Order",
			[]string{"Repaired"},
		},
		"an error for an empty batch": {
			memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
				if len(batch) == 0 {
					return errBroken
				}
				return s.store(ctx, batch)
			}},
			"EmptyBatch", nil,
		},
		"a panic for an empty batch": {
			memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
				_ = batch[0]
				return s.store(ctx, batch)
			}},
			"EmptyBatch", nil,
		},
		"a limit of parameters": {
			memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
				if len(batch) > 3000 {
					return errBroken
				}
				return s.store(ctx, batch)
			}},
			"Large", nil,
		},
		"a batch of which the end is lost": {
			memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
				return s.store(ctx, batch[:min(len(batch), 3000)])
			}},
			"Large", nil,
		},
		"a limit of bytes": {
			memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
				bytes := 0
				for i := range batch {
					bytes += len(batch[i].Attributes) + len(batch[i].Permissions) + len(batch[i].Metadata)
				}
				if bytes > 512<<10 {
					return errBroken
				}
				return s.store(ctx, batch)
			}},
			"Large", nil,
		},
		"repeats that are stored again": {
			memorySinkHooks{write: storingSome(func(_ *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				return events, nil
			})},
			"Repeated",
			[]string{"PartlyRepeated", "RepeatedInBatch"},
		},
		"repeats that overwrite": {
			memorySinkHooks{write: storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				fresh := s.fresh(events)
				last, _ := byID(events)
				for i, event := range s.events {
					if newer, found := last[event.ID]; found {
						s.events[i] = newer
					}
				}
				return fresh, nil
			})},
			"Repeated", nil,
		},
		"repeats that are not known for long": {
			memorySinkHooks{write: storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				const most = 24
				recent := &memorySink{}
				recent.add(s.events[max(0, len(s.events)-most):])
				return recent.fresh(events), nil
			})},
			"Repeated", nil,
		},
		"an error for a batch that was stored": {
			memorySinkHooks{write: storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				fresh := s.fresh(events)
				if len(fresh) == 0 && len(events) > 0 {
					return nil, errBroken
				}
				return fresh, nil
			})},
			"Repeated", nil,
		},
		"an error for each repeat": {
			memorySinkHooks{write: storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				if len(s.fresh(events)) < len(events) {
					return nil, errBroken
				}
				return events, nil
			})},
			"PartlyRepeated",
			[]string{"Repeated", "RepeatedInBatch"},
		},
		"a batch that is skipped with its first entry": {
			memorySinkHooks{write: storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				if len(s.fresh(events[:min(1, len(events))])) == 0 {
					return nil, nil
				}
				return s.fresh(events), nil
			})},
			"PartlyRepeated", nil,
		},
		"repeats that are looked for in other batches only": {
			memorySinkHooks{write: storingSome(func(s *memorySink, events []audit.PermissionAuditEvent) ([]audit.PermissionAuditEvent, error) {
				var all []audit.PermissionAuditEvent
				for _, event := range events {
					all = append(all, s.fresh([]audit.PermissionAuditEvent{event})...)
				}
				return all, nil
			})},
			"RepeatedInBatch", nil,
		},
		"a batch that is sorted in place": {
			memorySinkHooks{write: touching(func(batch []audit.Entry) {
				slices.SortFunc(batch, func(a, b audit.Entry) int { return slices.Compare(a.ID[:], b.ID[:]) })
			})},
			"ChangesNothing", nil,
		},
		"slices that are written to": {
			memorySinkHooks{write: touching(func(batch []audit.Entry) {
				for i := range batch {
					copy(batch[i].Metadata, "[]")
				}
			})},
			"ChangesNothing",
			[]string{"PartlyRepeated", "Repeated", "RepeatedInBatch"},
		},
		"an entry that is changed when it is refused": {
			memorySinkHooks{write: func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
				if ctx.Err() != nil {
					for i := range batch {
						batch[i].Manager = "refused"
					}
				}
				return s.store(ctx, batch)
			}},
			"ChangesNothing", nil,
		},
		"an error of Close": {
			memorySinkHooks{close: func() error { return errBroken }},
			"Closes", nil,
		},
		"a panic of Close": {
			memorySinkHooks{close: func() error { panic("broken") }},
			"Closes", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			expected := append([]string{broken.by}, broken.too...)
			var names []string
			for _, c := range sinkCases {
				// Large takes as long as all others together.
				if c.name != "Large" || slices.Contains(expected, c.name) {
					names = append(names, c.name)
				}
			}
			got := runSinkCases(t, opening(broken.hooks), names...)
			require.ElementsMatch(t, expected, got.failed(), got.log())
			require.Contains(t, got[broken.by].log.String(), "The documentation of ")
		})
	}
}
