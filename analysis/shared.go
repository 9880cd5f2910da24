package analysis

import (
	"maps"
	"slices"

	"github.com/permaudit/audit/query"
)

// sharedSet is what both sets select, at the same time. ok is false if that is nothing, and
// if no filter says what it is: one of an attribute or a permission on either side.
func sharedSet(a, b query.Set) (both query.Set, ok bool) {
	if both.Filter, ok = sharedFilter(a.Filter, b.Filter); !ok {
		return both, false
	}
	switch {
	case a.Windows == nil:
		both.Windows = b.Windows
	case b.Windows == nil:
		both.Windows = a.Windows
	default:
		if both.Windows = sharedWindows(a.Windows, b.Windows); len(both.Windows) == 0 {
			return both, false
		}
	}
	return both, len(both.Windows) <= query.MaxWindows
}

// sharedWindows are the times that are in a window of each.
func sharedWindows(a, b []query.Window) (both []query.Window) {
	for _, one := range a {
		for _, other := range b {
			if s := (span{one.Since, one.Until}).and(span{other.Since, other.Until}); !s.isEmpty() {
				both = append(both, s.windows()...)
			}
		}
	}
	return both
}

// apart are the matched times without the windows of the longer side in which the other one
// ran, if that leaves some: of two sides that may share checks.
func (m matched) apart() matched {
	if m.match != MatchWeekday && m.match != MatchHour {
		return m
	}
	longer, other := &m.baseline, m.candidate
	if len(m.candidate) > len(m.baseline) {
		longer, other = &m.candidate, m.baseline
	}
	outside := slices.DeleteFunc(slices.Clone(*longer), func(w query.Window) bool {
		return len(sharedWindows([]query.Window{w}, other)) > 0
	})
	if len(outside) > 0 {
		*longer = outside
	}
	return m
}

// sharedFilter selects what both filters do.
func sharedFilter(a, b query.Filter) (both query.Filter, ok bool) {
	ok = true
	and := func(a, b query.Terms, several bool) query.Terms {
		terms, possible := sharedTerms(a, b, several)
		ok = ok && possible
		return terms
	}
	both.Action, both.Manager, both.User = and(a.Action, b.Action, false), and(a.Manager, b.Manager, false), and(a.User, b.User, false)
	both.Attribute, both.Permission = and(a.Attribute, b.Attribute, true), and(a.Permission, b.Permission, true)
	both.Metadata = maps.Clone(a.Metadata)
	for key, terms := range b.Metadata {
		if both.Metadata == nil {
			both.Metadata = make(map[string]query.Terms)
		}
		both.Metadata[key] = and(both.Metadata[key], terms, false)
	}
	both.Since, both.Until = a.Since, a.Until
	if b.Since.After(both.Since) {
		both.Since = b.Since
	}
	if both.Until.IsZero() || !b.Until.IsZero() && b.Until.Before(both.Until) {
		both.Until = b.Until
	}
	isNever := !both.Since.IsZero() && !both.Until.IsZero() && !both.Since.Before(both.Until)
	return both, ok && !isNever
}

// sharedTerms are what both terms accept. several says that an event has several values: then
// two lists of those that it may have are no list.
func sharedTerms(a, b query.Terms, several bool) (both query.Terms, ok bool) {
	both = query.Terms{In: a.In, NotIn: slices.Concat(a.NotIn, b.NotIn)}
	switch {
	case len(a.In) == 0:
		both.In = b.In
	case len(b.In) == 0:
	case several && !slices.Equal(a.In, b.In):
		return both, false
	default:
		both.In = slices.DeleteFunc(slices.Clone(a.In), func(value string) bool { return !slices.Contains(b.In, value) })
	}
	isAccepted := func(value string) bool { return !slices.Contains(both.NotIn, value) }
	return both, len(a.In)+len(b.In) == 0 || slices.ContainsFunc(both.In, isAccepted)
}
