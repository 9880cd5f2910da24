package analysis

import (
	"cmp"
	"slices"
	"time"
)

// Hammering is a key of ClassHammering.
type Hammering struct {
	Manager, Action string
	Attributes      []string  // as those of a Suggestion
	Users           []string  // one or two, as query.Filter.User knows them; "": all without a user
	Denied, Checks  int64     // as those of a Suggestion
	First, Last     time.Time // of the denied ones, those of Probers too
}

// MarshalJSON implements json.Marshaler: "class", "manager", "action", "attributes",
// "denied_to", which are the users, "denied", "checks", "first" and "last".
func (h Hammering) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addChecked(ClassHammering, h.Manager, h.Action, h.Attributes); err != nil {
		return nil, err
	}
	return o.close([]member{
		{"denied_to", listed(h.Users)},
		{"denied", h.Denied},
		{"checks", h.Checks},
		{"first", moment(h.First)},
		{"last", moment(h.Last)},
	})
}

// hammering lists the keys of that class, the most denied ones first.
func (s *suggester) hammering() (list []Hammering) {
	for _, k := range s.keys {
		if k.class != ClassHammering {
			continue
		}
		denied, checks := k.counts()
		h := Hammering{
			Manager: k.manager, Action: k.action, Attributes: withoutNull(k.attributes),
			Denied: rounded(denied), Checks: rounded(checks), First: k.Denied.First, Last: k.Denied.Last,
		}
		for _, user := range k.denied {
			h.Users = append(h.Users, s.everyone[user.number].name)
		}
		slices.Sort(h.Users)
		list = append(list, h)
	}
	slices.SortStableFunc(list, func(a, b Hammering) int { return cmp.Compare(b.Denied, a.Denied) })
	return list
}
