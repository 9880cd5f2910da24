package query

import (
	"bytes"
	"context"
	"encoding/json"
	"iter"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
)

// Group implements Grouper. Events are counted where they are read, on all processors,
// and are not decoded.
func (s *fileSource) Group(ctx context.Context, f Filter, by []string) (iter.Seq2[Group, error], error) {
	dimensions, err := parseDimensions(by)
	if err != nil {
		return nil, err
	}
	return func(yield func(Group, error) bool) {
		checks := newRawFilter(checksOf(f))
		newGrouping := func() *rawGrouping { return newRawGrouping(newGrouping(f, dimensions), checks) }
		groupings, more := countLines(ctx, s, newGrouping, func(err error) bool { return yield(Group{}, err) })
		if !more {
			return
		}
		all := groupings[0].flush()
		for _, g := range groupings[1:] {
			all.absorb(g.flush())
		}
		all.yield(yield)
	}, nil
}

// rawGrouping collects groups from lines. Those whose dimensions are written alike are
// counted together: what they are written is taken to pieces once.
type rawGrouping struct {
	*grouping

	checks *rawFilter
	written
	combos map[string]*combo
}

// combo is what was counted of lines whose dimensions are written alike.
type combo struct {
	counts

	values [][]string // of each dimension
}

func newRawGrouping(g *grouping, checks *rawFilter) *rawGrouping {
	return &rawGrouping{grouping: g, checks: checks, written: newWritten(g.dimensions), combos: make(map[string]*combo)}
}

// addEvent counts a line that was decoded.
func (r *rawGrouping) addEvent(event *audit.PermissionAuditEvent) {
	if event.Action == audit.ActionGap && r.checks.inTime(event.Timestamp.UnixMicro()) {
		r.gaps.count(event.Metadata["dropped"])
	}
	if r.checks.Match(*event) {
		r.add(event)
	}
}

func (r *rawGrouping) addLine(l *rawLine) {
	if l.isGap() && r.checks.inTime(l.at) {
		r.gaps.count(json.Number(l.metadata.member("dropped").json))
	}
	if !r.checks.match(l) {
		return
	}
	key := r.keyOf(l)
	c, found := r.combos[string(key)]
	if !found {
		c = r.newCombo(l, string(key))
	}
	w, sampled := l.weight()
	c.checks += w
	if sampled {
		c.sampled++
	}
	if r.filter.Granted.accepts(l.granted) && r.filter.Bypassed.accepts(l.bypassed) {
		c.selectEvent(l.at, w)
		if r.countsUsers() {
			c.addUser(l.userName(), &r.users)
		}
	}
}

func (r *rawGrouping) newCombo(l *rawLine, key string) *combo {
	if r.full(len(r.combos), key) {
		r.flush()
	}
	c := &combo{values: make([][]string, len(r.dimensions))}
	event := r.eventOf(l)
	for i, d := range r.dimensions {
		c.values[i] = slices.Clone(d.values(&event))
	}
	r.combos[key] = c
	return c
}

// flush moves what was counted to the groups.
func (r *rawGrouping) flush() *grouping {
	for _, c := range r.combos {
		r.merge(c.values, &c.counts, nil)
	}
	clear(r.combos)
	return r.grouping
}

// userName is the user as Filter.User knows him.
func (l *rawLine) userName() []byte {
	switch user := l.userText(); {
	case user.json == nil:
		return nil
	case user.plain:
		return user.json[1 : len(user.json)-1]
	default:
		return []byte(user.string())
	}
}

// weight is how many events the line stands for.
func (l *rawLine) weight() (float64, bool) {
	if l.metadata.json == nil || l.metadata.plain && !bytes.Contains(l.metadata.json, []byte(audit.MetadataSampleRate)) {
		return 1, false
	}
	return counting.Weight(string(l.metadata.member(audit.MetadataSampleRate).json))
}
