package audittest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// groupDimensions are all dimensions, with a key for the last one.
func groupDimensions() []string {
	names := query.Dimensions()
	return append(names[:len(names)-1:len(names)-1], "metadata.request_id")
}

// eachDimension asks for each dimension alone, and for none.
func eachDimension(r *groupReading) {
	r.store(corpus(largeCorpus))
	r.groups(query.Filter{})
	r.groups(query.Filter{Granted: query.No}, "user")
	r.store(corpus(smallCorpus))
	for _, name := range groupDimensions() {
		for _, f := range []query.Filter{{}, {Granted: query.No}, {Granted: query.Yes, Bypassed: query.Yes}, {Bypassed: query.No}} {
			r.groups(f, name)
		}
	}
}

// pairsOfDimensions asks for all pairs, in both orders, and for more.
func pairsOfDimensions(r *groupReading) {
	r.store(corpus(smallCorpus))
	names := groupDimensions()
	for _, one := range names {
		for _, other := range names {
			if one != other {
				r.groups(query.Filter{Granted: query.No}, one, other)
			}
		}
	}
	r.groups(query.Filter{}, "permission", "attribute", "manager")
	r.groups(query.Filter{}, names...)
}

// filteredGroups asks with the filters of TestSource.
func filteredGroups(r *groupReading) {
	r.store(corpus(smallCorpus))
	filters := combined()
	for _, more := range [][]query.Filter{
		times(), actionFilters(), managerFilters(), userFilters(), attributeFilters(), permissionFilters(), metadataFilters(), outcomes(),
	} {
		for i, f := range more {
			if i%3 == len(filters)%3 { // TestSource asks with all of them
				filters = append(filters, f)
			}
		}
	}
	for i, f := range filters {
		if i%3 == 0 && f.Granted == query.Any {
			f.Granted = query.No
		}
		if !r.groups(f, [][]string{{"manager", "attribute"}, {"user"}, {"granted", "bypassed"}, {"action", "day"}}[i%4]...) {
			return
		}
	}
}

func orderedGroups(r *groupReading) {
	r.store(corpus(smallCorpus))
	for _, f := range []query.Filter{{Newest: true}, {Limit: 3}, {Newest: true, Limit: 1, Granted: query.No}, {Limit: 2, Fields: query.FieldUser | query.FieldID}} {
		r.groups(f, "manager", "user")
		r.groups(f, "attribute")
	}
}

// groupsWithoutUsers: everything but them is counted, whatever the other fields are.
func groupsWithoutUsers(r *groupReading) {
	r.store(corpus(smallCorpus))
	for _, f := range []query.Filter{{}, {Granted: query.No}, {User: in("alice", "")}, {Bypassed: query.Yes, Manager: in("Project")}} {
		for _, f.Fields = range []query.Fields{query.FieldID, query.FieldManager | query.FieldTimestamp} {
			r.groups(f)
			for _, name := range groupDimensions() {
				r.groups(f, name)
			}
			r.groups(f, "user", "attribute")
		}
	}
}

// noGroups: where nothing is selected there is no group, even if there are checks.
func noGroups(r *groupReading) {
	r.store(nil)
	r.groups(query.Filter{})
	r.groups(query.Filter{Fields: query.FieldTimestamp})
	r.groups(query.Filter{}, "manager")
	event := readBack(audit.PermissionAuditEvent{ID: audit.NewEventID(), Timestamp: begin, Action: audit.ActionRead, Granted: true, Manager: "Project"})
	r.store([]audit.PermissionAuditEvent{event})
	r.groups(query.Filter{Granted: query.No})
	r.groups(query.Filter{Granted: query.No, Fields: query.FieldTimestamp})
	r.groups(query.Filter{Granted: query.No}, "manager")
	r.groups(query.Filter{Granted: query.No}, "attribute", "metadata.x")
	r.groups(query.Filter{Manager: in("Order")}, "manager")
}

// gapsBesideGroups: gaps are no decisions, unless they are named. Of the filter only
// the time matters to them.
func gapsBesideGroups(r *groupReading) {
	events := corpus(smallCorpus)
	for i, dropped := range []any{json.Number("7"), json.Number("-3"), json.Number("1.5"), "many", nil} {
		event := audit.PermissionAuditEvent{
			ID: audit.NewEventID(), Timestamp: begin.Add(time.Duration(i) * time.Hour), Action: audit.ActionGap, Granted: true,
			Metadata: map[string]any{"dropped": dropped, "reason": "overflow"},
		}
		events = append(events, readBack(event))
	}
	r.store(events)
	for _, f := range []query.Filter{
		{},
		{Granted: query.No, Manager: in("Project"), User: in("alice")},
		{Since: begin.Add(time.Hour), Until: begin.Add(3 * time.Hour)},
		{Until: begin.Add(time.Microsecond)},
		{Since: begin.Add(1000 * time.Hour)},
		{Action: in("gap")},
		{Action: in("gap", "read"), Granted: query.No},
		{Action: notIn("gap")},
	} {
		r.groups(f, "action")
		r.groups(f, "manager", "attribute")
	}
}

// sampledGroups: some events stand for several.
func sampledGroups(r *groupReading) {
	events := corpus(smallCorpus)
	rates := []any{
		json.Number("0.5"), json.Number("0.25"), json.Number("1"), json.Number("0.1"), nil, json.Number("0"), json.Number("-0.5"),
		json.Number("1.5"), "0.5", true,
		[]any{json.Number("0.5")},
		map[string]any{"rate": json.Number("0.5")},
	}
	for i := range events {
		if i%3 == 0 {
			metadata := maps.Clone(events[i].Metadata)
			if metadata == nil {
				metadata = map[string]any{}
			}
			metadata[audit.MetadataSampleRate] = rates[i/3%len(rates)]
			events[i].Metadata = metadata
			events[i] = readBack(events[i])
		}
	}
	r.store(events)
	for _, f := range []query.Filter{
		{},
		{Granted: query.No},
		{Bypassed: query.Yes, Until: begin.Add(30 * time.Hour)},
		{User: in("alice", "")},
		{Granted: query.No, Fields: query.FieldTimestamp},
	} {
		r.groups(f)
		for _, by := range [][]string{{"manager", "attribute"}, {"granted", "bypassed"}, {"metadata.sample_rate"}, {"user"}, {"permission"}, {"hour"}} {
			r.groups(f, by...)
		}
	}
}

// metadataGroups asks for values of all types, under all keys.
func metadataGroups(r *groupReading) {
	r.store(corpus(2 * smallCorpus))
	for _, key := range append(metadataKey[:len(metadataKey):len(metadataKey)], "absent", "\xff", "a\x00b", "a' OR 1=1 --", `"`) {
		r.groups(query.Filter{Granted: query.No}, "metadata."+key)
	}
	r.groups(query.Filter{}, "metadata.request_id", "metadata.x", "attribute")
	r.groups(query.Filter{Metadata: map[string]query.Terms{"x": in("[]", "{}", "1")}}, "metadata.x", "action")
}

// wrongDimensions: the error comes before anything is read.
func wrongDimensions(r *groupReading) {
	r.store(corpus(smallCorpus))
	for _, by := range [][]string{{"owner"}, {""}, {"manager", "manager"}, {"metadata"}, {"created_at"}, {"manager", `manager"; DROP TABLE x`}} {
		if _, err := query.GroupBy(r.Context(), r.source, query.Filter{}, by); err == nil {
			r.broken("Group by %q returned no error", by)
		}
	}
	r.groups(query.Filter{}, "manager")
}

func groupsAgain(r *groupReading) {
	r.store(corpus(smallCorpus))
	by := []string{"manager", "attribute"}
	sequence, err := query.GroupBy(r.Context(), r.source, query.Filter{Granted: query.No}, by)
	if err != nil {
		r.broken("Group returned an error: %v", err)
		return
	}
	by[0] = "action" // it is the caller's
	for _, enough := range []int{1, 3} {
		n := 0
		for range sequence { //nolint:errcheck // what comes is looked at below
			if n++; n == enough {
				break
			}
		}
	}
	for range 2 {
		var groups []query.Group
		var gaps []*query.GapError
		for group, err := range sequence {
			var gap *query.GapError
			if errors.As(err, &gap) {
				gaps = append(gaps, gap)
				continue
			}
			if err != nil {
				r.broken("the sequence yielded an error: %v", err)
				return
			}
			groups = append(groups, group)
		}
		r.sameGroups(query.Filter{Granted: query.No}, []string{"manager", "attribute"}, groups, gaps)
	}
}

// groupsEndWithContext: a part is not taken for the whole.
func groupsEndWithContext(r *groupReading) {
	r.store(corpus(smallCorpus))
	cause := errors.New("the reader gave up")
	ctx, cancel := context.WithCancelCause(r.Context())
	cancel(cause)
	for _, by := range [][]string{nil, {"manager", "attribute"}, {"metadata.request_id"}} {
		var last error
		pairs := 0
		err := r.call("the sequence, with a context that has ended,", soon, func() error {
			sequence, err := query.GroupBy(ctx, r.source, query.Filter{Granted: query.No}, by)
			if err != nil {
				return err
			}
			for group, err := range sequence {
				pairs++
				if last = err; !reflect.ValueOf(group).IsZero() {
					last = fmt.Errorf("a group: %+v", group)
				}
			}
			return nil
		})
		if err != nil || !errors.Is(last, cause) || pairs != 1 {
			r.broken("ctx had ended, and of %d pairs the last is %v: want one with the cause of ctx, which context.Cause returns", pairs, errors.Join(err, last))
		}
	}
	r.groups(query.Filter{}, "manager")
}

// groupsConcurrently: several ask at once, each for something else.
func groupsConcurrently(r *groupReading) {
	const askers = 8
	r.store(corpus(smallCorpus))
	names := groupDimensions()
	type answer struct {
		groups []query.Group
		gaps   []*query.GapError
	}
	answers := make([]answer, askers)
	for _, err := range r.all("Group, called concurrently,", patience, askers, func(i int) (err error) {
		answers[i].groups, answers[i].gaps, err = askGroups(r.Context(), r.source, query.Filter{Granted: query.No}, names[i:i+1])
		return err
	}) {
		if err != nil {
			r.broken("the source, asked concurrently, yielded an error: %v", err)
			return
		}
	}
	for i, a := range answers {
		r.sameGroups(query.Filter{Granted: query.No}, names[i:i+1], a.groups, a.gaps)
	}
}
