package query

import (
	"context"
	"errors"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
)

// userGrouping counts checks by key and user.
type userGrouping struct {
	*counting.ByUser

	sets       []checkSet
	dimensions []dimension
	gaps       GapError

	values [][]string            // of the dimensions, for one event
	key    []string              // of a group, for one event
	groups []*counting.UserGroup // that one event belongs to
}

func newUserGrouping(sets []Set, dimensions []dimension) *userGrouping {
	g := &userGrouping{
		ByUser: counting.NewByUser(len(sets)), sets: make([]checkSet, len(sets)), dimensions: dimensions,
		values: make([][]string, len(dimensions)), key: make([]string, len(dimensions)),
	}
	for i, set := range sets {
		g.sets[i] = newCheckSet(set)
	}
	return g
}

// read reads the checks of each set. It reports whether to go on.
func (g *userGrouping) read(ctx context.Context, source Source, yield func(UserGroup, error) bool) bool {
	fields := FieldTimestamp | FieldGranted | FieldBypassed | FieldUser | FieldMetadata
	for _, d := range g.dimensions {
		fields |= d.field
	}
	var damages seenDamages
	for i := range g.sets {
		set := &g.sets[i]
		f := set.filter
		f.Fields = fields
		for event, err := range source.Events(ctx, f) {
			switch {
			case err == nil:
				if window := set.windows.Index(event.Timestamp.UnixMicro()); window >= 0 {
					g.groupsOf(&event)
					g.add(&event, i, window)
				}
			case damages.repeats(err):
			case !yield(UserGroup{}, err) || !isDamage(err):
				return false
			}
		}
	}
	return true
}

// seenDamages are those that readings of the same source have met, each of which is
// yielded once.
type seenDamages map[DamageError]struct{}

func (s *seenDamages) repeats(err error) bool {
	var damage *DamageError
	if !errors.As(err, &damage) {
		return false
	}
	if *s == nil {
		*s = make(seenDamages)
	}
	place := DamageError{File: damage.File, Line: damage.Line}
	_, seen := (*s)[place]
	(*s)[place] = struct{}{}
	return seen
}

// readGaps reads the gaps that are in a window of a set.
func (g *userGrouping) readGaps(ctx context.Context, source Source, yield func(UserGroup, error) bool) bool {
	for event, err := range source.Events(ctx, gapsOf(Filter{})) {
		switch {
		case err == nil:
			g.addGap(event.Timestamp.UnixMicro(), event.Metadata["dropped"])
		case !isDamage(err):
			yield(UserGroup{}, err)
			return false
		}
	}
	return true
}

// addGap counts a gap if it is in a window of a set.
func (g *userGrouping) addGap(at int64, dropped any) {
	if slices.ContainsFunc(g.sets, func(set checkSet) bool { return set.windows.Index(at) >= 0 }) {
		g.gaps.count(dropped)
	}
}

// groupsOf finds the groups that an event belongs to.
func (g *userGrouping) groupsOf(event *audit.PermissionAuditEvent) {
	for i, d := range g.dimensions {
		g.values[i] = d.values(event)
	}
	g.groups = g.groups[:0]
	g.combine(0)
}

// combine appends the groups of all combinations of values.
func (g *userGrouping) combine(i int) {
	if i == len(g.values) {
		g.groups = append(g.groups, g.Group(g.key))
		return
	}
	for _, value := range g.values[i] {
		g.key[i] = value
		g.combine(i + 1)
	}
}

// add counts an event in its groups, in a window of a set.
func (g *userGrouping) add(event *audit.PermissionAuditEvent, set, window int) {
	user := userText(event)
	check := counting.Check{
		Set: set, Window: window, User: g.Users.Number([]byte(user)), Anonymous: user == "",
		Granted: event.Granted, Bypassed: event.Bypassed, At: event.Timestamp.UnixMicro(),
	}
	check.Weight, check.Sampled = weight(event.Metadata[audit.MetadataSampleRate])
	g.Add(g.groups, &check)
}

// absorb adds what another grouping of the same sets and dimensions has counted.
func (g *userGrouping) absorb(other *userGrouping) {
	g.gaps.add(&other.gaps)
	g.Absorb(other.ByUser)
}

// yield yields the gaps and the groups.
func (g *userGrouping) yield(yield func(UserGroup, error) bool) {
	if g.gaps.Gaps > 0 && !yield(UserGroup{}, &g.gaps) {
		return
	}
	YieldByUser(g.ByUser, yield)
}
