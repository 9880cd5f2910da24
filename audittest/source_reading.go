package audittest

import (
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// reading is a case of TestSource at work, and its source.
type reading struct {
	probe

	filters []query.Filter
	open    func(testing.TB, []audit.PermissionAuditEvent) query.Source
	stored  []audit.PermissionAuditEvent
	source  query.Source
}

// store opens a source over the events.
func (r *reading) store(events []audit.PermissionAuditEvent) {
	r.Helper()
	r.stored = events
	if r.source = r.open(r.TB, slices.Clone(events)); r.source == nil {
		r.Fatal("open returned no source")
	}
}

// expected is what a source yields for f, by definition.
func (r *reading) expected(f query.Filter) []audit.PermissionAuditEvent {
	var events []audit.PermissionAuditEvent
	for _, event := range r.stored {
		if f.Match(event) {
			events = append(events, event)
		}
	}
	if f.Newest {
		slices.Reverse(events)
	}
	if f.Limit > 0 && len(events) > f.Limit {
		events = events[:f.Limit]
	}
	return events
}

// sequence calls the source.
func (r *reading) sequence(f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return r.source.Events(r.Context(), f)
}

// ask returns what the source yields for f.
func (r *reading) ask(f query.Filter) []audit.PermissionAuditEvent {
	r.Helper()
	var events []audit.PermissionAuditEvent
	err := r.call("Events", patience, func() (err error) {
		events, err = collect(r.sequence(f))
		return err
	})
	if err != nil {
		r.broken("the source yielded an error: %v\nThe filter: %s", err, filterText(f))
		r.FailNow()
	}
	return events
}

// same fails the test unless events are what f selects. It reports whether they are.
func (r *reading) same(f query.Filter, events []audit.PermissionAuditEvent) bool {
	r.Helper()
	expected := r.expected(f)
	if problem := compareSequences(expected, events); problem != "" {
		r.broken("%s\nThe filter: %s\nThe source yielded %d events, Match accepts %d", problem, filterText(f), len(events), len(expected))
		return false
	}
	for i, want := range expected {
		if found := differences(want, events[i]); len(found) > 0 {
			r.broken("an event was changed on the way: %s\nThe filter: %s\nThe event: %s", strings.Join(found, "; "), filterText(f), shortly(want))
			return false
		}
	}
	return true
}

// filterText is a filter as one would write it: without its zero fields.
func filterText(f query.Filter) string {
	const most = 1000
	var fields []string
	filter := reflect.ValueOf(f)
	for i := range filter.NumField() {
		if field := filter.Field(i); !field.IsZero() {
			fields = append(fields, filter.Type().Field(i).Name+": "+fieldText(field.Interface()))
		}
	}
	text := "{" + strings.Join(fields, ", ") + "}"
	if len(text) > most {
		text = text[:most] + "..."
	}
	return text
}

func fieldText(value any) string {
	switch value := value.(type) {
	case time.Time:
		return value.Format(time.RFC3339Nano)
	case query.Terms, map[string]query.Terms:
		return fmt.Sprintf("%+q", value)
	default:
		return fmt.Sprint(value)
	}
}
