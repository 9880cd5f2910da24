package audittest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"

	"github.com/permaudit/audit/query"
)

// userReading is a case of TestUserGrouper at work, and its source.
type userReading struct{ reading }

// askUsers is what the source yields. problem says what a sequence must not yield.
func askUsers(ctx context.Context, source query.Source, sets []query.Set, by []string) (t *userTally, problem string, err error) {
	sequence, err := query.GroupUsersBy(ctx, source, sets, by)
	if err != nil {
		return nil, "", err
	}
	t = newUserTally()
	numbers := map[int]string{}
	gaps := 0
	for group, err := range sequence {
		var gap *query.GapError
		switch {
		case errors.As(err, &gap) && reflect.ValueOf(group).IsZero():
			gaps++
			t.gaps = *gap
		case err != nil:
			return nil, "", err
		default:
			problem = orProblem(problem, t.take(group, numbers))
		}
	}
	if gaps > 1 {
		problem = orProblem(problem, fmt.Sprintf("there are %d errors of gaps", gaps))
	}
	return t, orProblem(problem, wrongNumbers(numbers)), nil
}

func orProblem(problem, other string) string {
	if problem != "" {
		return problem
	}
	return other
}

// take takes a group that was yielded.
func (t *userTally) take(group query.UserGroup, numbers map[int]string) (problem string) {
	key := strings.Join(group.Key, "\x00")
	if t.keys[key] != nil {
		return fmt.Sprintf("there are two groups with the key %q", group.Key)
	}
	t.keys[key] = group.Sets
	for u := range group.Users {
		id := userKey{key, u.Set, u.User}
		if _, twice := t.users[id]; twice {
			return fmt.Sprintf("the group %q has the user %q twice in set %d", group.Key, u.User, u.Set)
		}
		if user, known := numbers[u.Number]; known && user != u.User {
			return fmt.Sprintf("the number %d is that of two users, %q and %q", u.Number, user, u.User)
		}
		numbers[u.Number] = u.User
		u.Number = 0
		t.users[id] = u
	}
	return ""
}

// wrongNumbers says what is wrong with the numbers of all users; "": nothing.
func wrongNumbers(numbers map[int]string) string {
	seen := map[string]int{}
	for number, user := range numbers {
		if other, twice := seen[user]; twice {
			return fmt.Sprintf("the user %q has two numbers, %d and %d", user, other, number)
		}
		seen[user] = number
		if number < 0 || number >= len(numbers) {
			return fmt.Sprintf("of %d users one has the number %d", len(numbers), number)
		}
	}
	return ""
}

// groupUsers asks the source, and compares. It reports whether all is well.
func (r *userReading) groupUsers(sets []query.Set, by ...string) bool {
	r.Helper()
	var got *userTally
	var problem string
	err := r.call("GroupUsers", patience, func() (err error) {
		got, problem, err = askUsers(r.Context(), r.source, sets, by)
		return err
	})
	if err != nil {
		r.broken("the source yielded an error: %v\nBy %q, the sets: %s", err, by, setsText(sets))
		r.FailNow()
	}
	return r.sameUsers(sets, by, got, problem)
}

// sameUsers compares what was yielded with its definition.
func (r *userReading) sameUsers(sets []query.Set, by []string, got *userTally, problem string) bool {
	r.Helper()
	problem = orProblem(problem, r.expectedUsers(sets, by).compare(got))
	if problem != "" {
		r.broken("%s\nBy %q, the sets: %s", problem, by, setsText(sets))
	}
	return problem == ""
}

// setsText is sets for people.
func setsText(sets []query.Set) string {
	texts := make([]string, len(sets))
	for i, set := range sets {
		texts[i] = fmt.Sprintf("%s in the windows %v", filterText(set.Filter), set.Windows)
	}
	return strings.Join(texts, "; ")
}

// compare says where what was yielded is not what is expected; "": nowhere.
func (t *userTally) compare(got *userTally) string {
	for key, sets := range t.keys {
		if got.keys[key] == nil {
			return fmt.Sprintf("a group is missing: %q", key)
		}
		if len(got.keys[key]) != len(sets) {
			return fmt.Sprintf("the group %q has %d sets, want %d", key, len(got.keys[key]), len(sets))
		}
		for i, want := range sets {
			if !sameCounts(want, got.keys[key][i]) {
				return fmt.Sprintf("the group %q in set %d is %+v, want %+v", key, i, got.keys[key][i], want)
			}
		}
	}
	for key := range got.keys {
		if t.keys[key] == nil {
			return fmt.Sprintf("there is a group that should not be: %q", key)
		}
	}
	for id, want := range t.users {
		if user, found := got.users[id]; !found || !sameUserCounts(want, user) {
			return fmt.Sprintf("a user of the group %q is %+v, want %+v", id.key, user, want)
		}
	}
	for id := range got.users {
		if _, found := t.users[id]; !found {
			return fmt.Sprintf("the group %q has a user that should not be there in set %d: %q", id.key, id.set, id.user)
		}
	}
	if t.gaps != got.gaps {
		return fmt.Sprintf("the gaps are %+v, want %+v", got.gaps, t.gaps)
	}
	return ""
}

func sameCounts(a, b query.SetCounts) bool {
	outcome := func(a, b query.Outcome) bool {
		return same(a.Events, b.Events) && a.First.Equal(b.First) && a.Last.Equal(b.Last) && a.First.Location() == b.First.Location()
	}
	return same(a.Checks, b.Checks) && outcome(a.Granted, b.Granted) && outcome(a.Denied, b.Denied) && outcome(a.Bypassed, b.Bypassed) &&
		a.Anonymous == b.Anonymous && a.Sampled == b.Sampled
}

func sameUserCounts(a, b query.UserCounts) bool {
	share := func(a, b query.UserShare) bool { return same(a.Events, b.Events) && a.Windows == b.Windows }
	return a.User == b.User && share(a.Granted, b.Granted) && share(a.Denied, b.Denied) && share(a.Bypassed, b.Bypassed)
}

// same compares sums, which depend a little on the order in which they were made.
func same(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a)) }
