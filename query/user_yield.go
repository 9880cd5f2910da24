package query

import (
	"iter"
	"slices"
	"time"

	"github.com/permaudit/audit/internal/counting"
)

// YieldByUser yields what was counted. It is for the stores.
func YieldByUser(counted *counting.ByUser, yield func(UserGroup, error) bool) {
	for _, group := range counted.Groups() {
		one := UserGroup{Key: slices.Clone(group.Key), Sets: make([]SetCounts, len(group.Sets)), Users: usersOf(counted, group)}
		for i := range group.Sets {
			s := &group.Sets[i]
			one.Sets[i] = SetCounts{
				Checks: s.Checks, Granted: outcome(&s.Granted), Denied: outcome(&s.Denied), Bypassed: outcome(&s.Bypassed),
				Anonymous: s.Anonymous, Sampled: s.Sampled, DeniedWith: deniedWith(s),
			}
		}
		if !yield(one, nil) {
			return
		}
	}
}

func outcome(o *counting.Outcome) Outcome {
	if o.Events == 0 {
		return Outcome{}
	}
	return Outcome{Events: o.Events, First: time.UnixMicro(o.First).UTC(), Last: time.UnixMicro(o.Last).UTC()}
}

func deniedWith(set *counting.UserSet) iter.Seq2[[]string, float64] {
	return func(yield func([]string, float64) bool) {
		for other, events := range set.Together() {
			if !yield(slices.Clone(other.Key), events) {
				return
			}
		}
	}
}

func usersOf(counted *counting.ByUser, group *counting.UserGroup) iter.Seq[UserCounts] {
	return func(yield func(UserCounts) bool) {
		for i := range group.Sets {
			more := group.Sets[i].Each(func(user uint32, granted, denied, bypassed counting.UserShare) bool {
				return yield(UserCounts{
					User: counted.Users.Names[user], Number: int(user), Set: i,
					Granted: UserShare(granted), Denied: UserShare(denied), Bypassed: UserShare(bypassed),
				})
			})
			if !more {
				return
			}
		}
	}
}
