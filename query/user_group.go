package query

import (
	"context"
	"fmt"
	"iter"
	"time"
)

// UserGrouper is a Source that counts what each user got, by key, without handing out
// the events: what deployments and rules are judged by.
//
// GroupUsers counts the events of each set by the dimensions named in by, as Group
// does. A check that several sets select counts in each of them. Groups are yielded in
// no particular order. Errors stand beside a zero UserGroup, and are those of
// Grouper.Group; the gaps are those within a window of a set.
//
// Memory grows with the number of different users in each key.
type UserGrouper interface {
	GroupUsers(ctx context.Context, sets []Set, by []string) (iter.Seq2[UserGroup, error], error)
}

// Set is some of the checks of a source: those that Filter selects and whose timestamp
// is in one of Windows. Newest, Limit and Fields of the filter do not matter.
type Set struct {
	Filter Filter
	// Windows ascend and do not overlap; there are at most MaxWindows. None stands
	// for a single one of all times.
	Windows []Window
}

// Window is a stretch of time: Since is included, Until is not.
type Window struct{ Since, Until time.Time }

// MaxWindows is how many windows a Set has at most.
const MaxWindows = 64

// UserGroup is what there is to know of the checks with one key.
type UserGroup struct {
	Key  []string    // a value for each dimension, in their order; "" is null
	Sets []SetCounts // of each set, in their order
	// Users yields what each user got in each set, those of a set one after the
	// other, in no particular order. It may be ranged over until the next group is
	// asked for.
	Users iter.Seq[UserCounts]
}

// SetCounts is what there is to know of the checks with one key in one set. Counts are
// weighed as those of Group, and not rounded.
type SetCounts struct {
	Checks float64 // all of them
	// Granted are those that the rules granted: no bypass was needed. Denied and
	// Bypassed are those in which granted is false, and bypassed is true.
	Granted, Denied, Bypassed Outcome

	Anonymous int64 // of the checks those without any user, not weighed
	Sampled   int64 // of the checks those with a sample rate, not weighed

	// DeniedWith yields the keys of other groups to which denied checks belong too,
	// since they have several attributes or permissions, and how many do, in no
	// particular order. Checks of more than 32 groups are left out, since pairs grow
	// with the square of them. It may be ranged over as Users may.
	DeniedWith iter.Seq2[[]string, float64]
}

// Outcome is how many checks ended so, and when the first and the last did, by their
// timestamps, in UTC; the zero time if none did.
type Outcome struct {
	Events      float64
	First, Last time.Time
}

// UserCounts is what one user got of the checks with one key in one set.
type UserCounts struct {
	User   string // as Filter.User knows them; "": any without a user
	Number int    // of the user: the same in every group of a sequence, from 0 on
	Set    int    // which set, by its index

	Granted, Denied, Bypassed UserShare // as SetCounts has them
}

// UserShare is how many checks of a user ended so, weighed, and in which windows: bit i
// is the i-th of the set.
type UserShare struct {
	Events  float64
	Windows uint64
}

// GroupUsersBy counts the checks of any source: by its GroupUsers if it is a
// UserGrouper, else by reading the events of each set. See UserGrouper. It returns an
// error if by or the windows of a set are wrong.
func GroupUsersBy(ctx context.Context, source Source, sets []Set, by []string) (iter.Seq2[UserGroup, error], error) {
	if grouper, ok := source.(UserGrouper); ok {
		return grouper.GroupUsers(ctx, sets, by)
	}
	if err := CheckSets(sets); err != nil {
		return nil, err
	}
	dimensions, err := parseDimensions(by)
	if err != nil {
		return nil, err
	}
	return func(yield func(UserGroup, error) bool) {
		g := newUserGrouping(sets, dimensions)
		if g.read(ctx, source, yield) && g.readGaps(ctx, source, yield) {
			g.yield(yield)
		}
	}, nil
}

// CheckSets returns an error unless the windows of the sets ascend and do not overlap,
// and there are not too many of them.
func CheckSets(sets []Set) error {
	for i, set := range sets {
		if len(set.Windows) > MaxWindows {
			return fmt.Errorf("query: set %d has %d windows, want at most %d", i, len(set.Windows), MaxWindows)
		}
		for j, w := range set.Windows {
			if !w.Since.Before(w.Until) {
				return fmt.Errorf("query: window %d of set %d: it begins at %v and ends at %v, want a beginning before the end", j, i, w.Since, w.Until)
			}
			if j > 0 && w.Since.Before(set.Windows[j-1].Until) {
				return fmt.Errorf("query: window %d of set %d: it begins at %v, before the one before it ends, at %v", j, i, w.Since, set.Windows[j-1].Until)
			}
		}
	}
	return nil
}
