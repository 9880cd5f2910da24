package audittest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// brokenUserGrouper is a Slice that counts by user in its own way.
type brokenUserGrouper struct {
	query.Source

	group userGroupFunc
}

type userGroupFunc = func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error)

func (b *brokenUserGrouper) GroupUsers(ctx context.Context, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
	return b.group(ctx, b.Source, sets, by)
}

// yieldingOther changes what is yielded; change reports whether to yield it.
func yieldingOther(change func(group *query.UserGroup, err *error) bool) userGroupFunc {
	return func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
		groups, err := query.GroupUsersBy(ctx, source, sets, by)
		return func(yield func(query.UserGroup, error) bool) {
			for group, err := range groups {
				if change(&group, &err) && !yield(group, err) {
					return
				}
			}
		}, err
	}
}

// miscountingSets changes the counts of each set.
func miscountingSets(change func(*query.SetCounts)) userGroupFunc {
	return yieldingOther(func(group *query.UserGroup, _ *error) bool {
		for i := range group.Sets {
			change(&group.Sets[i])
		}
		return true
	})
}

// miscountingUsers changes what users got; change reports whether they are there.
func miscountingUsers(change func(*query.UserCounts) bool) userGroupFunc {
	return yieldingOther(func(group *query.UserGroup, err *error) bool {
		users := group.Users
		if *err == nil {
			group.Users = func(yield func(query.UserCounts) bool) {
				for u := range users {
					if change(&u) && !yield(u) {
						return
					}
				}
			}
		}
		return true
	})
}

// countingOther counts other sets, or by other dimensions.
func countingOther(change func(sets []query.Set, by *[]string) []query.Set) userGroupFunc {
	return func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
		sets, by = slices.Clone(sets), slices.Clone(by)
		sets = change(sets, &by)
		return query.GroupUsersBy(ctx, source, sets, by)
	}
}

// inEachSet changes each set.
func inEachSet(change func(*query.Set)) userGroupFunc {
	return countingOther(func(sets []query.Set, _ *[]string) []query.Set {
		for i := range sets {
			sets[i].Windows = slices.Clone(sets[i].Windows)
			change(&sets[i])
		}
		return sets
	})
}

func TestUserGrouperCatches(t *testing.T) {
	for name, broken := range map[string]struct {
		group userGroupFunc
		by    string // the case
	}{
		"checks that are the granted":     {miscountingSets(func(s *query.SetCounts) { s.Checks = s.Granted.Events }), "Keys"},
		"denied that are not counted":     {miscountingSets(func(s *query.SetCounts) { s.Denied = query.Outcome{} }), "Keys"},
		"bypassed that are granted":       {miscountingSets(func(s *query.SetCounts) { s.Granted.Events += s.Bypassed.Events }), "Keys"},
		"a first that is the last":        {miscountingSets(func(s *query.SetCounts) { s.Denied.First = s.Denied.Last }), "Keys"},
		"a last of whole seconds":         {miscountingSets(func(s *query.SetCounts) { s.Granted.Last = s.Granted.Last.Truncate(time.Second) }), "Keys"},
		"times in another zone":           {miscountingSets(func(s *query.SetCounts) { s.Granted.First = s.Granted.First.In(time.FixedZone("", 3600)) }), "Keys"},
		"no anonymous checks":             {miscountingSets(func(s *query.SetCounts) { s.Anonymous = 0 }), "Keys"},
		"sample rates that are not noted": {miscountingSets(func(s *query.SetCounts) { s.Sampled = 0 }), "Weights"},
		"sums that are rounded":           {miscountingSets(func(s *query.SetCounts) { s.Checks = float64(int64(s.Checks)) }), "Weights"},
		"no group of null":                {yieldingOther(func(g *query.UserGroup, err *error) bool { return *err != nil || !slices.Contains(g.Key, "") }), "Keys"},
		"a set that is missing":           {yieldingOther(func(g *query.UserGroup, _ *error) bool { g.Sets = g.Sets[:min(1, len(g.Sets))]; return true }), "Sets"},
		"users of the first set alone":    {miscountingUsers(func(u *query.UserCounts) bool { return u.Set == 0 }), "Sets"},
		"nobody without a name":           {miscountingUsers(func(u *query.UserCounts) bool { return u.User != "" }), "Keys"},
		"no users who are denied":         {miscountingUsers(func(u *query.UserCounts) bool { return u.Denied.Events == 0 }), "Keys"},
		"shares that are not weighed":     {miscountingUsers(func(u *query.UserCounts) bool { u.Granted.Events = min(u.Granted.Events, 1); return true }), "Weights"},
		"windows that are not told apart": {miscountingUsers(func(u *query.UserCounts) bool { u.Denied.Windows = min(u.Denied.Windows, 1); return true }), "Windows"},
		"32 windows":                      {miscountingUsers(func(u *query.UserCounts) bool { u.Granted.Windows &= 1<<32 - 1; return true }), "Windows"},
		"the same number for all":         {miscountingUsers(func(u *query.UserCounts) bool { u.Number = 0; return true }), "Numbers"},
		"numbers from 1 on":               {miscountingUsers(func(u *query.UserCounts) bool { u.Number++; return true }), "Numbers"},
		"another number in each group": {func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
			n := 0
			return miscountingUsers(func(u *query.UserCounts) bool { u.Number = n; n++; return true })(ctx, source, sets, by)
		}, "Numbers"},
		"a window that ends late": {inEachSet(func(s *query.Set) {
			if n := len(s.Windows); n > 0 {
				s.Windows[n-1].Until = s.Windows[n-1].Until.Add(time.Microsecond)
			}
		}), "Windows"},
		"a window that begins late": {inEachSet(func(s *query.Set) {
			if len(s.Windows) > 0 {
				s.Windows[0].Since = s.Windows[0].Since.Add(1)
			}
		}), "Windows"},
		"windows without the filter's time": {inEachSet(func(s *query.Set) { s.Filter.Since, s.Filter.Until = time.Time{}, time.Time{} }), "Windows"},
		"a filter without User":             {inEachSet(func(s *query.Set) { s.Filter.User = query.Terms{} }), "SetFilters"},
		"a filter without Granted":          {inEachSet(func(s *query.Set) { s.Filter.Granted = query.Any }), "SetFilters"},
		"a filter without windows":          {inEachSet(func(s *query.Set) { s.Windows = nil }), "SetFilters"},
		"gaps that are not said":            {yieldingOther(func(_ *query.UserGroup, err *error) bool { return *err == nil }), "WindowGaps"},
		"gaps of all times": {func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
			var all error
			everything, err := query.GroupUsersBy(ctx, source, make([]query.Set, 1), by)
			if err != nil {
				return nil, err
			}
			for _, err := range everything {
				all = errors.Join(all, err)
			}
			return yieldingOther(func(_ *query.UserGroup, err *error) bool {
				if *err != nil {
					*err = all
				}
				return true
			})(ctx, source, sets, by)
		}, "WindowGaps"},
		"another error than the cause": {yieldingOther(func(_ *query.UserGroup, err *error) bool {
			if gap := (*query.GapError)(nil); *err != nil && !errors.As(*err, &gap) {
				*err = errors.New("another")
			}
			return true
		}), "UsersEnd"},
		"a dimension that is named twice": {countingOther(func(sets []query.Set, by *[]string) []query.Set { *by = slices.Compact(*by); return sets }), "Refused"},
		"windows that overlap": {inEachSet(func(s *query.Set) {
			if query.CheckSets([]query.Set{*s}) != nil {
				s.Windows = nil
			}
		}), "Refused"},
		"a limit that is obeyed": {func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
			n := 0
			return yieldingOther(func(*query.UserGroup, *error) bool {
				n++
				return sets[0].Filter.Limit <= 0 || n <= sets[0].Filter.Limit
			})(ctx, source, sets, by)
		}, "SetOrder"},
		"groups of nothing": {func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
			groups, err := query.GroupUsersBy(ctx, source, sets, by)
			none := query.UserGroup{Key: make([]string, len(by)), Sets: make([]query.SetCounts, len(sets)), Users: func(func(query.UserCounts) bool) {}}
			return func(yield func(query.UserGroup, error) bool) {
				found := false
				for group, err := range groups {
					found = found || err == nil
					if !yield(group, err) {
						return
					}
				}
				if !found {
					yield(none, nil)
				}
			}, err
		}, "Nobody"},
		"users that can be asked for once": {func(ctx context.Context, source query.Source, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
			return yieldingOther(func(g *query.UserGroup, err *error) bool {
				users, asked := g.Users, false
				if *err == nil {
					g.Users = func(yield func(query.UserCounts) bool) {
						if !asked {
							asked = true
							users(yield)
						}
					}
				}
				return true
			})(ctx, source, sets, by)
		}, "UsersAgain"},
	} {
		t.Run(name, func(t *testing.T) {
			got := results{}
			for _, c := range userGrouperCases {
				if c.name == broken.by {
					got[c.name] = onFake(t, c.name, func(tb testing.TB) {
						c.test(tb, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source {
							return &brokenUserGrouper{query.Slice(events), broken.group}
						})
					})
				}
			}
			require.Equal(t, []string{broken.by}, got.failed(), got.log())
			require.Contains(t, got.log(), "The documentation of query.")
		})
	}
}
