package audittest

import (
	"context"
	"errors"
	"strings"

	"github.com/permaudit/audit"
)

// invalidEvent: what no log could hold is refused, and nothing else is.
func invalidEvent(t *trial) {
	valid := sample(0)
	valid.Action = audit.Action(strings.Repeat("x", audit.MaxActionBytes))
	refused := map[audit.EventID]bool{}
	for _, action := range []audit.Action{"", audit.Action(strings.Repeat("x", audit.MaxActionBytes+1))} {
		event := sample(1)
		event.Action = action
		refused[event.ID] = true
		err := t.call("Record", patience, func() error { return t.logger.Record(t.Context(), event) })
		if !errors.Is(err, audit.ErrInvalidEvent) {
			t.broken("Record of an event with the action %q, of %d bytes, returned %v: want an error that wraps audit.ErrInvalidEvent\n"+
				"audit.NewEntry returns it", action, len(action), err)
		}
	}
	t.record(t.Context(), valid)
	events, ok := t.delivered()
	if !ok {
		return
	}
	for _, event := range events {
		if refused[event.ID] {
			t.broken("an event is in the log whose action is %q, of %d bytes", event.Action, len(event.Action))
		}
	}
	t.arrived(events, []audit.PermissionAuditEvent{valid})
}

// contextDone: a client that hung up has been decided on all the same. The logger may
// take the event or refuse it, but keeps its word.
func contextDone(t *trial) {
	hungUp, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the client hung up"))
	var want []audit.PermissionAuditEvent
	for i := range 8 {
		event := sample(i)
		err := t.call("Record, with a context that has ended,", soon, func() error { return t.logger.Record(hungUp, event) })
		if err == nil || errors.Is(err, audit.ErrNotDurable) {
			want = append(want, event)
		}
	}
	after := sample(0)
	t.record(t.Context(), after)
	if events, ok := t.delivered(); ok {
		t.arrived(events, append(want, after))
	}
}
