package query

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// Grouper is a Source that counts events by key without handing out each of them.
//
// Group groups what f selects by the dimensions named in by: any of Dimensions,
// each once; none is one group of everything. An event of several attributes or
// permissions belongs to the group of each of them, once. Newest and Limit of f do not
// matter. If Fields lacks FieldUser, users are not counted, which is quicker; its other
// fields do not matter. Groups without selected events are left out. They are yielded in
// no particular order.
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
	// knows them; all events without any user count as one. 0 if users are not
	// counted, by "user" too.
	Users int64

	First, Last time.Time // of Events, by their timestamps, in UTC

	Anonymous int64 // of Events those without any user, not weighed; 0 if users are not counted
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
		if g.read(ctx, source, yield) && g.readGaps(ctx, source, yield) {
			g.yield(yield)
		}
	}, nil
}
