package query

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/permaudit/audit"
)

// Grouper is a Source that counts events by key without handing out each of them.
//
// Group groups what f selects by the dimensions named in by: any of Dimensions,
// each once; none is one group of everything. An event of several attributes or
// permissions belongs to the group of each of them, once. Newest, Limit and Fields
// of f do not matter. Groups without selected events are left out. They are yielded
// in no particular order.
//
// The error that Group returns says that by is wrong. An error that the sequence
// yields stands beside a zero Group: a *DamageError concerns one line or row, and the
// counting goes on; a *GapError, at most one, says that the log itself is
// incomplete; any other error is the last pair. When ctx ends, the last pair is its
// cause. What holds for the sequence of Source.Events holds for this one.
type Grouper interface {
	Group(ctx context.Context, f Filter, by []string) (iter.Seq2[Group, error], error)
}

// Group is what there is to know of the events with one key. Counts are weighed: an
// event with a metadata sample_rate r, a number in (0, 1], stands for 1/r events;
// the sum is rounded.
type Group struct {
	Key []string // a value for each dimension, in their order; "" is null

	Events int64 // what the filter selects
	// Checks is what it would select with Granted and Bypassed at Any: all
	// decisions of the same key.
	Checks int64
	// Users is how many different users there are among Events, as Filter.User
	// knows them; all events without any user count as one.
	Users int64

	First, Last time.Time // of Events, by their timestamps, in UTC

	Anonymous int64 // of Events those without any user, not weighed
	Sampled   int64 // of the checks those with a sample rate, not weighed
}

// GapError says that events are missing from a log: a logger dropped them, and left
// events of audit.ActionGap within the filter's time bounds instead.
type GapError struct {
	Gaps    int64 // how many such events there are
	Dropped int64 // how many events they stand for
}

// Error implements error.
func (e *GapError) Error() string {
	return fmt.Sprintf("query: the log is incomplete: %d events were dropped, in %d gaps", e.Dropped, e.Gaps)
}

// GroupBy groups the events of any source: by its Group if it is a Grouper, else by
// reading the events. See Grouper.
func GroupBy(ctx context.Context, source Source, f Filter, by []string) (iter.Seq2[Group, error], error) {
	if grouper, ok := source.(Grouper); ok {
		return grouper.Group(ctx, f, by)
	}
	dimensions, err := parseDimensions(by)
	if err != nil {
		return nil, err
	}
	return func(yield func(Group, error) bool) {
		g := newGrouping(f, dimensions)
		if !g.read(ctx, source, g.add, yield) || !g.readGaps(ctx, source, yield) {
			return
		}
		g.yield(yield)
	}, nil
}

// grouping collects groups from events.
type grouping struct {
	filter     Filter // of what is counted in Group.Events
	dimensions []dimension
	groups     map[string]*tally
	gaps       GapError

	key    []byte   // of the map, for one event; there is no other use of it
	values []string // of the dimensions, for one event
}

// tally is a group that is being counted.
type tally struct {
	Group

	events, checks float64
	users          map[string]struct{}
}

func newGrouping(f Filter, dimensions []dimension) *grouping {
	return &grouping{filter: f, dimensions: dimensions, groups: make(map[string]*tally), values: make([]string, len(dimensions))}
}

// read reads all checks and hands them to each. It reports whether to go on.
func (g *grouping) read(ctx context.Context, source Source, each func(*audit.PermissionAuditEvent), yield func(Group, error) bool) bool {
	checks := g.filter
	checks.Granted, checks.Bypassed, checks.Newest, checks.Limit = Any, Any, false, 0
	checks.Fields = FieldTimestamp | FieldGranted | FieldBypassed | FieldUser | FieldMetadata
	for _, d := range g.dimensions {
		checks.Fields |= d.field
	}
	for event, err := range source.Events(ctx, checks) {
		switch {
		case err == nil:
			each(&event)
		case !yield(Group{}, err) || !isDamage(err):
			return false
		}
	}
	return true
}

// readGaps reads the gaps, which are no decisions: only the bounds of time hold for
// them. What is damaged has been yielded before.
func (g *grouping) readGaps(ctx context.Context, source Source, yield func(Group, error) bool) bool {
	gaps := Filter{
		Since: g.filter.Since, Until: g.filter.Until,
		Action: Terms{In: []string{string(audit.ActionGap)}}, Fields: FieldAction | FieldMetadata,
	}
	for event, err := range source.Events(ctx, gaps) {
		switch {
		case err == nil:
			g.gaps.count(&event)
		case !isDamage(err):
			yield(Group{}, err)
			return false
		}
	}
	return true
}

func isDamage(err error) bool {
	var damage *DamageError
	return errors.As(err, &damage)
}

// add counts an event that is a check.
func (g *grouping) add(event *audit.PermissionAuditEvent) { g.addFrom(event, 0) }

// addFrom adds the event to the groups of all combinations of its values, from
// dimension i on.
func (g *grouping) addFrom(event *audit.PermissionAuditEvent, i int) {
	if i < len(g.dimensions) {
		for _, value := range g.dimensions[i].values(event) {
			g.values[i] = value
			g.addFrom(event, i+1)
		}
		return
	}
	g.key = appendKey(g.key[:0], g.values)
	t, found := g.groups[string(g.key)]
	if !found {
		t = &tally{Group: Group{Key: slices.Clone(g.values)}}
		g.groups[string(g.key)] = t
	}
	w, sampled := weight(event.Metadata[audit.MetadataSampleRate])
	t.checks += w
	if sampled {
		t.Sampled++
	}
	if g.filter.Granted.accepts(event.Granted) && g.filter.Bypassed.accepts(event.Bypassed) {
		t.add(event.Timestamp.UTC(), userText(event), w)
	}
}

// add counts an event that is selected.
func (t *tally) add(at time.Time, user string, weight float64) {
	if t.users == nil {
		t.users = make(map[string]struct{})
		t.First, t.Last = at, at
	}
	t.events += weight
	t.users[user] = struct{}{}
	if user == "" {
		t.Anonymous++
	}
	if at.Before(t.First) {
		t.First = at
	}
	if at.After(t.Last) {
		t.Last = at
	}
}

// appendKey appends values so that different ones make a different key.
func appendKey(key []byte, values []string) []byte {
	for _, value := range values {
		key = binary.AppendUvarint(key, uint64(len(value)))
		key = append(key, value...)
	}
	return key
}

// yield yields the gaps and the groups.
func (g *grouping) yield(yield func(Group, error) bool) {
	if g.gaps.Gaps > 0 && !yield(Group{}, &g.gaps) {
		return
	}
	for _, t := range g.groups {
		if t.users == nil {
			continue
		}
		t.Events, t.Checks, t.Users = round(t.events), round(t.checks), int64(len(t.users))
		if !yield(t.Group, nil) {
			return
		}
	}
}

// round rounds a sum of weights.
func round(sum float64) int64 { return int64(math.Round(sum)) }

// count counts a gap.
func (e *GapError) count(event *audit.PermissionAuditEvent) {
	e.Gaps++
	if dropped, ok := event.Metadata["dropped"].(json.Number); ok {
		n, _ := dropped.Int64() // no number of events: then it stands for none that is known
		e.Dropped += max(n, 0)
	}
}

// weight is how many events one with that sample rate stands for.
func weight(sampleRate any) (weight float64, sampled bool) {
	rate := 0.0
	switch value := sampleRate.(type) {
	case json.Number:
		rate, _ = strconv.ParseFloat(string(value), 64) // out of range: no rate
	case float64:
		rate = value
	}
	if rate > 0 && rate <= 1 {
		return 1 / rate, true
	}
	return 1, false
}
