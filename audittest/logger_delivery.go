package audittest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/permaudit/audit"
)

// delivers: what is recorded arrives, as it was.
func delivers(t *trial) {
	const n = 24
	var want []audit.PermissionAuditEvent
	for i := range n {
		event := sample(i)
		want = append(want, event.Freeze(t.Context()))
		t.record(t.Context(), event)
	}
	t.deliver()
	events := t.events()
	t.arrived(events, want)
	t.unchanged(events, want)
}

// arrived fails the test unless the events with the ids of want are there.
func (t *trial) arrived(events, want []audit.PermissionAuditEvent) {
	t.Helper()
	got, _ := byID(events)
	var missing []audit.PermissionAuditEvent
	for _, event := range want {
		if _, found := got[event.ID]; !found {
			missing = append(missing, event)
		}
	}
	if len(missing) > 0 {
		t.broken("Record returned nil for %d events, of which %d are not in the log. It holds %d events. The first that is missing has the id %s, the action %q and the manager %q",
			len(want), len(missing), len(events), missing[0].ID, missing[0].Action, missing[0].Manager)
	}
}

// unchanged fails the test if one of want, which are frozen, is not the same in
// events.
func (t *trial) unchanged(events, want []audit.PermissionAuditEvent) {
	t.Helper()
	got, _ := byID(events)
	for _, event := range want {
		stored, found := got[event.ID]
		if !found {
			continue
		}
		if found := differences(event, stored); len(found) > 0 {
			t.broken("an event was changed on the way: %s\nThe event: %s", strings.Join(found, "; "), shortly(event))
			return // one will do
		}
	}
}

// fillsIn: id, time, user id and the metadata of the context are part of the event.
func fillsIn(t *trial) {
	outer := map[string]any{audit.MetadataRequestID: "r-1", audit.MetadataReason: "outer"}
	ctx := audit.ContextWithMetadata(t.Context(), outer)
	event := audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, User: &member{id: "42", password: secret},
		Metadata: map[string]any{audit.MetadataReason: "own"},
	}
	before := time.Now().Truncate(time.Microsecond)
	t.record(ctx, event)
	after := time.Now()
	t.deliver()
	events := t.events()
	if len(events) == 0 {
		t.broken("Record returned nil, but the event is not in the log")
		return
	}
	got := events[0]
	if got.ID.IsZero() {
		t.broken("ID is zero: an event without one is given one")
	}
	if at := got.Timestamp; at.Before(before) || at.After(after) {
		t.broken("Timestamp is %s, want the moment of Record, between %s and %s", goText(at), goText(before), goText(after))
	}
	if got.UserID != "42" {
		t.broken("UserID is %q, want \"42\", which the user's method AuditUserID returns", got.UserID)
	}
	want := map[string]any{audit.MetadataRequestID: "r-1", audit.MetadataReason: "own"}
	if !sameJSON(got.Metadata, want) {
		t.broken("Metadata is %s, want %s: the context's, under the event's own", jsonText(got.Metadata), jsonText(want))
	}
}

// nullUserAndManager: what is not there is not made up.
func nullUserAndManager(t *trial) {
	event := audit.PermissionAuditEvent{ID: audit.NewEventID(), Timestamp: time.Now(), Action: audit.ActionRead}
	withNil := event
	withNil.ID, withNil.User = audit.NewEventID(), (*member)(nil)
	t.record(t.Context(), event)
	t.record(t.Context(), withNil)
	t.deliver()
	want := []audit.PermissionAuditEvent{event.Freeze(t.Context()), withNil.Freeze(t.Context())}
	events := t.events()
	t.arrived(events, want)
	t.unchanged(events, want)
}

// once: nothing is stored twice, whatever is flushed and shut down.
func once(t *trial) {
	const n = 64
	for i := range n {
		t.record(t.Context(), sample(i))
	}
	t.deliver()
	t.deliver()
	if t.shutdown != nil && !t.down {
		t.shut()
	}
	events := t.events()
	first, count := byID(events)
	for id, times := range count {
		if times > 1 {
			t.broken("an event is in the log %d times: %s", times, shortly(first[id]))
			return
		}
	}
}

// order: events stand in the order in which they were recorded, as far as there was
// one.
func order(t *trial) {
	const goroutines, n = 4, 32
	// All at once: each goroutine's events keep their order among themselves.
	lanes := newLanes(goroutines, n)
	t.recordAll(lanes, 0)
	// One after the other, each on a goroutine of its own.
	relay := newLanes(1, n)[0]
	for _, event := range relay {
		t.record(t.Context(), event)
	}
	t.deliver()
	position := map[audit.EventID]int{}
	for i, event := range slices.Backward(t.events()) {
		position[event.ID] = i
	}
	for _, lane := range append(lanes, relay) {
		lane = slices.DeleteFunc(lane, func(event audit.PermissionAuditEvent) bool {
			_, found := position[event.ID]
			return !found // which is for Delivers to say
		})
		for i := 1; i < len(lane); i++ {
			if before, after := position[lane[i-1].ID], position[lane[i].ID]; after < before {
				t.broken("Record of event %s returned before that of event %s began, but in the log they are the events number %d and %d",
					lane[i-1].ID, lane[i].ID, before+1, after+1)
				return
			}
		}
	}
}

// newLanes returns n events for each of so many goroutines.
func newLanes(goroutines, n int) [][]audit.PermissionAuditEvent {
	lanes := make([][]audit.PermissionAuditEvent, goroutines)
	for i := range lanes {
		for range n {
			lanes[i] = append(lanes[i], sample(i))
		}
	}
	return lanes
}

// recordAll records the events of each lane in order, all lanes concurrently, and
// flushes so many times meanwhile.
func (t *trial) recordAll(lanes [][]audit.PermissionAuditEvent, flushes int) {
	t.Helper()
	errs := t.all("Record, called concurrently,", patience, len(lanes)+1, func(i int) error {
		if i == len(lanes) {
			for range flushes {
				if err := t.flush(t.Context()); err != nil {
					return fmt.Errorf("flush: %w", err)
				}
			}
			return nil
		}
		for _, event := range lanes[i] {
			if err := t.logger.Record(t.Context(), event); err != nil {
				return err
			}
		}
		return nil
	})
	for _, err := range errs {
		if err != nil {
			t.broken("Record, called concurrently, returned an error for a valid event: %v", err)
			t.FailNow()
		}
	}
}

// concurrent: many goroutines record and flush, and all of it arrives. With the race
// detector it finds what is not locked.
func concurrent(t *trial) {
	const goroutines, n = 16, 32
	flushes := 0
	if t.flush != nil {
		flushes = 8
	}
	lanes := newLanes(goroutines, n)
	t.recordAll(lanes, flushes)
	if events, ok := t.delivered(); ok {
		t.arrived(events, slices.Concat(lanes...))
	}
}
