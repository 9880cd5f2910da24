package audittest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Match says what an event of a Recorder is expected to be. A field with its zero
// value matches every event; the zero Match does.
type Match struct {
	// Action, Manager: equal.
	Action  audit.Action
	Manager string
	// User is equal to the user's id or, for a user who has none, to the
	// representation that is recorded instead.
	User string
	// Attributes and Permissions: each of them is among the event's.
	Attributes, Permissions []string
	// Metadata: each of the keys has this value, compared as JSON, so that 1
	// equals json.Number("1").
	Metadata map[string]any
	// Granted and Bypassed as recorded. AssertGranted and its like set them.
	Granted, Bypassed query.Choice
}

// Matches reports whether m matches event.
func (m Match) Matches(event audit.PermissionAuditEvent) bool { return len(m.mismatches(event)) == 0 }

// mismatches says why m does not match event.
func (m Match) mismatches(event audit.PermissionAuditEvent) []string {
	var why []string
	differ := func(name, want, got string) {
		if want != "" && want != got {
			why = append(why, fmt.Sprintf("%s is %q", name, got))
		}
	}
	choose := func(name string, want query.Choice, got bool) {
		if want == query.Yes && !got {
			why = append(why, "not "+name)
		}
		if want == query.No && got {
			why = append(why, name)
		}
	}
	contain := func(name string, want, got []string) {
		for _, s := range want {
			if !slices.Contains(got, s) {
				why = append(why, fmt.Sprintf("%s %q is missing", name, s))
			}
		}
	}
	choose("granted", m.Granted, event.Granted)
	choose("bypassed", m.Bypassed, event.Bypassed)
	differ("action", string(m.Action), string(event.Action))
	differ("manager", m.Manager, event.Manager)
	differ("user", m.User, userText(event))
	contain("attribute", m.Attributes, event.Attributes)
	contain("permission", m.Permissions, event.Permissions)
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		got, found := event.Metadata[key]
		switch {
		case !found:
			why = append(why, fmt.Sprintf("metadata %q is missing", key))
		case !sameJSON(m.Metadata[key], got):
			why = append(why, fmt.Sprintf("metadata %q is %s", key, jsonText(got)))
		}
	}
	return why
}

// String describes what m matches, in words.
func (m Match) String() string {
	var words []string
	choose := func(name string, choice query.Choice) {
		switch choice {
		case query.Yes:
			words = append(words, name)
		case query.No:
			words = append(words, "not "+name)
		case query.Any:
		}
	}
	equal := func(name, value string) {
		if value != "" {
			words = append(words, fmt.Sprintf("%s %q", name, value))
		}
	}
	choose("granted", m.Granted)
	choose("bypassed", m.Bypassed)
	equal("action", string(m.Action))
	equal("manager", m.Manager)
	equal("user", m.User)
	for _, s := range m.Attributes {
		equal("attribute", s)
	}
	for _, s := range m.Permissions {
		equal("permission", s)
	}
	for _, key := range slices.Sorted(maps.Keys(m.Metadata)) {
		words = append(words, fmt.Sprintf("metadata %q = %s", key, jsonText(m.Metadata[key])))
	}
	if len(words) == 0 {
		return "any event"
	}
	return strings.Join(words, ", ")
}

// AssertGranted fails the test unless there is, for each match, an event of a check
// that the rules granted: Granted, and not Bypassed. Without a match, any such event
// will do. It reports whether all is well.
func (r *Recorder) AssertGranted(tb testing.TB, matches ...Match) bool {
	tb.Helper()
	return r.assert(tb, Match{Granted: query.Yes, Bypassed: query.No}, matches)
}

// AssertDenied fails the test unless there is, for each match, an event of a check
// that was denied. Without a match, any such event will do. It reports whether all
// is well.
func (r *Recorder) AssertDenied(tb testing.TB, matches ...Match) bool {
	tb.Helper()
	return r.assert(tb, Match{Granted: query.No}, matches)
}

// AssertBypassed fails the test unless there is, for each match, an event of a check
// whose rules a superuser skipped. Without a match, any such event will do. It
// reports whether all is well.
func (r *Recorder) AssertBypassed(tb testing.TB, matches ...Match) bool {
	tb.Helper()
	return r.assert(tb, Match{Bypassed: query.Yes}, matches)
}

// AssertNone fails the test if an event matches one of the matches or, without a
// match, if there is any event. It reports whether all is well.
func (r *Recorder) AssertNone(tb testing.TB, matches ...Match) bool {
	tb.Helper()
	if len(matches) == 0 {
		matches = []Match{{}}
	}
	events := r.Events()
	ok := true
	for _, m := range matches {
		if slices.ContainsFunc(events, m.Matches) {
			tb.Errorf("audittest: recorded what should not have been: %v\n%s", m, list(events, &m))
			ok = false
		}
	}
	return ok
}

// assert looks for an event with the given outcome for each of the matches.
func (r *Recorder) assert(tb testing.TB, outcome Match, matches []Match) bool {
	tb.Helper()
	if len(matches) == 0 {
		matches = []Match{{}}
	}
	events := r.Events()
	ok := true
	for _, m := range matches {
		if outcome.Granted != query.Any {
			m.Granted = outcome.Granted
		}
		if outcome.Bypassed != query.Any {
			m.Bypassed = outcome.Bypassed
		}
		if !slices.ContainsFunc(events, m.Matches) {
			tb.Errorf("audittest: not recorded: %v\n%s", m, list(events, &m))
			ok = false
		}
	}
	return ok
}
