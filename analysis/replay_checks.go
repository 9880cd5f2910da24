package analysis

import (
	"context"
	"errors"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// check is what was asked once or more: by one user, of one manager, for one action, on
// the same attributes.
type check struct {
	user            string
	event           audit.PermissionAuditEvent // the newest
	granted, denied bool                       // whether an event of it was so
}

func (c *check) isInconsistent() bool { return c.granted && c.denied }

// see takes note of another event of the check. isBackward says that it was read before
// those that arrived later.
func (c *check) see(event *audit.PermissionAuditEvent, isBackward bool) {
	order := event.Timestamp.Compare(c.event.Timestamp)
	if order > 0 || order == 0 && !isBackward {
		c.event = *event
	}
	c.granted = c.granted || event.Granted
	c.denied = c.denied || !event.Granted
}

// readChecks reads the checks that f selects, in the order in which the first event of each
// is read.
func readChecks(ctx context.Context, source query.Source, f query.Filter, notes *Notes) ([]check, error) {
	f.Fields = 0
	f.Newest = f.Newest && f.Limit > 0 // forwards is faster
	var checks []check
	known := make(map[string]int)
	var key []byte
	for event, err := range source.Events(ctx, f) { //nolint:contextcheck // what ctx carries was not recorded
		switch {
		case err != nil && !notes.skip(err):
			return nil, err
		case err != nil || event.Action == audit.ActionGap:
			continue
		}
		user := userOf(&event)
		key = appendCheckKey(key[:0], user, &event)
		i, found := known[string(key)]
		if !found {
			i = len(checks)
			known[string(key)] = i
			checks = append(checks, check{user: user, event: event})
		}
		checks[i].see(&event, f.Newest)
	}
	return checks, readGaps(ctx, source, f, notes)
}

// appendCheckKey appends what tells a check from others.
func appendCheckKey(key []byte, user string, event *audit.PermissionAuditEvent) []byte {
	key = counting.AppendKey(key, []string{user, event.Manager, string(event.Action)})
	attributes := event.Attributes
	if len(attributes) > 1 {
		attributes = slices.Compact(slices.Sorted(slices.Values(attributes)))
	}
	return counting.AppendKey(key, attributes)
}

// userOf is the user as Filter.User knows them.
func userOf(event *audit.PermissionAuditEvent) string {
	if event.UserID != "" {
		return event.UserID
	}
	repr, isRepr := event.User.(audit.UserRepr)
	if event.User == nil || isRepr {
		return string(repr)
	}
	// A value of the host's: what would be recorded of it?
	recorded := frozen(&audit.PermissionAuditEvent{User: event.User})
	return userOf(&recorded)
}

// frozen is a copy of an event that shares nothing with it, and adds nothing to it.
func frozen(event *audit.PermissionAuditEvent) audit.PermissionAuditEvent {
	own := event.Freeze(context.Background())
	own.ID = event.ID
	if event.Timestamp.IsZero() {
		own.Timestamp = event.Timestamp
	}
	return own
}

// readGaps takes note of the gaps within the time of f. What is damaged has been counted
// before.
func readGaps(ctx context.Context, source query.Source, f query.Filter, notes *Notes) error {
	gaps := query.Filter{Since: f.Since, Until: f.Until, Action: query.Terms{In: []string{string(audit.ActionGap)}}}
	gaps.Fields = query.FieldTimestamp // no users
	groups, err := query.GroupBy(ctx, source, gaps, nil)
	if err != nil {
		return err
	}
	for _, err := range groups {
		var damage *query.DamageError
		if err != nil && !errors.As(err, &damage) && !notes.skip(err) {
			return err
		}
	}
	return nil
}
