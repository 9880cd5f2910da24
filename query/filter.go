package query

import (
	"slices"
	"time"

	"github.com/permaudit/audit"
)

// Filter selects events. The zero value selects all of them, in order of arrival,
// but for the gaps: see Action.
type Filter struct {
	// Since and Until bound the timestamp: Since is included, Until is not. The
	// zero time is no bound.
	Since, Until time.Time

	// Action selects by the action. Events of audit.ActionGap, which are no
	// decisions, match only if Action.In names them.
	Action Terms
	// Manager selects by the manager, "" for null.
	Manager Terms
	// Attribute selects by the attributes: see Terms for several values.
	Attribute Terms
	// User selects by the user's id, or by the text in user where there is no
	// id; "" stands for neither.
	User Terms
	// Permission selects by the permissions: see Terms for several values.
	Permission Terms
	// Metadata selects by the values of metadata keys, those of the object
	// itself, not of objects in it. A value is compared by its text: a string as
	// it is, a number as it is written, a boolean as "true" or "false", a list
	// or an object as compact JSON with sorted keys; null and a missing key are
	// "".
	Metadata map[string]Terms

	// Granted and Bypassed select by the outcome. Defaults to Any.
	Granted, Bypassed Choice

	// Newest reverses the order: what arrived last comes first.
	Newest bool
	// Limit is how many events are yielded at most, the first ones in the order
	// of reading; 0 or less: all.
	Limit int
	// Fields is what the caller needs of each event; a Source may leave the
	// others zero. A Grouper counts no users without FieldUser. Defaults to all.
	Fields Fields
}

// Terms selects by a text. The zero Terms accepts everything. Texts are compared
// byte by byte.
//
// A field of several values is accepted if In accepts one of them and NotIn
// excludes none of them. A field without values, and null, count as the one value
// "". So {NotIn: {"a"}} accepts null too.
type Terms struct {
	In    []string // those that are accepted; empty: any
	NotIn []string // those that are excluded, even if In names them
}

// Choice selects by a boolean.
type Choice uint8

// The zero Choice is Any.
const (
	Any Choice = iota
	Yes
	No
)

// String returns "any", "yes" or "no".
func (c Choice) String() string {
	switch c {
	case Yes:
		return "yes"
	case No:
		return "no"
	default:
		return "any"
	}
}

// Match reports whether f selects the event; Newest, Limit and Fields do not
// matter to it. It is meant for events that were read or frozen; others match as
// they would after PermissionAuditEvent.Freeze, but for metadata values that JSON
// cannot express, which are compared as "".
func (f Filter) Match(event audit.PermissionAuditEvent) bool {
	switch {
	case !f.Since.IsZero() && event.Timestamp.Before(f.Since),
		!f.Until.IsZero() && !event.Timestamp.Before(f.Until),
		!f.Granted.accepts(event.Granted),
		!f.Bypassed.accepts(event.Bypassed),
		event.Action == audit.ActionGap && !slices.Contains(f.Action.In, string(audit.ActionGap)),
		!f.Action.accepts(string(event.Action)),
		!f.Manager.accepts(event.Manager),
		!f.Attribute.accepts(event.Attributes...),
		!f.Permission.accepts(event.Permissions...),
		!f.User.acceptsAll() && !f.User.accepts(userText(&event)):
		return false
	}
	for key, terms := range f.Metadata {
		if !terms.acceptsAll() && !terms.accepts(metadataText(event.Metadata[key])) {
			return false
		}
	}
	return true
}

func (c Choice) accepts(b bool) bool {
	switch c {
	case Yes:
		return b
	case No:
		return !b
	default:
		return true
	}
}

func (t Terms) acceptsAll() bool { return len(t.In) == 0 && len(t.NotIn) == 0 }

// null is the value of a field that has none.
var null = []string{""}

func (t Terms) accepts(values ...string) bool {
	if len(values) == 0 {
		values = null
	}
	accepted := len(t.In) == 0
	for _, value := range values {
		if slices.Contains(t.NotIn, value) {
			return false
		}
		accepted = accepted || slices.Contains(t.In, value)
	}
	return accepted
}
