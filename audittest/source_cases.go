package audittest

import (
	"context"
	"errors"
	"iter"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// asMatch asks the source with each filter, and Match as well.
func asMatch(r *reading) { r.askAll(smallCorpus) }

// asMatchOfMany does so with more events.
func asMatchOfMany(r *reading) { r.askAll(largeCorpus) }

func (r *reading) askAll(events int) {
	r.Helper()
	r.store(corpus(events))
	for _, f := range r.filters {
		r.same(f, r.ask(f))
	}
}

// empty: where there is nothing, there is nothing to yield, and no error.
func empty(r *reading) {
	r.store(nil)
	for _, f := range append(r.filters, query.Filter{}, query.Filter{Newest: true, Limit: 1}) {
		r.same(f, r.ask(f))
	}
}

// onlyFields: the fields that were asked for are there. The filter does not depend on
// them.
func onlyFields(r *reading) {
	r.store(corpus(smallCorpus))
	for _, f := range r.filters {
		events := r.ask(f)
		expected := r.expected(f)
		if len(events) != len(expected) {
			r.broken("the source yielded %d events, Match accepts %d\nThe filter: %s", len(events), len(expected), filterText(f))
			continue
		}
		for i, want := range expected {
			if found := differences(masked(want, f.Fields), masked(events[i], f.Fields)); len(found) > 0 {
				r.broken("an event lacks what Fields asks for: %s\nThe filter: %s\nThe event: %s", strings.Join(found, "; "), filterText(f), shortly(want))
				break
			}
		}
	}
}

// masked is event with those fields alone.
func masked(event audit.PermissionAuditEvent, set query.Fields) audit.PermissionAuditEvent {
	var only audit.PermissionAuditEvent
	for field, keep := range map[query.Fields]func(){
		query.FieldID:          func() { only.ID = event.ID },
		query.FieldTimestamp:   func() { only.Timestamp = event.Timestamp },
		query.FieldAction:      func() { only.Action = event.Action },
		query.FieldAttributes:  func() { only.Attributes = event.Attributes },
		query.FieldGranted:     func() { only.Granted = event.Granted },
		query.FieldBypassed:    func() { only.Bypassed = event.Bypassed },
		query.FieldManager:     func() { only.Manager = event.Manager },
		query.FieldUser:        func() { only.UserID, only.User = event.UserID, event.User },
		query.FieldPermissions: func() { only.Permissions = event.Permissions },
		query.FieldMetadata:    func() { only.Metadata = event.Metadata },
	} {
		if set.Has(field) {
			keep()
		}
	}
	return only
}

// again: a sequence is no stream that is used up.
func again(r *reading) {
	r.store(corpus(smallCorpus))
	for _, f := range r.filters {
		sequence := r.sequence(f)
		for range 2 {
			if !r.same(f, r.take(f, sequence)) {
				return
			}
		}
	}
}

// breaks: who has seen enough leaves, and may come back.
func breaks(r *reading) {
	r.store(corpus(smallCorpus))
	for _, f := range r.filters {
		sequence := r.sequence(f)
		for _, enough := range []int{1, 3, smallCorpus / 2} {
			limited := f
			limited.Limit = enough
			if f.Limit > 0 {
				limited.Limit = min(f.Limit, enough)
			}
			if !r.same(limited, r.take(limited, sequence)) {
				return
			}
		}
		if !r.same(f, r.take(f, sequence)) {
			return
		}
	}
}

// take ranges over a sequence, breaking off at f.Limit.
func (r *reading) take(f query.Filter, sequence iter.Seq2[audit.PermissionAuditEvent, error]) []audit.PermissionAuditEvent {
	r.Helper()
	var events []audit.PermissionAuditEvent
	err := r.call("the sequence", patience, func() error {
		for event, err := range sequence {
			if err != nil {
				return err
			}
			if events = append(events, event); len(events) == f.Limit {
				break
			}
		}
		return nil
	})
	if err != nil {
		r.broken("the source yielded an error: %v\nThe filter: %s", err, filterText(f))
		r.FailNow()
	}
	return events
}

// endsWithContext: a reader who was given up does not take a part for the whole.
func endsWithContext(r *reading) {
	r.store(corpus(largeCorpus))
	for _, f := range r.filters {
		for _, first := range []int{0, 1, 7} {
			if f.Limit == 0 && len(r.expected(f)) > first {
				r.cancelAfter(f, first)
			}
		}
		r.same(f, r.ask(f))
	}
}

// cancelAfter ends the context when so many events have been yielded.
func (r *reading) cancelAfter(f query.Filter, first int) {
	r.Helper()
	cause := errors.New("the reader gave up")
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if first == 0 {
		cancel(cause)
	}
	var last error
	var beside audit.PermissionAuditEvent
	pairs, after := 0, 0 // after: behind an error
	_ = r.call("the sequence, with a context that has ended,", soon, func() error {
		for event, err := range r.source.Events(ctx, f) {
			if last != nil {
				after++
			}
			if last = err; err != nil {
				beside = event
			}
			if pairs++; pairs == first {
				cancel(cause)
			}
		}
		return nil
	})
	switch {
	case !errors.Is(last, cause):
		r.broken("ctx ended after %d events, and the last pair's error is %v: want the cause of ctx, which context.Cause returns\nThe filter: %s", first, last, filterText(f))
	case after > 0:
		r.broken("ctx ended, and after its cause the source yielded %d pairs more\nThe filter: %s", after, filterText(f))
	case !beside.ID.IsZero() || beside.Action != "":
		r.broken("an event was yielded beside the error: %s", shortly(beside))
	}
}

// concurrently: several readers at once, each with filters of their own.
func concurrently(r *reading) {
	const readers = 8
	r.store(corpus(smallCorpus))
	answers := make([][]audit.PermissionAuditEvent, len(r.filters))
	errs := r.all("Events, called concurrently,", patience, readers, func(reader int) (err error) {
		for i := reader; i < len(r.filters) && err == nil; i += readers {
			answers[i], err = collect(r.sequence(r.filters[i]))
		}
		return err
	})
	for _, err := range errs {
		if err != nil {
			r.broken("the source, asked concurrently, yielded an error: %v", err)
			return
		}
	}
	for i, f := range r.filters {
		if !r.same(f, answers[i]) {
			return
		}
	}
}
