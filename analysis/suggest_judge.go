package analysis

import (
	"math"
	"math/bits"

	"github.com/permaudit/audit/internal/exact"
	"github.com/permaudit/audit/query"
)

// suggester classifies keys.
type suggester struct {
	keys     []*checkedKey
	everyone crowd
	grants   grantedKeys
	isProber []bool // by number

	// kept is the share of what was granted that is in the log; 1: all of it. It is kept
	// or not for each user.
	kept float64
}

// classify finds the class of each key that was denied, without the probers, whom it
// returns.
func (s *suggester) classify() (probers []Prober) {
	s.keys = join(s.keys, s.everyone)
	s.findProbers()
	isProber := func(number int) bool { return s.isProber[number] }
	judged := 0
	for _, k := range s.keys {
		k.leaveOut(isProber)
		if k.users >= leastDenied {
			judged++
		}
	}
	level := min(chanceLevel, chanceInLog/float64(judged))
	var users, denied float64 // of the keys that are granted to somebody
	for _, k := range s.keys {
		switch since, isLost := k.lostSince(level); {
		case isLost && s.isSeen(len(evidenceSince(k.denied, since)), level):
			k.class, k.since, k.evidence = ClassLost, since, evidenceSince(k.denied, since)
		case k.Granted.Events > 0:
			users += float64(k.users)
			denied += float64(len(k.denied))
		}
	}
	share := denied / max(1, users)
	for _, k := range s.keys {
		switch n := len(k.denied); {
		case k.class != "" || k.Denied.Events == 0:
		case k.Granted.Events == 0 && n >= leastDenied && math.Pow(share, float64(n)) <= level && s.isSeen(n, level):
			k.class, k.evidence = ClassMissing, k.denied
		case n > 0 && n <= hammeringUsers && k.deniedEvents() >= hammeringEvents:
			k.class = ClassHammering
		case k.Granted.Events > 0:
			k.class = ClassRole
		default:
			k.class = ClassFew
		}
	}
	return s.everyone.probers(isProber)
}

// isSeen reports whether it would be seen if one of two checks were granted to users of whom
// so many were denied, since one of those granted is in the log.
func (s *suggester) isSeen(users int, level float64) bool {
	return math.Pow(1-s.kept, float64(users)) <= level
}

// findProbers finds the users who were denied most of what they asked, where most of it is
// what hardly anybody else was denied. If they are half of all users it is the rules that
// deny most, and nobody is a prober; nor is anybody in a sampled log, which has denials of
// users who were granted much that it has not.
func (s *suggester) findProbers() {
	crowded := make([]int, len(s.everyone))
	for _, k := range s.keys {
		if len(k.denied) < crowdUsers {
			continue
		}
		for _, user := range k.denied {
			crowded[user.number]++
		}
	}
	s.isProber = make([]bool, len(s.everyone))
	if s.kept < 1 {
		return
	}
	probers := 0
	for number := range s.everyone {
		if s.everyone.isProber(number) && 2*crowded[number] < s.everyone[number].deniedKeys[inCandidate] {
			s.isProber[number] = true
			probers++
		}
	}
	if 2*probers > len(s.everyone) {
		clear(s.isProber)
	}
}

// lostSince reports whether a key was granted until a moment, and then only denied: in the
// window since, and in those that follow.
func (k *checkedKey) lostSince(level float64) (since int, isLost bool) {
	last := bits.Len64(k.granted) - 1 // the window of the last grant
	after := int64(len(evidenceSince(k.denied, last+1)))
	if last < 0 || after < leastDenied {
		return 0, false
	}
	var denied [query.MaxWindows]int64
	for _, user := range k.denied {
		eachWindow(user.in, func(w int) { denied[w]++ })
	}
	// tally is how many users the windows have, and how many of them were denied.
	tally := func(from, until int) (hits, of int64) {
		for w := from; w < until; w++ {
			hits += denied[w]
			of += int64(k.judged[w])
		}
		return hits, of
	}
	isUnlike := func(from, until int, level float64) bool {
		t := exact.Table{Hits: after, Of: after}
		t.BaseHits, t.BaseOf = tally(from, until)
		return t.Greater(1) <= level
	}
	before := onset(last, tally)
	if before < last && !isUnlike(before, last, chanceLevel) {
		return 0, false // it goes on as it was
	}
	hits, of := tally(0, before)
	// The window of the last grant counts, unless some of the loss is in it already.
	if in, _ := tally(last, last+1); before == last && (in == 0 || of == 0) {
		before++
		hits, of = tally(0, before)
	}
	share := float64(hits) / float64(of)
	if k.Sampled > 0 {
		share = k.weighedShare(before)
	}
	return last + 1, share <= mostDeniedBefore && isUnlike(0, before, level)
}

// onset is the window in which it began that a larger share was denied, of those before
// last; last, if it did not.
func onset(last int, tally func(from, until int) (hits, of int64)) int {
	found, least := last, chanceLevel
	for w := 1; w < last; w++ {
		var t exact.Table
		t.Hits, t.Of = tally(w, last)
		t.BaseHits, t.BaseOf = tally(0, w)
		if p := t.Greater(1); t.BaseOf > 0 && p < least {
			found, least = w, p
		}
	}
	return found
}

// weighedShare is the share of denied checks before a window, each weighed: of users there
// are too few among the sampled ones that were granted.
func (k *checkedKey) weighedShare(before int) float64 {
	denied := 0.0
	for _, user := range k.denied {
		in := user.in & (1<<before - 1)
		denied += float64(user.events) * float64(count(in)) / float64(count(user.in))
	}
	return denied / (denied + k.Granted.Events)
}

// evidenceSince are the users that were denied something in a window or in those that
// follow, with these windows.
func evidenceSince(users []deniedUser, since int) (evidence []deniedUser) {
	for _, user := range users {
		if user.in = user.in >> since << since; user.in != 0 {
			evidence = append(evidence, user)
		}
	}
	return evidence
}
