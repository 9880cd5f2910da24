package analysis_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/internal/sample"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestSuggestLooksAtWhatTheFilterSelects(t *testing.T) {
	h := newHours()
	h.check(1, "boss", true, "status")
	h.users(3, 10, false, "status")
	h.users(3, 20, false, "title")
	h.check(30, "boss", true, "title")
	for i := range 40 {
		h.check(24, fmt.Sprint("v", i), true, "name")
	}
	ask := func(f query.Filter) []string {
		s, err := analysis.Suggest(t.Context(), query.Slice(*h), f, nil)
		require.NoError(t, err)
		return attributesOf(s.Candidates)
	}
	require.Empty(t, ask(query.Filter{}))
	require.Equal(t, []string{"status"}, ask(query.Filter{Since: begin.Add(9 * time.Hour)}))
	require.Equal(t, []string{"title"}, ask(query.Filter{Until: begin.Add(25 * time.Hour), Since: begin.Add(time.Hour)}))
	require.Equal(t, []string{"status"}, ask(query.Filter{User: query.Terms{NotIn: []string{"boss"}}, Attribute: query.Terms{In: []string{"status"}}}))
	require.Empty(t, ask(query.Filter{Manager: query.Terms{In: []string{"Task"}}}))
	require.Equal(t, []string{"status"}, ask(query.Filter{
		Since: begin.Add(9 * time.Hour), Granted: query.Yes, Bypassed: query.Yes, Newest: true, Limit: 1, Fields: query.FieldID,
	}), "what does not matter")
	managers := []string{"Task", "Project", "Other"}
	require.Equal(t, []string{"status"}, ask(query.Filter{Since: begin.Add(9 * time.Hour), Manager: query.Terms{In: managers[:2]}}))
	require.Equal(t, []string{"Task", "Project", "Other"}, managers, "the filter is the caller's")
}

// What the filter cut away may have been granted.
func TestASuggestionSpeaksOfTheEventsLookedAt(t *testing.T) {
	h := newHours()
	h.check(1, "boss", true, "status")
	h.users(3, 10, false, "status")
	for _, f := range []query.Filter{
		{Since: begin.Add(10 * time.Hour)},
		{User: query.Terms{NotIn: []string{"boss"}}, Since: begin.Add(10 * time.Hour)},
	} {
		s, err := analysis.Suggest(t.Context(), query.Slice(*h), f, nil)
		require.NoError(t, err)
		require.Equal(t, begin.Add(10*time.Hour), s.Since, "the first check looked at")
		require.Len(t, s.Candidates, 1)
		require.Contains(t, s.Candidates[0].Text(), `"update" of "Project", "status", was never granted in the events looked at: 3 checks denied`)
	}
}

// Logs that were copied arrive in any order.
func TestSuggestCountsWhateverArrivesInAnyOrder(t *testing.T) {
	h := newHours()
	for hour := range 30 {
		h.users(5, float64(hour), true, "status")
	}
	h.users(5, 40, false, "status")
	want := h.suggest(t).Candidates
	require.Len(t, want, 1)
	slices.Reverse(*h)
	s, err := analysis.Suggest(t.Context(), query.Slice(*h), query.Filter{}, nil)
	require.NoError(t, err)
	require.Equal(t, want, s.Candidates)
	// So may a log that was copied behind a later one: what arrived first and last are of
	// the same hour.
	var swapped hours
	swapped.check(20, "u0", true, "name")
	swapped = append(swapped, *h...)
	swapped.check(20.5, "", true, "name")
	s, err = analysis.Suggest(t.Context(), query.Slice(swapped), query.Filter{}, nil)
	require.NoError(t, err)
	require.Equal(t, begin, s.Since)
	require.EqualValues(t, 1, s.Anonymous, "counted once")
	require.Len(t, s.Candidates, 1)
	require.Equal(t, want[0].GrantedUntil, s.Candidates[0].GrantedUntil)
}

// A clock that was never set, or a logger that sets no time, is no reason to fail.
func TestSuggestCountsWhateverTheYear(t *testing.T) {
	for _, year := range []int{0, 1, 1960, 1970, 9999} {
		at := time.Date(year, time.January, 1, 0, 0, 0, 0, time.UTC)
		if year == 9999 {
			at = at.AddDate(1, 0, 0).Add(-time.Microsecond)
		}
		h := newHours()
		h.users(3, 1, false, "status")
		for i := range *h {
			(*h)[i].Timestamp = at
		}
		s := h.suggest(t)
		require.Equal(t, []string{"status"}, attributesOf(s.Candidates), "all of %d", year)
		require.Equal(t, at, s.Since)
		require.Equal(t, at.Add(time.Microsecond), s.Until)

		h = newHours()
		h.users(3, 1, false, "status")
		h.check(0, "odd", false, "status").Timestamp = at
		s = h.suggest(t)
		require.Equal(t, []string{"status"}, attributesOf(s.Candidates), "one of %d", year)
		require.EqualValues(t, 4, s.Candidates[0].Denied)
		require.EqualValues(t, 4, s.Candidates[0].Users)
		if year < begin.Year() {
			require.Equal(t, at, s.Since)
		} else {
			require.Equal(t, at.Add(time.Microsecond), s.Until)
		}
	}
}

// Few events far from all others do not make one window of the rest.
func TestALossIsFoundBesideStrays(t *testing.T) {
	for name, strays := range map[string][]time.Time{
		"none":        nil,
		"before":      {{}},
		"behind":      {time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)},
		"both":        {{}, begin.AddDate(0, 0, -90), begin.AddDate(0, 3, 0), time.Date(9999, time.December, 31, 0, 0, 0, 0, time.UTC)},
		"in two days": {time.Unix(0, 0), time.Unix(100_000, 0)},
	} {
		h := newHours()
		for i := range 2000 {
			h.check(float64(i)/32, fmt.Sprint("u", i%20), i < 1800, "status")
		}
		for _, at := range strays {
			h.check(0, "stray", true, "name").Timestamp = at
		}
		s := h.suggest(t)
		require.Len(t, s.Candidates, 1, name)
		require.Equal(t, analysis.ClassLost, s.Candidates[0].Class, name)
		require.Equal(t, begin.Add(1799*time.Hour/32).Truncate(time.Microsecond), s.Candidates[0].GrantedUntil, name)
		for _, at := range strays {
			require.False(t, at.Before(s.Since) || !at.Before(s.Until), "the time of a suggestion is that of all events")
		}
	}
}

func TestSuggestSaysTheSameOfFiles(t *testing.T) {
	events := slices.Collect(sample.Events(20_000, 1))
	var log []byte
	for _, event := range events {
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		log = append(entry.AppendJSON(log), '\n')
	}
	path := filepath.Join(t.TempDir(), "permission.log")
	require.NoError(t, os.WriteFile(path, log, 0o600))
	want, err := analysis.Suggest(t.Context(), query.Slice(events), query.Filter{}, nil)
	require.NoError(t, err)
	require.Len(t, want.Candidates, 2)
	got, err := analysis.Suggest(t.Context(), query.Files(path), query.Filter{}, nil)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// Half of the users are in the sample, and all who are denied.
func TestSampledGrantsAreWeighed(t *testing.T) {
	log := func(denied, after int) *hours {
		h := newHours()
		for i := range 100 {
			e := h.check(float64(i/10), fmt.Sprint("u", i%10), i >= 90 || i%8 > 0 || i/8 >= denied, "status")
			if e.Granted {
				e.Metadata = map[string]any{audit.MetadataSampleRate: 0.5}
			}
		}
		h.users(after, 30, false, "status")
		return h
	}
	require.Equal(t, analysis.ClassLost, log(12, 15).class(t), "12 of 188, not of 100")
	require.Equal(t, analysis.ClassRole, log(1, 7).class(t), "as many could have been granted it, and none be in the sample")
	require.Equal(t, analysis.ClassLost, log(1, 15).class(t))
}

func TestSuggestOfNothingIsNothing(t *testing.T) {
	s, err := analysis.Suggest(t.Context(), query.Slice(nil), query.Filter{}, nil)
	require.NoError(t, err)
	require.Equal(t, &analysis.Suggestions{Classes: map[analysis.Class]int{}}, s)
	s = newHours().suggest(t)
	require.Empty(t, s.Classes)
	require.Empty(t, s.Candidates)
	one, err := analysis.Suggest(t.Context(), query.Slice([]audit.PermissionAuditEvent{event(0, "1", "P", false, false)}), query.Filter{}, nil)
	require.NoError(t, err)
	require.Equal(t, map[analysis.Class]int{analysis.ClassFew: 1}, one.Classes)
}

// A log of denials alone.
func TestSuggestSaysThatNothingWasGranted(t *testing.T) {
	h := newHours()
	h.users(3, 1, false, "status")
	require.False(t, h.suggest(t).NothingGranted)
	*h = slices.DeleteFunc(*h, func(e audit.PermissionAuditEvent) bool { return e.Granted })
	s := h.suggest(t)
	require.True(t, s.NothingGranted)
	require.Len(t, s.Candidates, 1)
	h.check(5, "root", true, "name").Bypassed = true
	require.True(t, h.suggest(t).NothingGranted, "by the rules")
	h = new(hours)
	h.check(5, "root", true, "name").Bypassed = true
	require.False(t, h.suggest(t).NothingGranted, "nothing was denied")
}

func TestSuggestReportsWhatCannotBeRead(t *testing.T) {
	failed := errors.New("disk on fire")
	_, err := analysis.Suggest(t.Context(), damaged{decisions, failed}, query.Filter{}, nil)
	require.ErrorIs(t, err, failed)
	s, err := analysis.Suggest(t.Context(), damaged{Source: decisions}, query.Filter{}, nil)
	require.NoError(t, err)
	require.Equal(t, analysis.Notes{Damaged: 1, Gaps: 1, Dropped: 120, Anonymous: 1}, s.Notes, "each told once")
}
