package analysis

import (
	"fmt"
	"strings"
	"time"
)

// Suggestion is a rule that may be missing, or lost, with its evidence. It is no rule: a
// denial may be right. Counts are weighed, and rounded. What was denied to Probers is no part
// of it: nothing but Bypassed, GrantedUntil and what of Checks was not denied has checks of
// theirs.
type Suggestion struct {
	Class   Class // ClassMissing or ClassLost
	Manager string
	Action  string
	// Attributes are those that were always checked together, ascending. Empty: of
	// checks without attributes.
	Attributes []string
	// Permissions are those that were evaluated when it was denied, ascending.
	Permissions []string

	Denied, Checks int64 // denied checks, and all of them
	// Share is the share of Denied in Checks.
	Share float64
	Users int64 // different ones that were denied
	// Elsewhere is how many of them were granted something else of the same manager:
	// the application knows them.
	Elsewhere int64
	// Bypassed is how many checks superusers made without the rules, and BypassedUsers
	// how many superusers.
	Bypassed, BypassedUsers int64

	First, Last time.Time // of the denied ones
	// GrantedUntil is when a lost rule was granted for the last time; else zero.
	GrantedUntil time.Time
	// DeniedWith are the attributes of other suggestions of the same manager and action
	// that explain this one: it was denied in checks that had one of them. nil: it is
	// not explained. "" is null.
	DeniedWith []string
}

// MarshalJSON implements json.Marshaler: "class", "manager", "action", "attributes",
// "permissions", "denied", "checks", "share", "users", "elsewhere", "bypassed",
// "bypassed_users", "first", "last" and "granted_until", null if it is not lost; if others
// explain it "denied_with".
func (s Suggestion) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addChecked(s.Class, s.Manager, s.Action, s.Attributes); err != nil {
		return nil, err
	}
	members := []member{
		{"permissions", listed(s.Permissions)},
		{"denied", s.Denied},
		{"checks", s.Checks},
		{"share", significant(s.Share)},
		{"users", s.Users},
		{"elsewhere", s.Elsewhere},
		{"bypassed", s.Bypassed},
		{"bypassed_users", s.BypassedUsers},
		{"first", moment(s.First)},
		{"last", moment(s.Last)},
		{"granted_until", moment(s.GrantedUntil)},
	}
	if s.DeniedWith != nil {
		members = append(members, member{"denied_with", s.DeniedWith})
	}
	return o.close(members)
}

// addChecked adds what was checked.
func (o *object) addChecked(class Class, manager, action string, attributes []string) error {
	if class != "" {
		if err := o.add("class", class); err != nil {
			return err
		}
	}
	if err := o.addKey(suggestBy[:2], []string{manager, action}); err != nil {
		return err
	}
	return o.add("attributes", listed(attributes))
}

// listed is a list that JSON does not call null.
func listed(texts []string) []string {
	if texts == nil {
		return []string{}
	}
	return texts
}

// Text says in a few sentences what the suggestion is and what speaks for it, and that the
// denial may be right. What was granted outside of Suggestions.Since and Until, or to whom the
// filter left out, it does not know. Names are quoted as in Go, so that it can be printed.
func (s Suggestion) Text() string {
	var text strings.Builder
	say := func(format string, arguments ...any) { fmt.Fprintf(&text, format, arguments...) }
	say("%s of %s", named(s.Action, "no action"), named(s.Manager, "no manager"))
	if len(s.Attributes) > 0 {
		say(", %s,", quotedList(s.Attributes))
	}
	if s.Class == ClassLost {
		say(" was granted until %s, and since then to nobody", s.GrantedUntil.UTC().Format(time.RFC3339))
	} else {
		say(" was never granted in the events looked at")
	}
	say(": %s denied, of %s, to %s, from %s to %s.",
		counted(s.Denied, "check"), counted(s.Checks, "check"), counted(s.Users, "user"),
		s.First.UTC().Format(time.RFC3339), s.Last.UTC().Format(time.RFC3339))
	if len(s.Permissions) > 0 {
		say(" Permissions evaluated: %s.", quotedList(s.Permissions))
	}
	if s.Elsewhere > 0 {
		say(" Granted something else of the manager: %d of these users.", s.Elsewhere)
	}
	if s.Bypassed > 0 {
		say(" Done by superusers: %s, %s.", counted(s.Bypassed, "check"), counted(s.BypassedUsers, "user"))
	}
	if s.DeniedWith != nil {
		say(" It was denied together with %s.", quotedList(s.DeniedWith))
	}
	say(" The denial may be right: ask before you allow it.")
	return text.String()
}

func named(name, none string) string {
	if name == "" {
		return none
	}
	return fmt.Sprintf("%q", name)
}

func quotedList(names []string) string {
	quoted := make([]string, len(names))
	for i, name := range names {
		quoted[i] = named(name, "no attribute")
	}
	return strings.Join(quoted, ", ")
}

func counted(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
