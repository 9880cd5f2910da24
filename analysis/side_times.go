package analysis

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/permaudit/audit/query"
)

// timesOf is the time of each side; empty if it has no event. Where the filters differ in
// their times alone, those are what is asked about. Otherwise they only bound it.
func timesOf(ctx context.Context, source query.Source, baseline, candidate query.Filter) (b, c span, err error) {
	if isSame(baseline, candidate) {
		if b, err = askedTime(ctx, source, baseline); err != nil {
			return b, c, err
		}
		if c, err = askedTime(ctx, source, candidate); err != nil {
			return b, c, err
		}
		if both := b.and(c); !b.isEmpty() && !c.isEmpty() && !both.isEmpty() {
			return b, c, fmt.Errorf("%w from %s; want other times, or other filters", ErrSameChecks, both)
		}
		return b, c, nil
	}
	if key, joint, ok := jointFilter(baseline, candidate); ok {
		return jointTimes(ctx, source, key, joint, baseline, candidate)
	}
	if b, err = realTime(ctx, source, baseline); err != nil {
		return b, c, err
	}
	c, err = realTime(ctx, source, candidate)
	return b, c, err
}

// isSame reports whether two filters select the same, but for the times.
func isSame(a, b query.Filter) bool {
	a.Since, a.Until, b.Since, b.Until = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return reflect.DeepEqual(a, b)
}

// askedTime is that of the filter, and as far as it says none that of its events.
func askedTime(ctx context.Context, source query.Source, f query.Filter) (span, error) {
	asked := span{f.Since, f.Until}
	if !f.Since.IsZero() && !f.Until.IsZero() {
		return asked, nil
	}
	s, err := realTime(ctx, source, f)
	if err != nil || s.isEmpty() {
		return s, err
	}
	if !f.Since.IsZero() {
		s.since = asked.since
	}
	if !f.Until.IsZero() {
		s.until = asked.until
	}
	return s, nil
}

// realTime is from the first to the last event that f selects, in whatever order they
// arrived.
func realTime(ctx context.Context, source query.Source, f query.Filter) (s span, err error) {
	err = eachTime(ctx, source, f, nil, func(_ string, events span) { s = s.with(events) })
	return s, err
}

// jointTimes are those of two sides, which have other values of a metadata key.
func jointTimes(ctx context.Context, source query.Source, key string, joint, baseline, candidate query.Filter) (b, c span, err error) {
	err = eachTime(ctx, source, joint, []string{"metadata." + key}, func(value string, events span) {
		if slices.Contains(baseline.Metadata[key].In, value) {
			b = b.with(events)
		}
		if slices.Contains(candidate.Metadata[key].In, value) {
			c = c.with(events)
		}
	})
	return b, c, err
}

// jointFilter is a filter of what either side selects, for which one reading will do, if they
// differ in the values of one metadata key alone.
func jointFilter(a, b query.Filter) (key string, joint query.Filter, ok bool) {
	if !a.Since.Equal(b.Since) || !a.Until.Equal(b.Until) {
		return "", joint, false
	}
	for name, terms := range a.Metadata {
		other := b.Metadata[name]
		if reflect.DeepEqual(terms, other) {
			continue
		}
		if key != "" || len(terms.In) == 0 || len(other.In) == 0 || len(terms.NotIn)+len(other.NotIn) > 0 {
			return "", joint, false
		}
		key = name
	}
	if key == "" {
		return "", joint, false
	}
	joint = a
	joint.Metadata = maps.Clone(a.Metadata)
	joint.Metadata[key] = b.Metadata[key]
	if !isSame(joint, b) {
		return "", joint, false
	}
	joint.Metadata[key] = query.Terms{In: slices.Concat(a.Metadata[key].In, b.Metadata[key].In)}
	return key, joint, true
}

// eachTime calls each for the value and the time of each group of events.
func eachTime(ctx context.Context, source query.Source, f query.Filter, by []string, each func(value string, events span)) error {
	return eachGroup(ctx, source, f, by, func(group *query.Group) {
		value := ""
		if len(by) > 0 {
			value = group.Key[0]
		}
		each(value, spanOf(group))
	})
}

// spanOf is from the first to the last event of a group.
func spanOf(group *query.Group) span { return span{group.First, group.Last.Add(time.Microsecond)} }

// with is the time of both; an empty one adds nothing.
func (s span) with(other span) span {
	if s.isEmpty() {
		return other
	}
	return s.or(other)
}
