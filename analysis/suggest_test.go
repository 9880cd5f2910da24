package analysis_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// hours are the events of 64 hours, each of them one of the windows of Suggest.
type hours []audit.PermissionAuditEvent

// newHours are hours in which all is well: of another manager ten users are granted all.
func newHours() *hours {
	h := new(hours)
	for i := range 10 {
		h.check(float64(i), fmt.Sprint("u", i), true, "name")
	}
	h.check(64, "u0", true, "name")
	last := &(*h)[len(*h)-1]
	last.Timestamp = last.Timestamp.Add(-time.Microsecond)
	for i := range *h {
		(*h)[i].Manager = "Task"
	}
	return h
}

// check adds a check to the end, whatever the time.
func (h *hours) check(at float64, user string, granted bool, attributes ...string) *audit.PermissionAuditEvent {
	e := event(0, user, "Project", granted, false, attributes...)
	e.Timestamp = begin.Add(time.Duration(at * float64(time.Hour)).Truncate(time.Microsecond))
	*h = append(*h, e)
	return &(*h)[len(*h)-1]
}

// users are so many checks of different users, from u0 on, a second apart.
func (h *hours) users(n int, at float64, granted bool, attributes ...string) {
	for i := range n {
		h.check(at+float64(i)/3600, fmt.Sprint("u", i), granted, attributes...)
	}
}

func (h *hours) suggest(t *testing.T) *analysis.Suggestions {
	t.Helper()
	// The first and the last check arrive first and last.
	slices.SortStableFunc(*h, func(a, b audit.PermissionAuditEvent) int { return a.Timestamp.Compare(b.Timestamp) })
	s, err := analysis.Suggest(t.Context(), query.Slice(*h), query.Filter{}, nil)
	require.NoError(t, err)
	return s
}

// class is that of the only key that was denied.
func (h *hours) class(t *testing.T) analysis.Class {
	t.Helper()
	classes := h.suggest(t).Classes
	require.Len(t, classes, 1)
	for class, keys := range classes {
		require.Equal(t, 1, keys)
		return class
	}
	return ""
}

func TestWhatNobodyWasEverGrantedIsMissing(t *testing.T) {
	for _, row := range []struct {
		name  string
		users int
		then  func(*hours)
		want  analysis.Class
	}{
		{"two users", 2, nil, analysis.ClassFew},
		{"three users", 3, nil, analysis.ClassMissing},
		{"a third user without a user", 2, func(h *hours) { h.check(3, "", false, "status") }, analysis.ClassMissing},
		{"two users, and no users, who are one", 1, func(h *hours) {
			h.check(3, "", false, "status")
			h.check(4, "", false, "status")
		}, analysis.ClassFew},
		{"granted once, to another", 30, func(h *hours) { h.check(63, "boss", true, "status") }, analysis.ClassRole},
		{"granted to superusers", 3, func(h *hours) { h.check(5, "root", true, "status").Bypassed = true }, analysis.ClassMissing},
		{"another action granted", 3, func(h *hours) { h.check(5, "u0", true, "status").Action = audit.ActionRead }, analysis.ClassMissing},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHours()
			h.users(row.users, 1, false, "status")
			if row.then != nil {
				row.then(h)
			}
			require.Equal(t, row.want, h.class(t))
		})
	}
}

// Where every third user is denied something, three who are denied are chance.
func TestMoreUsersAreMissingARuleWhereDenialsAreCommon(t *testing.T) {
	for users, want := range map[int]int{3: 0, 6: 0, 7: 1} {
		h := newHours()
		for i := range 20 {
			h.check(float64(i), fmt.Sprint("v", i), i%2 == 0, "title") // denied to those without a role
		}
		h.users(users, 1, false, "status")
		require.Len(t, h.suggest(t).Candidates, want, users)
	}
}

func TestWhatWasGrantedUntilAMomentIsLost(t *testing.T) {
	granted := func() *hours {
		h := newHours()
		for hour := range 31 {
			h.users(5, float64(hour), true, "status")
		}
		return h
	}
	for _, row := range []struct {
		name string
		then func(*hours)
		want analysis.Class
	}{
		{"two users", func(h *hours) { h.users(2, 40, false, "status") }, analysis.ClassRole},
		{"three users", func(h *hours) { h.users(3, 40, false, "status") }, analysis.ClassLost},
		{"two users, again and again", func(h *hours) {
			for hour := 32.0; hour < 41; hour++ {
				h.users(2, hour, false, "status")
			}
		}, analysis.ClassRole},
		{"a grant at last", func(h *hours) {
			h.users(30, 40, false, "status")
			h.check(63, "u1", true, "status")
		}, analysis.ClassRole},
		{"a superuser at last", func(h *hours) {
			h.users(30, 40, false, "status")
			h.check(63, "u1", true, "status").Bypassed = true
		}, analysis.ClassLost},
		{"in the window of the last grant", func(h *hours) { h.users(5, 30.9, false, "status") }, analysis.ClassRole},
		{"just after that window", func(h *hours) { h.users(3, 31, false, "status") }, analysis.ClassLost},
		{"some in that window", func(h *hours) {
			h.users(20, 30.5, false, "status")
			h.users(5, 31, false, "status")
		}, analysis.ClassLost},
		{"all in the window of the last grant", func(h *hours) {
			h.users(30, 30.5, false, "status")
		}, analysis.ClassRole},
		{"the last grant at the end of a window", func(h *hours) {
			h.check(31, "u1", true, "status").Timestamp = begin.Add(31*time.Hour - time.Microsecond)
			h.users(3, 31, false, "status")
		}, analysis.ClassLost},
		{"the last grant at its beginning", func(h *hours) {
			h.check(31, "u1", true, "status")
			h.users(3, 31.1, false, "status")
		}, analysis.ClassRole},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := granted()
			row.then(h)
			require.Equal(t, row.want, h.class(t))
		})
	}
}

func TestARuleThatHeldForAnHourIsLost(t *testing.T) {
	h := newHours()
	h.users(40, 5, true, "status")
	h.check(5.5, "u50", false, "status")
	h.users(8, 30, false, "status")
	require.Equal(t, analysis.ClassLost, h.class(t))
}

func TestALossTellsUntilWhenItWasGranted(t *testing.T) {
	h := newHours()
	h.users(30, 29, true, "status")
	for i := range *h {
		(*h)[i].Permissions = []string{"isOld"}
	}
	h.users(3, 40, false, "status")
	h.check(41, "u3", false, "status").Permissions = []string{"isNew"}
	s := h.suggest(t)
	require.Equal(t, begin, s.Since)
	require.Equal(t, begin.Add(64*time.Hour), s.Until)
	require.Len(t, s.Candidates, 1)
	require.Equal(t, begin.Add(29*time.Hour+29*time.Second), s.Candidates[0].GrantedUntil)
	require.Equal(t, begin.Add(40*time.Hour), s.Candidates[0].First)
	require.Equal(t, []string{"isNew"}, s.Candidates[0].Permissions, "those that were evaluated when it was denied")
	require.Contains(t, s.Candidates[0].Text(), "was granted until 2026-11-24T12:46:49Z, and since then to nobody")
}

func TestWhatWasDeniedToMoreThanATenthBeforeIsNotLost(t *testing.T) {
	for denied, want := range map[int]analysis.Class{9: analysis.ClassLost, 10: analysis.ClassLost, 11: analysis.ClassRole} {
		h := newHours()
		for i := range 100 { // of ten users in each of ten hours, the last hour without denials
			isDenied := i < 90 && i%10 == 0 || denied > 9 && i == 31 || denied > 10 && i == 61
			h.check(float64(i/10), fmt.Sprint("u", i%10), !isDenied, "status")
		}
		h.users(8, 30, false, "status")
		require.Equal(t, want, h.class(t), denied)
	}
}

// While a deployment is rolled out, who is granted depends on where the request went.
func TestALossIsFoundThoughItsDeploymentWasRolledOutSlowly(t *testing.T) {
	rollOut := func(end int) (*hours, float64) {
		h := newHours()
		granted, denied := 0, 0
		for hour := range 64 {
			for i := range 6 {
				isNew := hour >= end || 24+i*(end-24)/6 <= hour && hour >= 24
				if hour < end {
					if isNew {
						denied++
					} else {
						granted++
					}
				}
				h.check(float64(hour)+0.1+float64(i)/100, fmt.Sprint("u", i+6*(hour%3)), !isNew, "status")
			}
		}
		return h, float64(denied) / float64(granted+denied)
	}
	for _, end := range []int{24, 25, 26, 30, 38, 44} {
		h, share := rollOut(end)
		require.Equal(t, end > 26, share > 0.1, "without a look at the roll-out it is not lost: %d, %v", end, share)
		require.Equal(t, analysis.ClassLost, h.class(t), end)
	}
}

// A stricter rule denies a part of the users from a moment on; that the last ones are all of
// that part is no loss.
func TestAStricterRuleIsNotLost(t *testing.T) {
	for _, since := range []int{20, 40, 56} {
		h := newHours()
		for hour := range 60 {
			for i := range 8 {
				h.check(float64(hour), fmt.Sprint("u", i), hour < since || i%2 == 0, "status")
			}
		}
		for i := range 4 {
			h.check(62, fmt.Sprint("u", 2*i+1), false, "status")
		}
		require.Equal(t, analysis.ClassRole, h.class(t), since)
	}
}

func TestOneUserHammeringIsNamed(t *testing.T) {
	for _, row := range []struct {
		name          string
		users, events int
		want          analysis.Class
	}{
		{"19 events", 1, 19, analysis.ClassFew},
		{"20 events", 1, 20, analysis.ClassHammering},
		{"two users", 2, 20, analysis.ClassHammering},
		{"three users", 3, 21, analysis.ClassMissing},
	} {
		h := newHours()
		for i := range row.events {
			h.check(float64(i), fmt.Sprint("u", i%row.users), false, "owner", "status")
		}
		s := h.suggest(t)
		require.Equal(t, map[analysis.Class]int{row.want: 2}, s.Classes, row.name)
		if row.want != analysis.ClassHammering {
			require.Empty(t, s.Hammering)
			continue
		}
		require.Len(t, s.Hammering, 1)
		require.Equal(t, []string{"u0", "u1"}[:row.users], s.Hammering[0].Users)
	}
	h := newHours()
	h.check(1, "boss", true, "status")
	for i := range 25 {
		h.check(float64(i), "u0", false, "status")
		if i < 20 {
			h.check(1, "u1", false, "name")
		}
	}
	require.Equal(t, []string{
		`{"class":"hammering","manager":"Project","action":"update","attributes":["status"],"denied_to":["u0"],"denied":25,"checks":26,"first":"2026-11-23T07:46:20.000000Z","last":"2026-11-24T07:46:20.000000Z"}`,
		`{"class":"hammering","manager":"Project","action":"update","attributes":["name"],"denied_to":["u1"],"denied":20,"checks":20,"first":"2026-11-23T08:46:20.000000Z","last":"2026-11-23T08:46:20.000000Z"}`,
	}, jsonLines(t, h.suggest(t).Hammering))
}
