package audittest

import (
	"slices"
	"strings"
	"time"

	"github.com/permaudit/audit"
)

// storesFields: what is written can be read back, every field of it.
func storesFields(s *storing) {
	const n = 24
	first, second := samples(s, n), entriesOf(s, bare()...)
	want := eventsOf(s, first, second)
	s.write("a batch of events with every field", first)
	s.write("a batch of events with few fields", second)
	if events, ok := s.holds("after two batches", want); ok {
		s.unchanged("after two batches", want, events)
	}
}

// storesRepaired: what NewEntry has repaired is fit for every sink, as it is.
func storesRepaired(s *storing) {
	var want []audit.PermissionAuditEvent
	for _, hostile := range hostileEvents() {
		batch := entriesOf(s, hostile.event)
		event := eventsOf(s, batch)
		if err := s.try(s.Context(), "an event with "+hostile.what, batch); err != nil {
			s.broken("WriteBatch of an event with %s, repaired by NewEntry, returned an error: %v", hostile.what, err)
			continue
		}
		if s.source == nil {
			continue
		}
		want = append(want, event...)
		after := "after an event with " + hostile.what
		events, ok := s.holds(after, want)
		if !ok {
			return
		}
		s.unchanged(after, event, events)
	}
}

// storesInOrder: the order is that of arrival, not of ids or timestamps.
func storesInOrder(s *storing) {
	const batches, n = 6, 20
	var events []audit.PermissionAuditEvent
	for i := range batches * n {
		event := sample(i)
		event.Timestamp = begin.Add(time.Duration(i) * time.Second)
		events = append(events, event)
	}
	// The first half runs backwards, batch by batch and inside of each.
	slices.Reverse(events[:batches*n/2])
	var want []audit.PermissionAuditEvent
	for part := range slices.Chunk(events, n) {
		batch := entriesOf(s, part...)
		want = append(want, eventsOf(s, batch)...)
		s.write("events", batch)
		if _, ok := s.holds("after a batch whose ids and timestamps need not ascend", want); !ok {
			return
		}
	}
}

// storesNothing: a batch without entries is none of a sink's troubles.
func storesNothing(s *storing) {
	s.write("nothing, nil,", nil)
	s.holds("after an empty batch", nil)
	batch := samples(s, 2)
	want := eventsOf(s, batch)
	s.write("two events after an empty batch", batch)
	s.write("nothing, a slice without entries,", []audit.Entry{})
	s.holds("after an empty batch, two events, and another empty batch", want)
}

// storesLarge: batches as large as the worker makes them.
func storesLarge(s *storing) {
	const many = 4096 // the default of BufferOptions.BatchSize
	first, second := small(s, many), entriesOf(s, heavy()...)
	want := eventsOf(s, first, second)
	for _, round := range []struct {
		what   string
		batch  []audit.Entry
		before int // events that are stored already
	}{
		{"4096 small events", first, 0},
		{"several events of 1 MiB together", second, many},
	} {
		s.write(round.what, round.batch)
		stored := round.before + len(round.batch)
		events, ok := s.holds("after a batch of "+round.what, want[:stored])
		if !ok {
			return
		}
		s.unchanged("after a batch of "+round.what, want[round.before:stored], events)
	}
}

// heavy are a few events of about audit.MaxBatchBytes together, one of which is
// nearly as long as events can be.
func heavy() []audit.PermissionAuditEvent {
	text := strings.Repeat("x", audit.MaxStringBytes-3) // with its quotes and comma
	texts := slices.Repeat([]string{text}, audit.MaxListBytes/audit.MaxStringBytes-1)
	events := make([]audit.PermissionAuditEvent, 4)
	for i := range events {
		event := sample(i)
		event.Metadata = metadataOf(audit.MaxMetadataBytes - 1)
		switch i {
		case 0:
			event.Attributes, event.Permissions = texts, texts
		case 1:
			event.Attributes = texts
		}
		events[i] = event
	}
	return events
}
