package analysis

import (
	"context"
	"maps"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Trace returns the events that f selects and whose metadata have that value under
// key, such as audit.MetadataRequestID, in the order of their timestamps, those of
// one moment in order of arrival. Newest does not matter. The value is compared as
// Filter.Metadata says.
//
// It returns an error if the source cannot be read.
func Trace(ctx context.Context, source query.Source, f query.Filter, key, value string) ([]audit.PermissionAuditEvent, Notes, error) {
	f.Newest = false
	f.Metadata = maps.Clone(f.Metadata)
	if f.Metadata == nil {
		f.Metadata = make(map[string]query.Terms)
	}
	terms := f.Metadata[key]
	if len(terms.In) > 0 && !slices.Contains(terms.In, value) {
		return nil, Notes{}, nil
	}
	f.Metadata[key] = query.Terms{In: []string{value}, NotIn: terms.NotIn}
	if f.Fields != 0 {
		f.Fields |= query.FieldTimestamp
	}
	var events []audit.PermissionAuditEvent
	var notes Notes
	for event, err := range source.Events(ctx, f) {
		switch {
		case err == nil:
			events = append(events, event)
		case !notes.skip(err):
			return nil, notes, err
		}
	}
	slices.SortStableFunc(events, func(a, b audit.PermissionAuditEvent) int { return a.Timestamp.Compare(b.Timestamp) })
	return events, notes, nil
}
