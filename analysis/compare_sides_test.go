package analysis

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestCompareSaysWhyItDoesNotCompare(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	events := query.Slice([]audit.PermissionAuditEvent{
		{Timestamp: at, Manager: "a", Granted: true},
		{Timestamp: at.Add(3 * time.Hour), Manager: "a", Granted: true},
		{Timestamp: at.Add(10 * time.Hour), Manager: "b", Granted: true},
		{Timestamp: at.Add(14 * time.Hour), Manager: "b", Granted: true},
	})
	manager := func(name string) query.Filter { return query.Filter{Manager: query.Terms{In: []string{name}}} }
	_, err := Compare(t.Context(), events, manager("a"), manager("a"), nil)
	require.ErrorIs(t, err, ErrSameChecks)
	require.ErrorContains(t, err, "select the same checks from 2026-11-23T08:00:00Z to ")
	_, err = Compare(t.Context(), events, manager("a"), manager("b"), &CompareOptions{Match: MatchOverlap})
	require.ErrorIs(t, err, ErrNoMatch)
	require.ErrorContains(t, err, `no hours match by "overlap": the two sides never ran at once, the baseline from 2026-11-23T08:00:00Z to `)
	_, err = Compare(t.Context(), events, manager("a"), manager("b"), &CompareOptions{Match: MatchWeekday})
	require.ErrorIs(t, err, ErrNoMatch)
	backwards := manager("a")
	backwards.Since, backwards.Until = at, at
	_, err = Compare(t.Context(), events, backwards, manager("b"), nil)
	require.ErrorContains(t, err, "no time is between them")
}

// A side without checks has no windows, and is no error.
func TestASideWithoutChecksHasNoWindows(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	events := query.Slice([]audit.PermissionAuditEvent{{Timestamp: at, Manager: "a", Granted: true}})
	manager := func(name string) query.Filter { return query.Filter{Manager: query.Terms{In: []string{name}}} }
	for _, row := range []struct {
		baseline, candidate string
		windows             [2]int
	}{{"a", "x", [2]int{1, 0}}, {"x", "a", [2]int{0, 1}}, {"x", "y", [2]int{0, 0}}} {
		c, err := Compare(t.Context(), events, manager(row.baseline), manager(row.candidate), nil)
		require.NoError(t, err)
		require.Len(t, c.Baseline.Windows, row.windows[0])
		require.Len(t, c.Candidate.Windows, row.windows[1])
		require.Empty(t, c.Keys)
		require.Zero(t, c.Judged())
	}
}

// Who uses what a deployment broke is denied in many keys, too, and probes nothing.
func TestWhoIsDeniedWhatADeploymentBrokeIsNoProber(t *testing.T) {
	var n night
	for key := range 8 {
		broken := fmt.Sprint("broken", key)
		n.add("v1", broken, 0, 40, 1, granted)
		n.add("v2", broken, 0, 40, 1, refused)
		n.add("v2", broken, 99, 1, 1, refused)
	}
	for key := range 6 {
		sound := fmt.Sprint("sound", key)
		n.add("v1", sound, 0, 40, 1, granted)
		n.add("v2", sound, 0, 40, 1, granted)
		n.add("v2", sound, 99, 1, 1, refused)
	}
	c := n.compare(t, CompareOptions{})
	require.Len(t, c.Alerts(), 8)
	require.Equal(t, []Prober{{User: "99", Keys: 14, Asked: 14, Denied: 14}}, c.Probers)
}

// days has so many users of v1 in the evening of each day of a week, and as many of v2 in
// the following night; v2 denies everything to all but the first.
func days(users int, hours ...int) night {
	var n night
	add := func(name string, at time.Time, end ending) {
		from := len(n)
		n.add(name, "it", 0, users, 1, granted)
		if end == refused {
			n.add(name, "it", 1, users-1, 1, refused)
			n = append(n[:from+1], n[from+users:]...)
		}
		for i := range n[from:] {
			n[from+i].Timestamp = at.Add(time.Duration(i) * time.Second)
		}
	}
	for day := range 7 {
		for _, hour := range hours {
			add("v1", at(2+day, hour), granted)
		}
	}
	add("v2", at(9, 22), refused)
	return n
}

func TestBoundsOfASideAreNoTimesOfItsEvents(t *testing.T) {
	n := days(50, 22)
	far, both := deployment("v1"), deployment("v2")
	far.Since = at(-60, 0)
	for _, c := range [][2]query.Filter{{deployment("v1"), both}, {far, both}} {
		comparison, err := Compare(t.Context(), query.Slice(n), c[0], c[1], nil)
		require.NoError(t, err)
		require.Len(t, comparison.Alerts(), 1)
		for _, f := range []*query.Filter{&c[0], &c[1]} {
			f.Since, f.Until = at(-60, 0), at(60, 0)
		}
		comparison, err = Compare(t.Context(), query.Slice(n), c[0], c[1], nil)
		require.NoError(t, err)
		require.Len(t, comparison.Alerts(), 1)
		require.NotEqual(t, MatchOverlap, comparison.Match)
	}
}

func TestTheOrderOfArrivalDoesNotMatter(t *testing.T) {
	n := days(50, 22)
	want, err := Compare(t.Context(), query.Slice(n), deployment("v1"), deployment("v2"), nil)
	require.NoError(t, err)
	require.Len(t, want.Alerts(), 1)
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		random.Shuffle(len(n), func(i, j int) { n[i], n[j] = n[j], n[i] })
		got, err := Compare(t.Context(), query.Slice(n), deployment("v1"), deployment("v2"), nil)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// A log of three days has no other Monday, and the one that it has may be all but empty.
func TestAMatchThatLeavesNobodyGivesWayToALooserOne(t *testing.T) {
	n := days(50, 22)
	monday := func(event audit.PermissionAuditEvent) bool { return event.Timestamp.Before(at(3, 0)) }
	for name, keep := range map[string]func(audit.PermissionAuditEvent) bool{
		"nobody":   func(event audit.PermissionAuditEvent) bool { return !monday(event) },
		"a few":    func(event audit.PermissionAuditEvent) bool { return !monday(event) || len(event.UserID) == 1 },
		"everyone": func(audit.PermissionAuditEvent) bool { return true },
	} {
		var kept night
		for _, event := range n {
			if keep(event) {
				kept = append(kept, event)
			}
		}
		c, err := Compare(t.Context(), query.Slice(kept), query.Filter{Since: at(1, 0), Until: at(9, 0)}, query.Filter{Since: at(9, 22), Until: at(10, 0)}, nil)
		require.NoError(t, err)
		require.Len(t, c.Alerts(), 1, name)
		require.Equal(t, map[string]Match{"nobody": MatchHour, "a few": MatchHour, "everyone": MatchWeekday}[name], c.Match, name)
	}
}

func TestOutcomeAndOrderOfAFilterDoNotMatter(t *testing.T) {
	n := days(50, 22)
	want, err := Compare(t.Context(), query.Slice(n), deployment("v1"), deployment("v2"), nil)
	require.NoError(t, err)
	for _, change := range []func(f *query.Filter){
		func(f *query.Filter) { f.Granted = query.No },
		func(f *query.Filter) { f.Bypassed = query.Yes },
		func(f *query.Filter) { f.Newest = true },
		func(f *query.Filter) { f.Limit = 3 },
		func(f *query.Filter) { f.Fields = query.FieldID },
	} {
		b, c := deployment("v1"), deployment("v2")
		change(&b)
		change(&c)
		got, err := Compare(t.Context(), query.Slice(n), b, c, nil)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

func TestAServiceOfOneUserCannotBeJudged(t *testing.T) {
	var n night
	n.add("v1", "it", 0, 1, 500, granted)
	n.add("v2", "it", 0, 1, 500, refused)
	c := n.compare(t, CompareOptions{})
	require.Equal(t, VerdictRetryLoop, c.of(t, "it").Verdict)
	require.Zero(t, c.Judged())
}

func TestAnOldMomentIsNoTrouble(t *testing.T) {
	n := days(50, 22)
	n = append(n, n[0])
	n[len(n)-1].Timestamp = time.Time{}
	c, err := Compare(t.Context(), query.Slice(n), deployment("v1"), deployment("v2"), nil)
	require.NoError(t, err)
	require.Equal(t, MatchNone, c.Match)
	require.Len(t, c.Alerts(), 1)
}

func TestOnlyDenialsAreAcknowledged(t *testing.T) {
	n := quiet()
	n.add("v1", "lost", 0, 40, 1, granted)
	n.add("v2", "lost", 0, 40, 1, refused)
	n.add("v1", "gone", 0, 40, 1, granted)
	n.add("v1", "skipped", 0, 40, 1, granted)
	n.add("v2", "skipped", 0, 40, 1, skipped)
	entries, err := ReadAcknowledgments(strings.NewReader(`{"manager":"Project","owner":"o","reason":"r","expires":"2099-01-01"}`), "file")
	require.NoError(t, err)
	var alerts []string
	for _, alert := range n.compare(t, CompareOptions{Acknowledged: entries}).Alerts() {
		alerts = append(alerts, alert.Key[2])
	}
	require.Equal(t, []string{"gone", "skipped"}, alerts)
}
