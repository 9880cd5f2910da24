package audittest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// storing is a case of TestSink at work, and its sink.
type storing struct {
	probe

	opener func(testing.TB) (audit.Sink, query.Source)
	sink   audit.Sink
	source query.Source // nil: events cannot be read back
	closed bool         // Close was called
}

// open opens a sink, which is closed when the test ends.
func (s *storing) open() {
	s.Helper()
	sink, source := s.opener(s.TB)
	if sink == nil {
		s.Fatal("open returned no sink")
	}
	s.sink, s.source, s.closed = sink, source, false
	s.Cleanup(func() {
		if s.closed || s.hung {
			return
		}
		// Whether Close works is for the case that is named for it.
		errs, returned := together(soon, 1, func(int) error { return sink.Close() })
		if !returned {
			s.Logf("Close has not returned after %v", soon)
		} else if errs[0] != nil {
			s.Logf("Close: %v", errs[0])
		}
	})
	if s.source == nil {
		return
	}
	if events := s.events(); len(events) > 0 {
		s.Fatalf("open must return a sink that has stored nothing, one for each call: %s", list(events, nil))
	}
}

func (s *storing) unreadable() string {
	return fmt.Sprintf("the events of %T cannot be read back, so that what it stores cannot be checked: "+
		"let open return a query.Source too", s.sink)
}

// write writes a batch, which must succeed. what is the batch.
func (s *storing) write(what string, batch []audit.Entry) {
	s.Helper()
	if err := s.try(s.Context(), what, batch); err != nil {
		s.broken("WriteBatch of %s returned an error: %v", what, err)
		s.FailNow()
	}
}

// try writes a batch.
func (s *storing) try(ctx context.Context, what string, batch []audit.Entry) error {
	s.Helper()
	limit := patience
	if ctx.Err() != nil {
		limit = soon
	}
	return s.call("WriteBatch of "+what, limit, func() error { return s.sink.WriteBatch(ctx, batch) })
}

// close closes the sink.
func (s *storing) close() error {
	s.Helper()
	s.closed = true
	return s.call("Close", patience, s.sink.Close)
}

// read is what the source yields now.
func (s *storing) read() ([]audit.PermissionAuditEvent, error) {
	s.Helper()
	var events []audit.PermissionAuditEvent
	err := s.call("Events", patience, func() (err error) {
		events, err = collect(s.source.Events(s.Context(), query.Filter{}))
		return err
	})
	return events, err
}

// events reads back what the sink has stored.
func (s *storing) events() []audit.PermissionAuditEvent {
	s.Helper()
	events, err := s.read()
	if err != nil {
		s.broken("what %T stored cannot be read back: %v", s.sink, err)
		s.FailNow()
	}
	return events
}

// holds fails the test unless the log holds the events want, in their order, each
// once; whether their fields are right is for unchanged to say. when is the moment.
// Without a source all is taken to be well.
func (s *storing) holds(when string, want []audit.PermissionAuditEvent) (events []audit.PermissionAuditEvent, ok bool) {
	s.Helper()
	if s.source == nil {
		return nil, true
	}
	events = s.events()
	if problem := compareSequences(want, events); problem != "" {
		s.broken("%s, the log is not what it should be: %s\nIt holds %d events, should hold %d", when, problem, len(events), len(want))
		return events, false
	}
	return events, true
}

// unchanged fails the test if one of the events, which are there, is not as it was.
func (s *storing) unchanged(when string, want, events []audit.PermissionAuditEvent) {
	s.Helper()
	got, _ := byID(events)
	for _, event := range want {
		stored, found := got[event.ID]
		if !found {
			continue // which is for holds to say
		}
		if found := exactDifferences(event, stored); len(found) > 0 {
			s.broken("%s, an event is not what was written: %s\nThe event: %s", when, shortened(strings.Join(found, "; ")), shortly(event))
			return // one will do
		}
	}
}

// exactDifferences are the differences, and those in what only an entry says: a sink
// repairs nothing, and no metadata are not the same as empty ones.
func exactDifferences(want, got audit.PermissionAuditEvent) []string {
	found := differences(want, got)
	if !slices.Equal(want.Sanitized, got.Sanitized) {
		found = append(found, fmt.Sprintf("Sanitized is %q, want %q", got.Sanitized, want.Sanitized))
	}
	if len(want.Metadata)+len(got.Metadata) == 0 && (want.Metadata == nil) != (got.Metadata == nil) {
		found = append(found, fmt.Sprintf("Metadata is %s, want %s", jsonText(got.Metadata), jsonText(want.Metadata)))
	}
	return found
}
