package table

import (
	"context"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// grouping puts parts together to groups.
type grouping struct {
	by    []string
	users bool                // they are counted
	plain bool                // a part belongs to one group, whose key is its values
	cells map[string][]*tally // of the groups that events with these Part.Values belong to
	all   map[string]*tally   // by the key of the group
	gaps
	key []byte // for one part
}

// tally is a group that is being counted.
type tally struct {
	query.Group

	events, checks float64             // events are 0 if nothing is selected
	users          map[string]struct{} // nil: there are none
}

func newGrouping(by []string, users bool) *grouping {
	plain := !slices.ContainsFunc(by, func(name string) bool { return !slices.Contains(plainDimensions, name) })
	return &grouping{by: by, users: users, plain: plain, cells: make(map[string][]*tally), all: make(map[string]*tally)}
}

// plainDimensions have one value, which is that of the column.
var plainDimensions = []string{"manager", "action", "user", "granted", "bypassed"}

// add counts a part, which f selects or not. The parts that it selects come first.
func (g *grouping) add(ctx context.Context, part *Part, selected bool) error {
	w, sampled := counting.Weight(part.Rate)
	count := func(t *tally) {
		t.checks += w * float64(part.Events)
		if sampled {
			t.Sampled += part.Events
		}
		if selected {
			t.add(part, w*float64(part.Events))
			if g.users {
				t.addUser(part)
			}
		}
	}
	if g.plain {
		if t := g.tally(part, selected); t != nil {
			count(t)
		}
		return nil
	}
	g.key = counting.AppendKey(g.key[:0], part.Values)
	tallies, found := g.cells[string(g.key)]
	if !found {
		var err error
		if tallies, err = g.tallies(ctx, part); err != nil {
			return err
		}
		g.cells[string(g.key)] = tallies
	}
	for _, t := range tallies {
		count(t)
	}
	return nil
}

// tally is the group of a part, where it is plain; nil: there is none, and nobody wants
// one of which nothing is selected.
func (g *grouping) tally(part *Part, selected bool) *tally {
	for i, name := range g.by {
		if name == "granted" || name == "bypassed" {
			part.Values[i] = strconv.FormatBool(isTrue(part.Values[i]))
		}
	}
	g.key = counting.AppendKey(g.key[:0], part.Values)
	t, found := g.all[string(g.key)]
	if !found && selected {
		t = newTally(part.Values)
		g.all[string(g.key)] = t
	}
	return t
}

// newTally is a tally for the group with the key, whose memory somebody else uses.
func newTally(key []string) *tally {
	own := make([]string, len(key))
	for i, value := range key {
		own[i] = strings.Clone(value)
	}
	return &tally{Group: query.Group{Key: own}}
}

func (t *tally) add(part *Part, weight float64) {
	if t.events == 0 || part.First.Before(t.First) {
		t.First = part.First
	}
	if t.events == 0 || part.Last.After(t.Last) {
		t.Last = part.Last
	}
	t.events += weight
}

func (t *tally) addUser(part *Part) {
	if t.users == nil {
		t.users = make(map[string]struct{})
	}
	if _, known := t.users[part.User]; !known {
		t.users[strings.Clone(part.User)] = struct{}{}
	}
	if part.User == "" {
		t.Anonymous += part.Events
	}
}

// tallies are those of the groups to which events with the values of a part belong.
func (g *grouping) tallies(ctx context.Context, part *Part) ([]*tally, error) {
	keys, err := keysOf(ctx, g.by, part)
	var tallies []*tally
	for _, key := range keys {
		id := string(counting.AppendKey(nil, key))
		t, found := g.all[id]
		if !found {
			t = newTally(key)
			g.all[id] = t
		}
		tallies = append(tallies, t)
	}
	return tallies, err
}

// yield yields the gaps and the groups.
func (g *grouping) yield(yield func(query.Group, error) bool) {
	if g.Gaps > 0 && !yield(query.Group{}, &g.GapError) {
		return
	}
	for _, t := range g.all {
		if t.events == 0 {
			continue
		}
		group := t.Group
		group.Key = slices.Clone(group.Key) // the sequence may be ranged over again
		group.Events, group.Checks, group.Users = int64(math.Round(t.events)), int64(math.Round(t.checks)), int64(len(t.users))
		if !yield(group, nil) {
			return
		}
	}
}
