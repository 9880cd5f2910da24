package analysis

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// at is a time in November 2026, whose second is a Monday.
func at(day, hour int) time.Time { return time.Date(2026, 11, day, hour, 0, 0, 0, time.UTC) }

func window(since, until time.Time) query.Window { return query.Window{Since: since, Until: until} }

func TestTimesAreMatched(t *testing.T) {
	night := span{at(26, 22), at(27, 6)} // of a Thursday
	for name, c := range map[string]struct {
		baseline, candidate span
		match, want         Match
		windows, of         []query.Window
	}{
		"the same weekday of every week": {
			span{at(1, 0), at(26, 0)},
			night, MatchAuto, MatchWeekday,
			[]query.Window{window(at(5, 22), at(6, 6)), window(at(12, 22), at(13, 6)), window(at(19, 22), at(20, 6))},
			nil,
		},
		"a week that ends too soon has none": {
			span{at(12, 23), at(20, 6)}, night, MatchAuto, MatchWeekday, []query.Window{window(at(19, 22), at(20, 6))}, nil,
		},
		"the baseline is after the candidate": {
			span{at(1, 0), at(8, 0)}.shifted(4 * week),
			span{at(3, 10), at(3, 12)},
			MatchAuto, MatchWeekday,
			[]query.Window{window(at(31, 10), at(31, 12))},
			nil,
		},
		"the night before has the same hours": {
			span{at(25, 22), at(26, 6)}, night, MatchAuto, MatchHour, []query.Window{window(at(25, 22), at(26, 6))}, nil,
		},
		"hours of every day, if one wants that": {
			span{at(24, 0), at(26, 20)}, night, MatchHour, MatchHour, []query.Window{window(at(24, 22), at(25, 6)), window(at(25, 22), at(26, 6))}, nil,
		},
		"the candidate is longer": {
			span{at(2, 9), at(2, 17)},
			span{at(3, 0), at(19, 0)},
			MatchAuto, MatchWeekday,
			[]query.Window{window(at(2, 9), at(2, 17))},
			[]query.Window{window(at(9, 9), at(9, 17)), window(at(16, 9), at(16, 17))},
		},
		"a long template takes strides": {
			span{at(1, 0), at(31, 0)},
			span{at(31, 0), at(41, 0)},
			MatchWeekday, MatchWeekday,
			[]query.Window{window(at(3, 0), at(13, 0)), window(at(17, 0), at(27, 0))},
			nil,
		},
		"what fits nowhere is cut": {
			span{at(18, 0), at(25, 0)},
			span{at(25, 2), at(32, 2)},
			MatchAuto, MatchWeekday,
			[]query.Window{window(at(18, 2), at(25, 0))},
			[]query.Window{window(at(25, 2), at(32, 0))},
		},
		"a few minutes less, and one night more at each end": {
			span{at(23, 22).Add(5 * time.Minute), at(26, 6).Add(-time.Minute)},
			night, MatchAuto, MatchHour,
			[]query.Window{
				window(at(23, 22).Add(5*time.Minute), at(24, 6).Add(-time.Minute)), window(at(24, 22).Add(5*time.Minute), at(25, 6).Add(-time.Minute)),
				window(at(25, 22).Add(5*time.Minute), at(26, 6).Add(-time.Minute)),
			},
			[]query.Window{window(at(26, 22).Add(5*time.Minute), at(27, 6).Add(-time.Minute))},
		},
		"half an hour is too much": {
			span{at(23, 22).Add(30 * time.Minute), at(26, 6)},
			night, MatchAuto, MatchHour,
			[]query.Window{window(at(24, 22), at(25, 6)), window(at(25, 22), at(26, 6))},
			nil,
		},
		"day and night have nothing in common": {
			span{at(26, 8), at(26, 20)},
			span{at(26, 20), at(27, 8)},
			MatchAuto, MatchNone,
			[]query.Window{window(at(26, 8), at(26, 20))},
			[]query.Window{window(at(26, 20), at(27, 8))},
		},
		"both ran at once": {
			span{at(1, 0), at(26, 12)},
			span{at(26, 11), at(28, 0)},
			MatchAuto, MatchOverlap,
			[]query.Window{window(at(26, 11), at(26, 12))},
			[]query.Window{window(at(26, 11), at(26, 12))},
		},
		"at once for too short a time": {
			span{at(1, 0), at(26, 12)},
			span{at(26, 12).Add(-time.Hour + 1), at(28, 0)},
			MatchAuto, MatchWeekday,
			[]query.Window{
				window(at(5, 12).Add(-time.Hour+1), at(7, 0)), window(at(12, 12).Add(-time.Hour+1), at(14, 0)),
				window(at(19, 12).Add(-time.Hour+1), at(21, 0)),
			},
			nil,
		},
		"the same time is as good as the same hours": {
			span{at(19, 0), at(28, 0)},
			night, MatchWeekday, MatchWeekday,
			[]query.Window{window(at(19, 22), at(20, 6)), window(at(26, 22), at(27, 6))},
			nil,
		},
		"at once, whatever they ran before": {
			span{at(1, 0), at(26, 12)},
			span{at(26, 11), at(28, 0)},
			MatchNone, MatchNone,
			[]query.Window{window(at(1, 0), at(26, 12))},
			nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			ways, err := matches(c.baseline, c.candidate, c.match)
			require.NoError(t, err)
			m := ways[0]
			require.Equal(t, c.want, m.match)
			require.Equal(t, c.windows, m.baseline)
			if c.of == nil {
				c.of = c.candidate.windows()
			}
			require.Equal(t, c.of, m.candidate)
		})
	}
}

func TestTimesThatDoNotMatchAreErrors(t *testing.T) {
	day, nightAfter := span{at(26, 8), at(26, 20)}, span{at(26, 20), at(27, 8)}
	_, err := matchSpans(day, nightAfter, MatchOverlap)
	require.ErrorContains(t, err, "never ran at once")
	require.ErrorContains(t, err, "2026-11-26T08:00:00Z to 2026-11-26T20:00:00Z")
	for _, match := range []Match{MatchWeekday, MatchHour} {
		_, err = matchSpans(day, nightAfter, match)
		require.ErrorContains(t, err, "no hours match")
	}
}

func TestWindowsHaveTheSameHoursAndDoNotOverlap(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func(most time.Duration) time.Duration { return 1 + time.Duration(random.Int64N(int64(most))) }
	found := map[int]int{}
	for range 4_000 {
		template := span{since: at(26, 0).Add(some(40 * day))}
		template.until = template.since.Add(some([]time.Duration{time.Hour, day, 20 * day}[random.IntN(3)]))
		longer := span{since: at(26, 0).Add(some(40 * day))}
		longer.until = longer.since.Add(template.length() + some([]time.Duration{time.Hour, 10 * day, 700 * day}[random.IntN(3)]))
		period := []time.Duration{day, week}[random.IntN(2)]
		once, often := repeat(template, longer, period)
		found[min(len(often), 3)]++
		if often == nil {
			require.Nil(t, once)
			continue
		}
		require.Len(t, once, 1)
		require.NoError(t, query.CheckSets([]query.Set{{Windows: often}}))
		length := once[0].Until.Sub(once[0].Since)
		require.GreaterOrEqual(t, 2*length, template.length())
		for _, w := range often {
			require.Zero(t, w.Since.Sub(once[0].Since)%period)
			require.Equal(t, length, w.Until.Sub(w.Since))
			require.True(t, w == once[0] || !w.Since.Before(template.until) || !template.since.Before(w.Until) || len(often) == 1, "%v is partly compared with itself", w)
			require.False(t, w.Since.Before(longer.since) || w.Until.After(longer.until), "%v is not in %v", w, longer)
		}
	}
	for n := range 4 {
		require.Greater(t, found[n], 50, "cases with %d windows", n)
	}
}

func TestTheNearestWindowsAreTaken(t *testing.T) {
	_, often := repeat(span{at(26, 8), at(26, 9)}, span{at(-900, 0), at(26, 0)}, day)
	require.Len(t, often, query.MaxWindows)
	require.Equal(t, window(at(25, 8), at(25, 9)), often[query.MaxWindows-1])
	_, often = repeat(span{at(26, 8), at(26, 9)}, span{at(27, 0), at(900, 0)}, day)
	require.Len(t, often, query.MaxWindows)
	require.Equal(t, window(at(27, 8), at(27, 9)), often[0])
}

func TestASideIsAsLongAsItsEvents(t *testing.T) {
	var events []audit.PermissionAuditEvent
	for i := range 20 {
		hour := (i*7 + 3) % 20 // in no order
		events = append(events, audit.PermissionAuditEvent{
			Timestamp: at(2, hour), Manager: []string{"A", "B"}[hour/10], Action: audit.ActionRead, Metadata: map[string]any{"v": hour / 5},
		})
	}
	source := query.Slice(events)
	manager := func(name string, since, until time.Time) query.Filter {
		return query.Filter{Manager: query.Terms{In: []string{name}}, Since: since, Until: until}
	}
	v := func(values ...string) query.Filter {
		return query.Filter{Metadata: map[string]query.Terms{"v": {In: values}}}
	}
	none := time.Time{}
	after := func(day, hour int) time.Time { return at(day, hour).Add(time.Microsecond) }
	for name, c := range map[string]struct {
		baseline, candidate query.Filter
		b, c                span
	}{
		"other managers":     {manager("A", none, none), manager("B", none, none), span{at(2, 0), after(2, 9)}, span{at(2, 10), after(2, 19)}},
		"bounds are no time": {manager("A", at(1, 0), none), manager("B", at(2, 12), at(9, 0)), span{at(2, 0), after(2, 9)}, span{at(2, 12), after(2, 19)}},
		"other values":       {v("0"), v("2", "3"), span{at(2, 0), after(2, 4)}, span{at(2, 10), after(2, 19)}},
		"values of both":     {v("0", "1"), v("1", "2"), span{at(2, 0), after(2, 9)}, span{at(2, 5), after(2, 14)}},
		"no such value":      {v("7"), v("1"), span{}, span{at(2, 5), after(2, 9)}},
		"nobody":             {manager("A", none, none), manager("C", none, none), span{at(2, 0), after(2, 9)}, span{}},
		"times are as asked": {manager("A", at(1, 0), at(2, 3)), manager("A", at(2, 4), at(9, 0)), span{at(1, 0), at(2, 3)}, span{at(2, 4), at(9, 0)}},
		"open times":         {manager("A", none, at(2, 3)), manager("A", at(2, 3), none), span{at(2, 0), at(2, 3)}, span{at(2, 3), after(2, 9)}},
	} {
		b, candidate, err := timesOf(t.Context(), source, c.baseline, c.candidate)
		require.NoError(t, err, name)
		require.Equal(t, c.b, b, name)
		require.Equal(t, c.c, candidate, name)
	}
}

func TestTimesOfMoreThanAHundredYearsAreNotMatched(t *testing.T) {
	ancient, now := span{time.Time{}, time.Time{}.Add(time.Hour)}, span{at(2, 0), at(3, 0)}
	for _, sides := range [][2]span{{ancient, now}, {now, ancient}, {ancient.or(now), now}} {
		ways, err := matches(sides[0], sides[1], MatchAuto)
		require.NoError(t, err)
		for _, m := range ways {
			require.Contains(t, []Match{MatchOverlap, MatchNone}, m.match)
		}
		_, err = matches(sides[0], sides[1], MatchHour)
		require.ErrorIs(t, err, ErrNoMatch)
	}
}

func TestMatchesAreNamed(t *testing.T) {
	require.Equal(t, []string{"auto", "overlap", "weekday", "hour", "none"}, Matches())
	comparison, err := Compare(t.Context(), query.Slice(quiet()), deployment("v1"), deployment("v2"), &CompareOptions{Match: "auto"})
	require.NoError(t, err)
	require.Equal(t, MatchWeekday, comparison.Match)
}
