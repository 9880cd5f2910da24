package analysis_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/stretchr/testify/require"
)

// attributesOf are those of each suggestion.
func attributesOf(suggestions []analysis.Suggestion) (attributes []string) {
	for _, s := range suggestions {
		attributes = append(attributes, strings.Join(s.Attributes, "+"))
	}
	return attributes
}

// One check of many attributes is no probing of many keys.
func TestAttributesThatAreCheckedTogetherAreOneSuggestion(t *testing.T) {
	h := newHours()
	h.users(3, 1, false, "f", "e", "d", "c", "b", "a")
	s := h.suggest(t)
	require.Empty(t, s.Probers)
	require.Equal(t, []string{"a+b+c+d+e+f"}, attributesOf(s.Candidates))
	require.Equal(t, map[analysis.Class]int{analysis.ClassMissing: 6}, s.Classes)

	h.check(2, "u0", false, "b")
	s = h.suggest(t)
	require.Equal(t, []string{"b"}, attributesOf(s.Candidates))
	require.Equal(t, []string{"a+c+d+e+f"}, attributesOf(s.Explained), "those of b, too")
	require.Equal(t, []string{"b"}, s.Explained[0].DeniedWith)
	h.users(3, 2, false, "g")
	h.users(3, 2, false) // at the same time, but another check
	require.Equal(t, []string{"b", "", "g"}, attributesOf(h.suggest(t).Candidates))
}

func TestWhatIsDeniedTogetherWithAnotherIsNoSuggestionOfItsOwn(t *testing.T) {
	for _, row := range []struct {
		name                  string
		then                  func(*hours)
		candidates, explained []string
	}{
		{"only together", func(*hours) {}, []string{"status"}, []string{"owner"}},
		{"alone too, at the same time, to two users", func(h *hours) { h.users(2, 1.1, false, "owner") }, []string{"status"}, []string{"owner"}},
		{"alone too, at the same time, to three users", func(h *hours) { h.users(3, 1.1, false, "owner") }, []string{"status", "owner"}, nil},
		{"alone too, to a tenth of the users, who are three", func(h *hours) {
			h.users(40, 3, false, "status", "owner")
			h.users(3, 9, false, "owner")
		}, []string{"status", "owner"}, nil},
		{"alone too, to three users without an id", func(h *hours) {
			for i := range 3 {
				job := audit.UserRepr("job " + string(rune('a'+i)))
				h.check(9, "", false, "owner").User = job
				h.check(9, "", false, "status").User = job
			}
		}, []string{"status", "owner"}, nil},
		{"alone too, later, to three users", func(h *hours) { h.users(3, 9, false, "owner") }, []string{"status", "owner"}, nil},
		{"together with what is granted to others", func(h *hours) { h.check(9, "boss", true, "owner") }, []string{"status"}, nil},
		{"of another action", func(h *hours) {
			for i := range *h {
				if slices.Contains((*h)[i].Attributes, "owner") {
					(*h)[i].Action = audit.ActionRead
				}
			}
		}, []string{"owner+status", "status"}, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			h := newHours()
			h.users(20, 1, false, "status", "owner")
			h.users(21, 1.5, false, "status")
			row.then(h)
			s := h.suggest(t)
			got := attributesOf(s.Candidates)
			slices.Sort(got)
			slices.Sort(row.candidates)
			require.Equal(t, row.candidates, got)
			require.Equal(t, row.explained, attributesOf(s.Explained))
		})
	}
}

func TestTwoUsersOfFiveAreEnoughForASuggestionOfItsOwn(t *testing.T) {
	h := newHours()
	h.users(5, 1, false, "status", "owner")
	h.users(6, 2, false, "status")
	require.Equal(t, []string{"owner"}, attributesOf(h.suggest(t).Explained))
	h.users(2, 3, false, "owner")
	require.Empty(t, h.suggest(t).Explained)
}

func TestOnlySuggestionsExplainOthers(t *testing.T) {
	h := newHours()
	h.users(6, 1, false, "owner", "title", "status")
	h.users(5, 2, false, "owner", "status") // more evidence for owner than for title
	h.users(9, 3, false, "status")
	h.users(6, 1, false, "title", "name", "address")
	h.users(8, 4, false, "address")
	s := h.suggest(t)
	require.Equal(t, []string{"status", "address"}, attributesOf(s.Candidates))
	require.Equal(t, []string{"title", "owner", "name"}, attributesOf(s.Explained))
	require.Equal(t, []string{"address", "status"}, s.Explained[0].DeniedWith)
	require.Equal(t, []string{"status"}, s.Explained[1].DeniedWith)
	require.Equal(t, []string{"address"}, s.Explained[2].DeniedWith)
}

func TestWhatIsLostTogetherWithAnotherIsNoSuggestionOfItsOwn(t *testing.T) {
	h := newHours()
	for hour := range 30 {
		h.users(5, float64(hour), true, "status", "owner")
		h.users(5, float64(hour)+0.1, hour != 10, "owner") // without status, which explains nothing then
	}
	h.users(6, 40, false, "status", "owner")
	h.users(5, 41, false, "status")
	s := h.suggest(t)
	require.Equal(t, []string{"status"}, attributesOf(s.Candidates))
	require.Equal(t, []string{"owner"}, attributesOf(s.Explained))
	require.Equal(t, analysis.ClassLost, s.Explained[0].Class)
}

// The shape that other programs rely on.
func TestASuggestionHasItsEvidence(t *testing.T) {
	h := newHours()
	h.users(4, 1, false, "budget")
	h.check(2, "u1", false, "budget").Permissions = []string{"isAdmin", "isSelf"}
	h.check(3, "u2", false, "budget", "").Permissions = []string{"isAdmin"}
	h.check(4, "root", true, "budget").Bypassed = true
	h.check(5, "root", true, "budget").Bypassed = true
	h.check(6, "u1", true, "title")
	h.check(7, "u1", true, "title")
	h.check(8, "u9", true, "title")
	(*h)[len(*h)-1].Permissions = []string{"isOther"}
	s := h.suggest(t)
	require.Equal(t, []string{
		`{"class":"missing","manager":"Project","action":"update","attributes":["budget"],"permissions":["isAdmin","isSelf"],` +
			`"denied":6,"checks":8,"share":0.75,"users":4,"elsewhere":1,"bypassed":2,"bypassed_users":1,` +
			`"first":"2026-11-23T08:46:20.000000Z","last":"2026-11-23T10:46:20.000000Z","granted_until":null}`,
	}, jsonLines(t, s.Candidates))
	require.Equal(t, `"update" of "Project", "budget", was never granted in the events looked at: 6 checks denied, of 8 checks, to 4 users, `+
		`from 2026-11-23T08:46:20Z to 2026-11-23T10:46:20Z. Permissions evaluated: "isAdmin", "isSelf". `+
		`Granted something else of the manager: 1 of these users. Done by superusers: 2 checks, 1 user. `+
		`The denial may be right: ask before you allow it.`, s.Candidates[0].Text())
}

func TestWhatOnlySuperusersGetIsApart(t *testing.T) {
	h := newHours()
	h.check(1, "root", true, "purge").Bypassed = true
	h.check(2, "admin", true, "purge").Bypassed = true
	h.check(3, "u1", false, "purge")
	h.check(4, "root", true, "status").Bypassed = true // missing
	h.users(3, 5, false, "status")
	h.check(4, "root", true, "title").Bypassed = true // granted to others
	h.check(6, "u1", true, "title")
	h.check(7, "root", true).Bypassed = true
	s := h.suggest(t)
	require.Equal(t, []string{
		`{"manager":"Project","action":"update","attributes":["purge"],"bypassed":2,"bypassed_users":2,"denied":1,"checks":3,"first":"2026-11-23T08:46:20.000000Z","last":"2026-11-23T09:46:20.000000Z"}`,
		`{"manager":"Project","action":"update","attributes":[],"bypassed":1,"bypassed_users":1,"denied":0,"checks":1,"first":"2026-11-23T14:46:20.000000Z","last":"2026-11-23T14:46:20.000000Z"}`,
	}, jsonLines(t, s.Bypasses))
	require.Len(t, s.Candidates, 1)
	require.EqualValues(t, 1, s.Candidates[0].Bypassed)
}

func TestSuggestionsOfChecksWithoutNamesSaySo(t *testing.T) {
	h := newHours()
	h.users(3, 1, false)
	h.users(4, 2, false, "\x1b[2J")
	for i := range *h {
		if (*h)[i].Manager == "Project" {
			(*h)[i].Manager, (*h)[i].Action = "", ""
		}
	}
	s := h.suggest(t)
	require.Len(t, s.Candidates, 2)
	require.Contains(t, s.Candidates[0].Text(), `"\x1b[2J"`)
	line, err := json.Marshal(s.Candidates[1])
	require.NoError(t, err)
	require.Contains(t, string(line), `{"class":"missing","manager":null,"action":null,"attributes":[],"permissions":[],"denied":3`)
	require.True(t, strings.HasPrefix(s.Candidates[1].Text(), "no action of no manager was never granted"), s.Candidates[1].Text())
}

// The users of another key: those who were granted it before it was lost were not granted
// anything elsewhere.
func TestElsewhereIsAnotherKey(t *testing.T) {
	h := newHours()
	for hour := range 20 {
		h.users(5, float64(hour), true, "status", "owner")
	}
	h.users(5, 40, false, "status", "owner")
	h.check(3, "u2", true, "title")
	s := h.suggest(t)
	require.Equal(t, []string{"owner+status"}, attributesOf(s.Candidates))
	require.EqualValues(t, 1, s.Candidates[0].Elsewhere)
}

func TestSuggestionsOfTheMostUsersComeFirst(t *testing.T) {
	h := newHours()
	h.users(4, 1, false, "b")
	h.users(4, 2, false, "a")
	h.users(5, 3, false, "z")
	for i := range 9 {
		h.users(3, 4+float64(i), false, "d")
	}
	require.Equal(t, []string{"z", "a", "b", "d"}, attributesOf(h.suggest(t).Candidates))
}
