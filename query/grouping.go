package query

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
)

// grouping collects groups from events.
type grouping struct {
	filter     Filter // of what is counted in Group.Events
	dimensions []dimension
	groups     map[string]*tally
	users      counting.Users
	gaps       GapError

	key    []byte   // of groups, for one event
	values []string // of the dimensions, for one event
}

// tally is a group that is being counted.
type tally struct {
	key []string
	counts
}

// counts are what is counted.
type counts struct {
	checks, events     float64 // weighed
	sampled, anonymous int64
	found              bool  // there are events
	first, last        int64 // of events, in microseconds since 1970
	users              userSet
}

func newGrouping(f Filter, dimensions []dimension) *grouping {
	return &grouping{filter: f, dimensions: dimensions, groups: make(map[string]*tally), values: make([]string, len(dimensions))}
}

func (g *grouping) countsUsers() bool { return g.filter.Fields.Has(FieldUser) }

// checksOf is the filter of all checks, of which f selects some.
func checksOf(f Filter) Filter {
	f.Granted, f.Bypassed, f.Newest, f.Limit = Any, Any, false, 0
	return f
}

// read reads the checks of a source. It reports whether to go on.
func (g *grouping) read(ctx context.Context, source Source, yield func(Group, error) bool) bool {
	f := checksOf(g.filter)
	f.Fields = FieldTimestamp | FieldGranted | FieldBypassed | FieldMetadata
	if g.countsUsers() {
		f.Fields |= FieldUser
	}
	for _, d := range g.dimensions {
		f.Fields |= d.field
	}
	for event, err := range source.Events(ctx, f) {
		switch {
		case err == nil:
			g.add(&event)
		case !yield(Group{}, err) || !isDamage(err):
			return false
		}
	}
	return true
}

// readGaps reads the gaps, which are no decisions: only the bounds of time hold for
// them. What is damaged has been yielded before.
func (g *grouping) readGaps(ctx context.Context, source Source, yield func(Group, error) bool) bool {
	for event, err := range source.Events(ctx, gapsOf(g.filter)) {
		switch {
		case err == nil:
			g.gaps.count(event.Metadata["dropped"])
		case !isDamage(err):
			yield(Group{}, err)
			return false
		}
	}
	return true
}

// gapsOf is the filter of the gaps within the time of f.
func gapsOf(f Filter) Filter {
	return Filter{
		Since: f.Since, Until: f.Until,
		Action: Terms{In: []string{string(audit.ActionGap)}}, Fields: FieldAction | FieldTimestamp | FieldMetadata,
	}
}

func isDamage(err error) bool {
	var damage *DamageError
	return errors.As(err, &damage)
}

// add counts a check in the groups that it belongs to.
func (g *grouping) add(event *audit.PermissionAuditEvent) {
	w, sampled := weight(event.Metadata[audit.MetadataSampleRate])
	one := counts{checks: w}
	if sampled {
		one.sampled = 1
	}
	if g.filter.Granted.accepts(event.Granted) && g.filter.Bypassed.accepts(event.Bypassed) {
		one.selectEvent(event.Timestamp.UnixMicro(), w)
		if g.countsUsers() {
			one.addUser([]byte(userText(event)), &g.users)
		}
	}
	values := make([][]string, len(g.dimensions))
	for i, d := range g.dimensions {
		values[i] = d.values(event)
	}
	g.merge(values, &one, nil)
}

// merge adds counts to the groups of all combinations of values. numbers are those
// that the users of the counts have here; nil: they are from here.
func (g *grouping) merge(values [][]string, c *counts, numbers []uint32) {
	g.mergeFrom(0, values, c, numbers)
}

func (g *grouping) mergeFrom(i int, values [][]string, c *counts, numbers []uint32) {
	if i < len(values) {
		for _, value := range values[i] {
			g.values[i] = value
			g.mergeFrom(i+1, values, c, numbers)
		}
		return
	}
	g.key = counting.AppendKey(g.key[:0], g.values)
	t, found := g.groups[string(g.key)]
	if !found {
		t = &tally{key: slices.Clone(g.values)}
		g.groups[string(g.key)] = t
	}
	t.merge(c, numbers)
}

// selectEvent counts an event that is selected.
func (c *counts) selectEvent(at int64, weight float64) {
	c.events += weight
	c.span(at, at)
}

// span says that there are events from first to last.
func (c *counts) span(first, last int64) {
	if !c.found || first < c.first {
		c.first = first
	}
	if !c.found || last > c.last {
		c.last = last
	}
	c.found = true
}

// addUser counts the user of an event that is selected.
func (c *counts) addUser(name []byte, users *counting.Users) {
	c.users.add(users.Number(name))
	if len(name) == 0 {
		c.anonymous++
	}
}

// merge adds other counts; numbers are as grouping.merge has them.
func (c *counts) merge(other *counts, numbers []uint32) {
	if other.found {
		c.span(other.first, other.last)
	}
	c.checks += other.checks
	c.events += other.events
	c.sampled += other.sampled
	c.anonymous += other.anonymous
	other.users.each(func(user uint32) {
		if numbers != nil {
			user = numbers[user]
		}
		c.users.add(user)
	})
}

// absorb adds what another grouping of the same dimensions has counted.
func (g *grouping) absorb(other *grouping) {
	g.gaps.add(&other.gaps)
	numbers := g.users.NumbersOf(&other.users)
	for key, t := range other.groups {
		if own, found := g.groups[key]; found {
			own.merge(&t.counts, numbers)
			continue
		}
		own := &tally{key: t.key}
		own.merge(&t.counts, numbers)
		g.groups[key] = own
	}
}

// yield yields the gaps and the groups.
func (g *grouping) yield(yield func(Group, error) bool) {
	if g.gaps.Gaps > 0 && !yield(Group{}, &g.gaps) {
		return
	}
	for _, t := range g.groups {
		if t.found && !yield(t.group(), nil) {
			return
		}
	}
}

func (t *tally) group() Group {
	return Group{
		Key:    t.key,
		Events: int64(math.Round(t.events)), Checks: int64(math.Round(t.checks)), Users: int64(t.users.len()),
		First: time.UnixMicro(t.first).UTC(), Last: time.UnixMicro(t.last).UTC(),
		Anonymous: t.anonymous, Sampled: t.sampled,
	}
}

// count counts a gap, whose metadata says how many events were dropped.
func (e *GapError) count(dropped any) {
	e.Gaps++
	if number, ok := dropped.(json.Number); ok {
		n, _ := number.Int64() // no number of events: then none is known
		e.Dropped += max(n, 0)
	}
}

func (e *GapError) add(other *GapError) {
	e.Gaps += other.Gaps
	e.Dropped += other.Dropped
}

// weight is how many events one with that sample rate stands for.
func weight(sampleRate any) (weight float64, sampled bool) {
	switch rate := sampleRate.(type) {
	case json.Number:
		return counting.Weight(string(rate))
	case float64:
		return counting.Weight(strconv.FormatFloat(rate, 'g', -1, 64))
	}
	return 1, false
}
