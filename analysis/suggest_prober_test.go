package analysis_test

import (
	"fmt"
	"testing"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// probe is somebody who tries everything, as nobody else does.
func (h *hours) probe(user string) {
	for i := range 8 {
		h.check(20+float64(i)/10, user, false, fmt.Sprint("secret", i))
	}
}

func TestDenialsOfProbersAreNoEvidence(t *testing.T) {
	h := newHours()
	h.users(2, 1, false, "status")
	h.check(2, "scanner", false, "status")
	require.Equal(t, []string{"status"}, attributesOf(h.suggest(t).Candidates))
	h.probe("scanner")
	s := h.suggest(t)
	require.Empty(t, s.Candidates, "two users, and one who tries everything")
	require.Equal(t, []string{`{"user":"scanner","keys":9,"asked":9,"denied":9}`}, jsonLines(t, s.Probers))
	require.Equal(t, map[analysis.Class]int{analysis.ClassFew: 9}, s.Classes)

	h.check(3, "u3", false, "status")
	s = h.suggest(t)
	require.Equal(t, []string{"status"}, attributesOf(s.Candidates))
	require.EqualValues(t, 3, s.Candidates[0].Users, "without the scanner")
	require.EqualValues(t, 3, s.Candidates[0].Denied, "without the scanner")
}

// What a scanner evaluated sends the reader to the wrong rule.
func TestWhatASuggestionTellsIsWithoutProbers(t *testing.T) {
	h := newHours()
	for hour := range 30 {
		h.users(5, float64(hour), true, "status")
	}
	for i := range 4 {
		h.check(40+float64(i), fmt.Sprint("u", i), false, "status").Permissions = []string{"isOwner"}
	}
	h.check(41, "left out", false, "status").Permissions = []string{"isOther"}
	ask := func() analysis.Suggestion {
		s, err := analysis.Suggest(t.Context(), query.Slice(*h), query.Filter{User: query.Terms{NotIn: []string{"left out"}}}, nil)
		require.NoError(t, err)
		require.Len(t, s.Candidates, 1)
		return s.Candidates[0]
	}
	want := ask()
	require.EqualValues(t, 4, want.Denied)
	require.EqualValues(t, 154, want.Checks)
	require.Equal(t, []string{"isOwner"}, want.Permissions)
	for _, scanner := range []string{"scanner", ""} {
		h.probe(scanner)
		for _, at := range []float64{0.5, 35, 50} {
			h.check(at, scanner, false, "status").Permissions = []string{"isMember"}
		}
		require.Equal(t, want, ask())
	}
	h.check(5, "scanner", true, "status")
	got := ask()
	require.EqualValues(t, 4, got.Denied)
	require.EqualValues(t, 155, got.Checks, "with what a prober was granted")
}

func TestNoListCountsWhatProbersWereDenied(t *testing.T) {
	h := newHours()
	for i := range 20 {
		h.check(float64(i), "robot", false, "export")
	}
	h.check(7, "root", true, "purge").Bypassed = true
	h.check(8, "u1", false, "purge")
	want := h.suggest(t)
	require.Len(t, want.Hammering, 1)
	require.Len(t, want.Bypasses, 1)
	h.probe("scanner")
	h.check(9, "scanner", false, "export")
	h.check(9, "scanner", false, "purge")
	got := h.suggest(t)
	require.Len(t, got.Probers, 1)
	require.Equal(t, want.Hammering, got.Hammering)
	require.Equal(t, want.Bypasses, got.Bypasses)
}

// With equal users the rule that was denied more is first: without what a scanner adds.
func TestProbersDoNotOrderSuggestions(t *testing.T) {
	h := newHours()
	h.users(4, 1, false, "b")
	h.check(2, "u0", false, "b")
	h.users(4, 3, false, "a")
	h.probe("scanner")
	for i := range 3 {
		h.check(4+float64(i), "scanner", false, "a")
	}
	require.Equal(t, []string{"b", "a"}, attributesOf(h.suggest(t).Candidates))
}

// One check of ten attributes is one thing that was asked for, whether it was granted, done
// by a superuser, or denied.
func TestWhatWasCheckedTogetherIsAskedOnce(t *testing.T) {
	var ten []string
	for i := range 10 {
		ten = append(ten, fmt.Sprint("field", i))
	}
	for _, row := range []struct {
		name              string
		granted, bypassed bool
		want              string
	}{
		{"granted", true, false, `{"user":"scanner","keys":8,"asked":9,"denied":8}`},
		{"bypassed", true, true, `{"user":"scanner","keys":8,"asked":9,"denied":8}`},
		{"denied", false, false, `{"user":"scanner","keys":9,"asked":9,"denied":9}`},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHours()
			h.probe("scanner")
			h.check(2, "scanner", row.granted, ten...).Bypassed = row.bypassed
			h.users(3, 1, true, ten...)
			require.Equal(t, []string{row.want}, jsonLines(t, h.suggest(t).Probers))
		})
	}
}

func TestProbersDoNotMakeARuleLookLost(t *testing.T) {
	for probers, want := range map[int]int{0: 1, 1: 0} {
		h := newHours()
		for hour := range 30 {
			h.users(3, float64(hour), true, "status")
		}
		for i := range 3 {
			h.check(40, fmt.Sprint("x", i), false, "status")
		}
		for i := range probers {
			h.probe(fmt.Sprint("x", i))
		}
		require.Len(t, h.suggest(t).Candidates, want)
	}
}

func TestProbersDoNotCountInAnyShare(t *testing.T) {
	t.Run("before a loss", func(t *testing.T) {
		h := newHours()
		for i := range 100 { // 11 of them are denied
			h.check(float64(i/10), fmt.Sprint("u", i%10), i >= 90 || i%10 > 0 && i != 31 && i != 61, "status")
		}
		h.users(8, 30, false, "status")
		require.Empty(t, h.suggest(t).Candidates)
		h.probe("scanner")
		for hour := range 10 {
			h.check(float64(hour), "scanner", false, "status")
		}
		require.Empty(t, h.suggest(t).Candidates)
	})
	t.Run("of the keys that are granted to others", func(t *testing.T) {
		h := newHours()
		for i := range 20 {
			h.check(float64(i), fmt.Sprint("v", i), i%2 == 0, "title")
		}
		h.users(6, 1, false, "status")
		require.Empty(t, h.suggest(t).Candidates)
		for i := range 4 {
			h.probe(fmt.Sprint("scanner", i))
			h.check(1, fmt.Sprint("scanner", i), false, "title")
		}
		s := h.suggest(t)
		require.Len(t, s.Probers, 4)
		require.Empty(t, s.Candidates)
	})
	t.Run("of what is denied with another key", func(t *testing.T) {
		h := newHours()
		h.users(20, 1, false, "status", "owner")
		h.users(20, 2, false, "status")
		for i := range 4 {
			h.probe(fmt.Sprint("scanner", i))
			h.check(1, fmt.Sprint("scanner", i), false, "owner")
		}
		require.Equal(t, []string{"owner"}, attributesOf(h.suggest(t).Explained))
	})
}

// Where the rules deny everything those who are denied everything are no probers.
func TestUsersOfAServiceWithoutRulesAreNoProbers(t *testing.T) {
	var h hours
	for i := range 8 {
		h.users(4, float64(i)+float64(i)/1000, false, fmt.Sprint("a", i))
	}
	s := h.suggest(t)
	require.Empty(t, s.Probers)
	require.Len(t, s.Candidates, 8)
}

func TestWhatManyAreDeniedTooIsNoProbing(t *testing.T) {
	for users, want := range map[int]int{9: 0, 10: 8} {
		h := newHours()
		for i := range 30 {
			h.check(1, fmt.Sprint("other", i), true, "name")
		}
		for i := range 8 {
			for u := range users {
				h.check(float64(i)+float64(u)/100, fmt.Sprint("v", u), false, fmt.Sprint("a", i))
			}
		}
		s := h.suggest(t)
		require.Len(t, s.Candidates, want)
		require.Len(t, s.Probers, (8-want)/8*users)
	}
}
