package analysis

import (
	"context"
	"errors"

	"github.com/permaudit/audit/query"
)

// Notes are what one has to know to judge an answer. The zero value says that there
// is nothing.
type Notes struct {
	// Damaged is how many lines or rows could not be read, and were skipped.
	Damaged int64
	// Gaps is how many times a logger dropped events and said so in the log,
	// Dropped how many events that were.
	Gaps, Dropped int64
	// Sampled is how many events have a sample rate, and are weighed by it: each
	// stands for 1/rate events in every count. Like Anonymous it is summed over the
	// groups of an answer, to several of which an event may belong.
	Sampled int64
	// Anonymous is how many events that were counted have no user at all. In each
	// group they count as one user.
	Anonymous int64
}

// skip takes note of an error that is no reason to stop.
func (n *Notes) skip(err error) (skipped bool) {
	var damage *query.DamageError
	var gap *query.GapError
	switch {
	case errors.As(err, &damage):
		n.Damaged++
	case errors.As(err, &gap):
		n.Gaps += gap.Gaps
		n.Dropped += gap.Dropped
	default:
		return false
	}
	return true
}

// readUserGroups counts the checks of some sets by key and user, and takes note of what
// there is to know of them.
func (n *Notes) readUserGroups(ctx context.Context, source query.Source, sets []query.Set, by []string, each func(*query.UserGroup)) error {
	groups, err := query.GroupUsersBy(ctx, source, sets, by)
	if err != nil {
		return err
	}
	for group, err := range groups {
		switch {
		case err == nil:
			for _, set := range group.Sets {
				n.Sampled += set.Sampled
				n.Anonymous += set.Anonymous
			}
			each(&group)
		case !n.skip(err):
			return err
		}
	}
	return nil
}
