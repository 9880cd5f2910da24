package analysis

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/permaudit/audit/query"
)

// CompareOptions are how Compare judges. The zero value, and nil, are the defaults.
type CompareOptions struct {
	// By are the dimensions of the keys that are judged, any of query.Dimensions.
	// Defaults to manager, action and attribute.
	By []string
	// Match is how the times of the two sides are matched. Defaults to MatchAuto.
	Match Match
	// Alpha is the false discovery rate that is accepted in each kind of verdict,
	// between 0 and 1. Defaults to 0.05, for which `make truth` says how often it
	// is wrong.
	Alpha float64
	// MinRatio is how large an effect is at least: the odds of being denied, and
	// those of a bypass, times MinRatio; beyond what more checks a user explain. At
	// least 1. Defaults to 2.
	MinRatio float64
	// MinUsers is how many more users must be denied, or bypass the rules, than
	// there would be if nothing had changed. Defaults to 5.
	MinUsers int
	// Acknowledged are keys whose denials are no findings: those of lost_rule,
	// regression and new_denial. Defaults to none.
	Acknowledged *Acknowledgments
	// Now is the time at which acknowledgments must not have expired. Defaults to
	// the time of the call.
	Now time.Time
}

// Comparison is the answer of Compare.
type Comparison struct {
	By    []string     // the dimensions
	Match Match        // how the times were matched; MatchAuto: a side has none
	Keys  []KeyVerdict // every key of a side, by verdict, then the most significant first

	Baseline, Candidate Side

	// Probers are users whom the candidate denied in many keys, and the baseline did
	// not: scanners, or broken clients. They are no alerts, and are not in the numbers
	// of the candidate's keys, but for those of a VerdictRetryLoop; in Candidate they are.
	Probers []Prober
	// Acknowledged says what the acknowledgments did. An entry that covers a retry_loop is
	// not Unused.
	Acknowledged AcknowledgmentReport

	Notes
}

// Side is one of the two sides that were compared.
type Side struct {
	// Windows are the times that were compared, ascending, all of the same length
	// unless Match is MatchNone. A user counts once in each of them. None: the side
	// has no checks.
	Windows []query.Window
	Users   int64 // of any key; those of one key are in KeyVerdict
}

// Alerts returns the keys that somebody should look at: whose verdict is an alert that
// nobody acknowledged.
func (c *Comparison) Alerts() []KeyVerdict {
	var alerts []KeyVerdict
	for _, key := range c.Keys {
		if key.IsAlert() {
			alerts = append(alerts, key)
		}
	}
	return alerts
}

// Judged returns for how many keys there was enough data to judge.
func (c *Comparison) Judged() int {
	n := 0
	for _, key := range c.Keys {
		if key.Verdict.IsAlert() || !key.TooFew {
			n++
		}
	}
	return n
}

// Compare judges what a deployment, the candidate, changed, by comparing it with the one
// before, the baseline: two sets of the checks of a source, each selected by a filter
// (Granted, Bypassed, Newest, Limit and Fields do not matter). A nil options stands for
// the defaults.
//
// Of each key it compares the share of users who were denied, not that of events: who is
// denied tries again, and a test that counts events takes each try for news. The test is
// Fisher's exact one (1935), one-sided, of whether the odds of being denied have risen;
// where each user was checked more often than before, of whether they have risen by more
// than that explains (Fisher's noncentral hypergeometric distribution). A verdict is
// significant if it is still so after the correction for many keys: at most
// CompareOptions.Alpha of the verdicts of a kind are false alarms (Benjamini and Hochberg
// 1995), corrected for the keys in which anything could be significant at all (Tarone
// 1990, Gilbert 2005). And the effect must be large enough to matter, on the users and on
// the share of checks.
//
// Before that the times of the two sides are matched: see Match. Users without id count
// by their text, and all without any user as one.
//
// Users who probe are left out of the candidate's side: see Comparison.Probers.
//
// It returns an error if the options are wrong, if the two sides select some of the same
// checks at the same time (ErrSameChecks), if their times do not match (ErrNoMatch), and if the
// source cannot be read. A side without checks is no error:
// then there is nothing in Keys. Memory grows with the number of different users of each
// key.
func Compare(ctx context.Context, source query.Source, baseline, candidate query.Filter, options *CompareOptions) (*Comparison, error) {
	o, err := options.withDefaults()
	if err != nil {
		return nil, err
	}
	for _, f := range []*query.Filter{&baseline, &candidate} {
		f.Granted, f.Bypassed, f.Newest, f.Limit, f.Fields = query.Any, query.Any, false, 0, 0
		if !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
			return nil, fmt.Errorf("analysis: compare: a side is from %v to %v: no time is between them", f.Since, f.Until)
		}
	}
	if o.Match == MatchNone && !isSame(baseline, candidate) { // the times are found on the way
		return compareIn(ctx, source, baseline, candidate, matched{match: MatchNone}, &o)
	}
	b, c, err := timesOf(ctx, source, baseline, candidate)
	if err != nil {
		return nil, err
	}
	if b.isEmpty() || c.isEmpty() {
		return nothing(&o, b, c), nil
	}
	ways, err := matches(b, c, o.Match)
	if err != nil {
		return nil, err
	}
	_, mayShare := sharedFilter(baseline, candidate)
	for i, m := range ways {
		if mayShare {
			m = m.apart()
		}
		comparison, err := compareIn(ctx, source, baseline, candidate, m, &o)
		switch {
		case i == len(ways)-1:
			return comparison, err
		case errors.Is(err, ErrSameChecks): // at other times they may not
		case err != nil || comparison.isEnough():
			return comparison, err
		}
	}
	return nil, ErrNoMatch // MatchNone always is a way
}

// percent is a share as text.
func percent(part, whole float64) string {
	return strconv.FormatFloat(100*part/whole, 'g', 3, 64) + " %"
}

// nothing is the answer where a side has no checks.
func nothing(o *CompareOptions, b, c span) *Comparison {
	comparison := &Comparison{By: o.By, Match: o.Match}
	if !b.isEmpty() {
		comparison.Baseline.Windows = b.windows()
	}
	if !c.isEmpty() {
		comparison.Candidate.Windows = c.windows()
	}
	return comparison
}

// compareIn compares the two sides in their windows; none: in all of their times.
func compareIn(ctx context.Context, source query.Source, baseline, candidate query.Filter, m matched, o *CompareOptions) (*Comparison, error) {
	c := &Comparison{By: o.By, Match: m.match}
	c.Baseline.Windows, c.Candidate.Windows = m.baseline, m.candidate
	sets := []query.Set{{Filter: baseline, Windows: m.baseline}, {Filter: candidate, Windows: m.candidate}}
	if both, ok := sharedSet(sets[inBaseline], sets[inCandidate]); ok {
		sets = append(sets, both)
	}
	j := &judge{alpha: o.Alpha, minRatio: o.MinRatio, minUsers: float64(o.MinUsers)}
	var everyone crowd
	var checks [sides]float64
	var shared float64
	err := c.readUserGroups(ctx, source, sets, o.By, func(group *query.UserGroup) {
		for side := range checks {
			checks[side] += group.Sets[side].Checks
		}
		if len(sets) > sides {
			shared += group.Sets[sides].Checks
		}
		j.keys = append(j.keys, newComparedKey(group, &everyone))
	})
	switch {
	case err != nil:
		return nil, err
	case shared > 0:
		return nil, fmt.Errorf("%w: %s of the baseline's and %s of the candidate's are those of both; want filters that leave them to one side",
			ErrSameChecks, percent(shared, checks[inBaseline]), percent(shared, checks[inCandidate]))
	}
	var users [sides]int64
	users, j.all = everyone.count()
	c.Baseline.Users, c.Candidate.Users = users[inBaseline], users[inCandidate]
	if m.baseline == nil {
		c.Baseline.Windows, c.Candidate.Windows = j.times(inBaseline), j.times(inCandidate)
	}
	if len(c.Baseline.Windows) == 0 || len(c.Candidate.Windows) == 0 {
		return c, nil
	}
	var isProber func(number int) bool
	c.Keys, isProber = j.runWithoutProbers(everyone, o.By)
	sortVerdicts(c.Keys)
	c.Probers = everyone.probers(isProber)
	c.acknowledge(o)
	return c, nil
}

// times is the window from the first to the last check of a side; none: it has no checks.
func (j *judge) times(side int) []query.Window {
	var all span
	for _, k := range j.keys {
		counts := &k.side[side].SetCounts
		for _, o := range []query.Outcome{counts.Granted, counts.Denied, counts.Bypassed} {
			if o.Events > 0 {
				all = all.with(span{o.First, o.Last.Add(time.Microsecond)})
			}
		}
	}
	if all.isEmpty() {
		return nil
	}
	return all.windows()
}

// isEnough reports whether it is no use to match the times in a looser way: keys can be
// judged, and the baseline is not far smaller than the candidate. Two sides that ran at
// once are what they are.
func (c *Comparison) isEnough() bool {
	const least = 4
	return c.Judged() > 0 && (c.Match == MatchOverlap || least*c.Baseline.Users >= c.Candidate.Users)
}

// withDefaults checks the options and fills them in.
func (options *CompareOptions) withDefaults() (CompareOptions, error) {
	var o CompareOptions
	if options != nil {
		o = *options
	}
	o.By = orDefault(o.By, "manager", "action", "attribute")
	o.Alpha = cmp.Or(o.Alpha, 0.05)
	o.MinRatio = cmp.Or(o.MinRatio, 2)
	o.MinUsers = cmp.Or(o.MinUsers, 5)
	if o.Now.IsZero() {
		o.Now = time.Now()
	}
	switch {
	case !(o.Alpha > 0 && o.Alpha < 1): // so that NaN is none
		return o, fmt.Errorf("analysis: compare: Alpha is %v, want more than 0 and less than 1", o.Alpha)
	case !(o.MinRatio >= 1 && o.MinRatio <= math.MaxFloat64):
		return o, fmt.Errorf("analysis: compare: MinRatio is %v, want 1 or more", o.MinRatio)
	case o.MinUsers < 0:
		return o, fmt.Errorf("analysis: compare: MinUsers is %d, want 1 or more", o.MinUsers)
	case o.Match == "auto":
		o.Match = MatchAuto
	case o.Match != MatchAuto && !slices.Contains(Matches(), string(o.Match)):
		return o, fmt.Errorf("analysis: compare: Match is %q, want one of %q", o.Match, Matches())
	}
	return o, query.CheckDimensions(o.By)
}

// acknowledge marks the alerts that somebody has acknowledged.
func (c *Comparison) acknowledge(o *CompareOptions) {
	var alerts, loops [][]string
	for i := range c.Keys {
		k := &c.Keys[i]
		if k.Verdict == VerdictRetryLoop { // no finding, but Denied may need its entry
			loops = append(loops, k.Key)
		}
		if !k.Verdict.isDenial() { // a check that is gone, or skipped, is no denial
			continue
		}
		alerts = append(alerts, k.Key)
		if covered, found := o.Acknowledged.Find(c.By, k.Key, o.Now); found {
			k.Acknowledged = covered
		}
	}
	c.Acknowledged = o.Acknowledged.report(c.By, alerts, loops, o.Now)
}
