package query

import (
	"context"
	"encoding/json"
	"iter"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
)

// GroupUsers implements UserGrouper: the files are read once for all sets. Events are
// counted where they are read, on all processors, and are not decoded.
func (s *fileSource) GroupUsers(ctx context.Context, sets []Set, by []string) (iter.Seq2[UserGroup, error], error) {
	if err := CheckSets(sets); err != nil {
		return nil, err
	}
	dimensions, err := parseDimensions(by)
	if err != nil {
		return nil, err
	}
	sets = slices.Clone(sets)
	return func(yield func(UserGroup, error) bool) {
		newGrouping := func() *rawUserGrouping { return newRawUserGrouping(newUserGrouping(sets, dimensions)) }
		groupings, more := countLines(ctx, s, newGrouping, func(err error) bool { return yield(UserGroup{}, err) })
		if !more {
			return
		}
		all := groupings[0].userGrouping
		for _, g := range groupings[1:] {
			all.absorb(g.userGrouping)
		}
		all.yield(yield)
	}, nil
}

// rawUserGrouping counts lines by key and user. To which groups lines belong whose
// dimensions are written alike is found out once.
type rawUserGrouping struct {
	*userGrouping
	written

	checks []*rawFilter // of each set
	combos map[string][]*counting.UserGroup
}

func newRawUserGrouping(g *userGrouping) *rawUserGrouping {
	r := &rawUserGrouping{userGrouping: g, written: newWritten(g.dimensions), combos: make(map[string][]*counting.UserGroup)}
	for i := range g.sets {
		r.checks = append(r.checks, newRawFilter(g.sets[i].filter))
	}
	return r
}

// addEvent counts a line that was decoded.
func (r *rawUserGrouping) addEvent(event *audit.PermissionAuditEvent) {
	at := event.Timestamp.UnixMicro()
	if event.Action == audit.ActionGap {
		r.addGap(at, event.Metadata["dropped"])
	}
	for i := range r.sets {
		set := &r.sets[i]
		if window := set.windows.Index(at); window >= 0 && set.filter.Match(*event) {
			r.groupsOf(event)
			r.add(event, i, window)
		}
	}
}

func (r *rawUserGrouping) addLine(l *rawLine) {
	if l.isGap() {
		r.addGap(l.at, json.Number(l.metadata.member("dropped").json))
	}
	var groups []*counting.UserGroup
	var check counting.Check
	for i := range r.sets {
		window := r.sets[i].windows.Index(l.at)
		if window < 0 || !r.checks[i].match(l) {
			continue
		}
		if groups == nil {
			groups = r.groupsOfLine(l)
			name := l.userName()
			check = counting.Check{
				User: r.Users.Number(name), Anonymous: len(name) == 0, Granted: l.granted, Bypassed: l.bypassed, At: l.at,
			}
			check.Weight, check.Sampled = l.weight()
		}
		check.Set, check.Window = i, window
		r.Add(groups, &check)
	}
}

// groupsOfLine are the groups that a line belongs to.
func (r *rawUserGrouping) groupsOfLine(l *rawLine) []*counting.UserGroup {
	key := r.keyOf(l)
	groups, found := r.combos[string(key)]
	if !found {
		if r.full(len(r.combos), string(key)) {
			clear(r.combos)
		}
		event := r.eventOf(l)
		r.groupsOf(&event)
		groups = slices.Clone(r.groups)
		r.combos[string(key)] = groups
	}
	return groups
}
