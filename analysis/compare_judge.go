package analysis

import (
	"cmp"
	"math"
	"slices"

	"github.com/permaudit/audit/internal/exact"
)

// What verdicts need at least, where CompareOptions do not say it.
const (
	lostGranted   = 0.99 // of a lost rule: so much was granted before, or more
	lostUsers     = 3    // of a lost rule are denied
	vanishedUsers = 20   // of a key that is not checked any more
	vanishedLeft  = 0.05 // of them may be left, of as many as there should be
	loopEvents    = 100  // of a retry loop are denied,
	loopShare     = 0.75 // of all that are,
	loopEach      = 20   // to each user,
	loopUsers     = 3    // of whom there are at most so many
	mostTries     = 50   // of a user count in a window, where shares of checks are compared
)

// kind is a kind of finding. Those of one kind are corrected for each other.
type kind int

const (
	moreDenied kind = iota // regression and lost_rule
	fewerDenied
	newDenied
	gone
	moreBypassed
	kinds
)

// test is what a statistical test says. The zero test is none.
type test struct {
	applies bool
	p       float64 // how likely something as extreme is, if nothing has changed
	least   float64 // the smallest that p can be, given how many users and hits there are
	q       float64 // p, corrected
	isLarge bool    // the effect is
}

// judge judges keys.
type judge struct {
	alpha, minRatio, minUsers float64

	keys    []*comparedKey
	all     [sides]uint64  // windows in which there is anybody
	share   [sides]float64 // of the users of all keys, and of their checks: the larger one
	denied  int64          // users of the baseline, summed over its keys
	judged  int64
	cutoffs [kinds]float64
}

// run makes the tests, and corrects them.
func (j *judge) run() {
	var users, checks [sides]float64
	j.denied, j.judged = 0, 0
	for _, k := range j.keys {
		j.denied += k.side[inBaseline].denied
		j.judged += k.side[inBaseline].judged
		for i := range k.side {
			users[i] += float64(k.side[i].users)
			checks[i] += k.side[i].once
		}
	}
	for i := range j.share {
		other := sides - 1 - i
		j.share[i] = steady(max(users[i]/(users[i]+users[other]), checks[i]/(checks[i]+checks[other])))
	}
	for _, k := range j.keys {
		j.test(k)
	}
	for kind := range kinds {
		j.correct(kind)
	}
}

// runWithoutProbers judges the keys without the users who are probers, whom it returns. Who
// is one depends on which keys are alerts, and which keys are depends on who is one.
func (j *judge) runWithoutProbers(everyone crowd, by []string) (keys []KeyVerdict, isProber func(number int) bool) {
	strangers := everyone.strangers(j.keys)
	left := slices.Clone(strangers)
	isLeft := func(number int) bool { return left[number] }
	const mostRounds = 5 // two do, mostly
	for range mostRounds {
		for _, k := range j.keys {
			k.leaveOut(isLeft)
		}
		j.run()
		keys = j.verdicts(by)
		for i := range everyone {
			everyone[i].excused = 0
		}
		for i, k := range j.keys {
			if keys[i].Verdict.isDenial() {
				everyone.excuse(k.denied)
			}
		}
		same := true
		for i := range left {
			is := strangers[i] || everyone.isProber(i)
			same = same && is == left[i]
			left[i] = is
		}
		if same {
			break
		}
	}
	return keys, isLeft
}

// correct corrects the tests of one kind for each other.
func (j *judge) correct(kind kind) {
	var tests []*test
	var p, least []float64
	for _, k := range j.keys {
		if t := &k.tests[kind]; t.applies {
			tests, p, least = append(tests, t), append(p, t.p), append(least, t.least)
		}
	}
	adjusted := exact.Adjust(p, least, j.alpha)
	for i, t := range tests {
		t.q = adjusted.Q[i]
	}
	j.cutoffs[kind] = adjusted.Cutoff
}

// test makes the tests of a key.
func (j *judge) test(k *comparedKey) {
	b, c := &k.side[inBaseline], &k.side[inCandidate]
	j.testGone(k)
	switch {
	case c.users == 0:
		return
	case b.judged == 0: // bypasses say nothing of the rules
		j.testNew(k)
	}
	if b.users == 0 {
		return
	}
	if exposure := k.exposure(); exposure > 0 {
		users := exact.Table{Hits: c.denied, Of: c.judged, BaseHits: b.denied, BaseOf: b.judged}
		odds := exposureOdds(exposure, users)
		up, down := max(1, odds), min(1, odds)
		k.tests[moreDenied] = test{
			applies: true, p: users.Greater(up), least: users.Least(up), isLarge: j.isLarge(users, up) && j.areMore(k),
		}
		mirror := exact.Table{Hits: b.denied, Of: b.judged, BaseHits: c.denied, BaseOf: c.judged}
		k.tests[fewerDenied] = test{
			applies: true, p: users.Less(down), least: users.LeastLess(down), isLarge: j.isLarge(mirror, 1/down),
		}
	}
	bypasses := exact.Table{Hits: c.bypassed, Of: c.users, BaseHits: b.bypassed, BaseOf: b.users}
	up := max(1, exposureOdds(ratioOf(b.every, c.every), bypasses))
	k.tests[moreBypassed] = test{
		applies: true, p: bypasses.Greater(up), least: bypasses.Least(up), isLarge: j.isLarge(bypasses, up),
	}
}

// testNew compares a key of which the baseline's rules decided nothing with all keys of the
// baseline. That the baseline does not have it must not be a matter of chance either.
func (j *judge) testNew(k *comparedKey) {
	c := &k.side[inCandidate]
	users := exact.Table{Hits: c.denied, Of: c.judged, BaseHits: j.denied, BaseOf: j.judged}
	isNew := k.side[inBaseline].users > 0 || j.onOneSide(inCandidate, c.users) <= j.alpha
	k.tests[newDenied] = test{applies: true, p: users.Greater(1), least: users.Least(1), isLarge: isNew && j.isLarge(users, 1)}
}

// testGone tests whether next to nobody is left of a key by chance. Every key of the
// baseline could have lost its users, so that all of them are corrected for.
func (j *judge) testGone(k *comparedKey) {
	b, c := &k.side[inBaseline], &k.side[inCandidate]
	if b.users == 0 {
		return
	}
	usual := float64(b.users) * (1 - j.share[inBaseline]) / j.share[inBaseline]
	isGone := float64(c.users) <= vanishedLeft*usual
	t := test{applies: true, p: 1, least: j.onOneSide(inBaseline, b.users+c.users)}
	if isGone {
		t.p = j.fewOnOtherSide(b.users, c.users)
		t.isLarge = b.users >= vanishedUsers && b.seen == j.all[inBaseline]
	}
	k.tests[gone] = t
}

// fewOnOtherSide is how likely it is that so few of the users of a key, or fewer, are on
// the candidate's side: see onOneSide.
func (j *judge) fewOnOtherSide(stayed, left int64) float64 {
	n := stayed + left
	here, there := j.share[inBaseline], 1-j.share[inBaseline]
	if there <= 0 {
		return 1
	}
	p := math.Pow(here, float64(n))
	sum := p
	for i := range left {
		p *= float64(n-i) / float64(i+1) * there / here
		sum += p
	}
	return min(1, sum)
}

// onOneSide is how likely it is that all of so many users of a key are on one side: each
// is with a probability of that side's share (the exact conditional test of two Poisson
// rates, Przyborowski and Wilenski 1940).
func (j *judge) onOneSide(side int, users int64) float64 {
	return math.Pow(j.share[side], float64(users))
}

// isLarge is the gate of effects: the odds ratio, with 1/2 added to each cell (Haldane
// 1956), is minRatio times the one that is expected, and there are minUsers more hits.
func (j *judge) isLarge(t exact.Table, expected float64) bool {
	baseOdds := (float64(t.BaseHits) + 0.5) / (float64(t.BaseOf-t.BaseHits) + 0.5)
	odds := (float64(t.Hits) + 0.5) / (float64(t.Of-t.Hits) + 0.5)
	hits := float64(t.Of) * expected * baseOdds / (1 + expected*baseOdds)
	return odds >= j.minRatio*expected*baseOdds && float64(t.Hits)-hits >= j.minUsers
}

// areMore reports whether a larger share of the checks is denied, too, retries and all. It
// is not where a canary gets a few of the requests: it sees most of the denied users, who
// try until they meet it, and fewer of the others. A user's tries count up to mostTries: a
// client that loops under the baseline hides nothing.
func (j *judge) areMore(k *comparedKey) bool {
	b, c := &k.side[inBaseline], &k.side[inCandidate]
	return c.tries*(b.Granted.Events+1) >= j.minRatio*b.tries*(c.Granted.Events+1)
}

// exposureOdds is the odds ratio that is explained by checking each user so many times as
// often, if each check is denied with the same probability: 1-(1-p)^n of the users are.
func exposureOdds(times float64, t exact.Table) float64 {
	p := (float64(t.BaseHits) + 0.5) / (float64(t.BaseOf) + 1)
	granted := math.Exp(times * math.Log1p(-p))
	const most = 1e6
	return min(most, max(1/most, (1-granted)/granted*(1-p)/p))
}

// verdict is the first one that applies.
func (j *judge) verdict(k *comparedKey) (Verdict, kind) {
	b, c := &k.side[inBaseline], &k.side[inCandidate]
	isSignificant := func(kind kind) bool { t := &k.tests[kind]; return t.applies && t.q <= j.alpha }
	isFound := func(kind kind) bool { return k.tests[kind].isLarge && isSignificant(kind) }
	// Who was denied tried again: that is one check.
	switch ruled := b.Granted.Events + float64(b.denied); {
	case isSignificant(moreDenied) && c.Granted.Events == 0 && c.denied >= lostUsers && b.Granted.Events > lostGranted*ruled:
		return VerdictLostRule, moreDenied
	case isFound(moreDenied):
		return VerdictRegression, moreDenied
	case isFound(newDenied):
		return VerdictNewDenial, newDenied
	case isFound(gone):
		return VerdictVanished, gone
	case isFound(moreBypassed):
		return VerdictBypassUp, moreBypassed
	case len(k.loopUsers) <= loopUsers && k.loopEvents >= max(loopEvents, loopShare*k.whole.Denied.Events): // by probers as well
		return VerdictRetryLoop, moreDenied
	case isFound(fewerDenied):
		return VerdictImprovement, fewerDenied
	case j.isTooFew(k):
		return VerdictTooFew, moreDenied
	}
	return VerdictUnchanged, moreDenied
}

// isTooFew reports whether not even a lost rule would have been found.
func (j *judge) isTooFew(k *comparedKey) bool {
	b, c := &k.side[inBaseline], &k.side[inCandidate]
	lost := exact.Table{Hits: c.judged, Of: c.judged, BaseOf: b.judged}
	kind := moreDenied
	if b.judged == 0 && c.judged > 0 {
		lost.BaseHits, lost.BaseOf, kind = j.denied, j.judged, newDenied
		if !j.isLarge(lost, 1) || b.users == 0 && j.onOneSide(inCandidate, c.users) > j.alpha {
			return true
		}
	}
	return c.judged < lostUsers || lost.Greater(1) > j.cutoffs[kind]
}

// keyVerdict is what is reported of a key.
func (j *judge) keyVerdict(k *comparedKey, by []string) KeyVerdict {
	verdict, kind := j.verdict(k)
	b, c := k.side[inBaseline].keySide(), k.side[inCandidate].keySide()
	if verdict == VerdictRetryLoop {
		c = k.whole.keySide()
	}
	v := KeyVerdict{Key: k.key, Verdict: verdict, Baseline: b, Candidate: c, Q: 1, Exposure: k.exposure(), TooFew: j.isTooFew(k), by: by}
	if t := &k.tests[kind]; t.applies {
		v.Q = t.q
	}
	before, now := shareOf(b.DeniedUsers, b.Users), shareOf(c.DeniedUsers, c.Users)
	if kind == moreBypassed {
		before, now = shareOf(b.BypassedUsers, k.side[inBaseline].users), shareOf(c.BypassedUsers, k.side[inCandidate].users)
	}
	if before > 0 {
		v.Ratio = now / before
	}
	if verdict == VerdictRetryLoop {
		v.Users = slices.Sorted(slices.Values(k.loopUsers))
	}
	return v
}

// sortVerdicts puts the keys into the order in which they matter.
func sortVerdicts(keys []KeyVerdict) {
	slices.SortFunc(keys, func(a, b KeyVerdict) int {
		return cmp.Or(
			cmp.Compare(slices.Index(verdicts, a.Verdict), slices.Index(verdicts, b.Verdict)),
			cmp.Compare(a.Q, b.Q),
			cmp.Compare(b.Candidate.DeniedUsers, a.Candidate.DeniedUsers),
			cmp.Compare(b.Baseline.Users, a.Baseline.Users),
			slices.Compare(a.Key, b.Key),
		)
	})
}
