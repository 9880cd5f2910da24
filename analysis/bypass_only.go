package analysis

import (
	"cmp"
	"slices"
	"time"
)

// BypassOnly is a key that nobody got but superusers, without the rules: what the rules do
// not allow yet, though nobody asks for it loudly enough for a Suggestion.
type BypassOnly struct {
	Manager, Action         string
	Attributes              []string // as those of a Suggestion
	Bypassed, BypassedUsers int64    // checks, weighed, and rounded; and superusers
	Denied, Checks          int64    // as those of a Suggestion
	First, Last             time.Time
}

// MarshalJSON implements json.Marshaler: "manager", "action", "attributes", "bypassed",
// "bypassed_users", "denied", "checks", and "first" and "last" of the bypassed ones.
func (b BypassOnly) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addChecked("", b.Manager, b.Action, b.Attributes); err != nil {
		return nil, err
	}
	return o.close([]member{
		{"bypassed", b.Bypassed},
		{"bypassed_users", b.BypassedUsers},
		{"denied", b.Denied},
		{"checks", b.Checks},
		{"first", moment(b.First)},
		{"last", moment(b.Last)},
	})
}

// bypasses lists the keys that only superusers got, and that are no suggestion: those of the
// most superusers first.
func (s *suggester) bypasses() (list []BypassOnly) {
	for _, k := range s.keys {
		if k.Bypassed.Events == 0 || k.Granted.Events > 0 || k.class == ClassMissing {
			continue
		}
		denied, checks := k.counts()
		list = append(list, BypassOnly{
			Manager: k.manager, Action: k.action, Attributes: withoutNull(k.attributes),
			Bypassed: rounded(k.Bypassed.Events), BypassedUsers: k.bypassed,
			Denied: rounded(denied), Checks: rounded(checks), First: k.Bypassed.First, Last: k.Bypassed.Last,
		})
	}
	slices.SortStableFunc(list, func(a, b BypassOnly) int {
		return cmp.Or(cmp.Compare(b.BypassedUsers, a.BypassedUsers), cmp.Compare(b.Bypassed, a.Bypassed))
	})
	return list
}
