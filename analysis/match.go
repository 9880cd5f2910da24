package analysis

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/permaudit/audit/query"
)

// Match is how the times of the two sides of a comparison are matched. Time is the
// biggest difference between two deployments: nights differ from days, and Sundays
// from Mondays.
type Match string

// The ways of matching. All of them look at the time of each side: from the first to the
// last event that its filter selects, by their timestamps. Only where the two filters
// differ in nothing but Since and Until, these say what the time is.
const (
	// MatchAuto is MatchOverlap if the two sides ran at once for an hour at least, else
	// MatchWeekday, MatchHour or MatchNone: the first that is possible, leaves keys
	// that can be judged, and the baseline a quarter of the candidate's users.
	MatchAuto Match = ""
	// MatchOverlap compares what both sides did while both ran.
	MatchOverlap Match = "overlap"
	// MatchWeekday compares the shorter side with the longer one's same hours of the
	// same weekday, in all weeks that have all of them, in UTC. The shorter side loses up
	// to a twentieth of its time at each end if one week more has what is left.
	MatchWeekday Match = "weekday"
	// MatchHour compares the shorter side with the longer one's same hours of the
	// day, on all days that have all of them, in UTC; with the same exception.
	MatchHour Match = "hour"
	// MatchNone compares all of one side with all of the other, whenever that was.
	MatchNone Match = "none"
)

// Matches returns the ways of matching that have a name, MatchAuto as "auto".
func Matches() []string {
	return []string{"auto", string(MatchOverlap), string(MatchWeekday), string(MatchHour), string(MatchNone)}
}

// leastOverlap is how long both sides run at once at least for MatchAuto.
const leastOverlap = time.Hour

const (
	day  = 24 * time.Hour
	week = 7 * day
	// mostYears are matched: a time.Duration holds no more than three times that.
	mostYears = 100
)

// Why Compare does not compare.
var (
	// ErrSameChecks says that both sides select some checks, at times that are compared.
	// Comparing these with themselves would find nothing.
	ErrSameChecks = errors.New("analysis: compare: baseline and candidate select the same checks")
	// ErrNoMatch says that no times of the two sides match in the way that was asked for.
	ErrNoMatch = errors.New("analysis: compare: no hours match")
)

// matched are the windows of the two sides.
type matched struct {
	match               Match
	baseline, candidate []query.Window
}

// span is a time of which something is known.
type span struct{ since, until time.Time }

func (s span) isEmpty() bool         { return !s.since.Before(s.until) }
func (s span) length() time.Duration { return s.until.Sub(s.since) }

func (s span) shifted(by time.Duration) span { return span{s.since.Add(by), s.until.Add(by)} }

func (s span) and(other span) span {
	both := s
	if other.since.After(both.since) {
		both.since = other.since
	}
	if other.until.Before(both.until) {
		both.until = other.until
	}
	return both
}

// or is the time from the beginning of the first one to the end of the last one.
func (s span) or(other span) span {
	if other.since.Before(s.since) {
		s.since = other.since
	}
	if other.until.After(s.until) {
		s.until = other.until
	}
	return s
}

func (s span) windows() []query.Window { return []query.Window{{Since: s.since, Until: s.until}} }

// matches are the ways in which two times can be matched, the best first.
func matches(b, c span, match Match) (all []matched, err error) {
	if match != MatchAuto {
		m, err := matchSpans(b, c, match)
		return []matched{m}, err
	}
	if b.and(c).length() >= leastOverlap {
		all = append(all, matched{MatchOverlap, b.and(c).windows(), b.and(c).windows()})
	}
	for _, by := range []Match{MatchWeekday, MatchHour, MatchNone} {
		if m, err := matchSpans(b, c, by); err == nil {
			all = append(all, m)
		}
	}
	return all, nil
}

// matchSpans matches two times in one way.
func matchSpans(b, c span, match Match) (matched, error) {
	overlap := b.and(c)
	switch match {
	case MatchOverlap:
		if overlap.isEmpty() {
			return matched{}, fmt.Errorf("%w by %q: the two sides never ran at once, the baseline from %s, the candidate from %s; want another way of matching", ErrNoMatch, match, b, c)
		}
		return matched{match, overlap.windows(), overlap.windows()}, nil
	case MatchNone:
		return matched{match, b.windows(), c.windows()}, nil
	case MatchWeekday, MatchHour:
		period := week
		if match == MatchHour {
			period = day
		}
		m := matched{match: match}
		if whole := b.or(c); whole.since.AddDate(mostYears, 0, 0).Before(whole.until) {
			return matched{}, fmt.Errorf("%w by %q: the baseline is from %s, the candidate from %s, more than %d years in all", ErrNoMatch, match, b, c, mostYears)
		}
		if c.length() <= b.length() {
			m.candidate, m.baseline = repeat(c.trimmed(b, period), b, period)
		} else {
			m.baseline, m.candidate = repeat(b.trimmed(c, period), c, period)
		}
		if m.baseline == nil {
			return matched{}, fmt.Errorf("%w by %q: the baseline is from %s, the candidate from %s; want longer times, or another way of matching", ErrNoMatch, match, b, c)
		}
		return m, nil
	}
	return matched{}, fmt.Errorf("analysis: compare: match %q is unknown, want one of %q", match, Matches())
}

// String is for errors.
func (s span) String() string {
	return s.since.Format(time.RFC3339) + " to " + s.until.Format(time.RFC3339)
}

// trimmed is the template without what hinders it from fitting into the longer span once
// more at each end: a side that is known by its events begins a few seconds late.
func (s span) trimmed(longer span, period time.Duration) span {
	slack := s.length() / 20
	early := longer.since.Sub(s.since) % period
	if early < 0 {
		early += period
	}
	late := s.until.Sub(longer.until) % period
	if late < 0 {
		late += period
	}
	if early > slack {
		early = 0
	}
	if late > slack {
		late = 0
	}
	if longer.length() < s.length()-early-late { // it fits nowhere
		return s
	}
	return span{s.since.Add(early), s.until.Add(-late)}
}

// repeat finds the template, moved by whole periods, in the longer span, as often as it
// fits, the times nearest to it if they are more than a set has windows. If it fits nowhere
// it is cut to what fits best, but not below half of it. There are no windows if that is
// impossible.
func repeat(template, longer span, period time.Duration) (once, often []query.Window) {
	stride := (template.length() + period - 1) / period * period // so that windows do not overlap
	first := longer.since.Sub(template.since) / period * period
	if template.since.Add(first).Before(longer.since) {
		first += period
	}
	// All windows are whole strides apart. The nearest of them is as near as periods allow.
	for shift := first; !template.shifted(shift).until.After(longer.until); {
		w := template.shifted(shift)
		if w.and(template).isEmpty() || shift == 0 {
			often = append(often, query.Window{Since: w.since, Until: w.until})
			shift += stride
		} else {
			shift += period
		}
	}
	if often != nil {
		return template.windows(), nearest(often, template)
	}
	var best span
	for shift := first - period; !template.shifted(shift).since.After(longer.until); shift += period {
		if cut := template.shifted(shift).and(longer); !cut.isEmpty() && cut.length() > best.length() {
			best, once = cut, cut.shifted(-shift).windows()
		}
	}
	if 2*best.length() < template.length() {
		return nil, nil
	}
	return once, best.windows()
}

// nearest are those of the windows, which ascend, that a set can have.
func nearest(windows []query.Window, to span) []query.Window {
	for len(windows) > query.MaxWindows {
		if to.since.Sub(windows[0].Since).Abs() > to.since.Sub(windows[len(windows)-1].Since).Abs() {
			windows = windows[1:]
		} else {
			windows = windows[:len(windows)-1]
		}
	}
	return slices.Clip(windows)
}
