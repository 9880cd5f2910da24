package exact

// Table compares two groups of users: of Of users of the candidate Hits were denied, of BaseOf
// users of the baseline BaseHits.
//
// Its methods are one-sided tests of the odds ratio, which is 1 where the candidate denies as
// the baseline does. Given the margins (how many users each side has, and how many were denied
// in all), Hits has Fisher's noncentral hypergeometric distribution:
//
//	P(X = x) is proportional to C(Of, x) * C(BaseOf, Hits+BaseHits-x) * odds^x
//
// (R. A. Fisher, 1935, "The Logic of Inductive Inference"; with odds 1, his exact test.)
// The odds are at least 0, and may be infinite. A table that cannot be (a negative count, more
// hits than users), one with more than MaxCount users on a side, and odds below 0 or NaN show
// nothing: every method returns 1.
//
// Results below 2.3e-308 lose digits, and below 5e-324 they are 0.
type Table struct {
	Hits, Of         int64
	BaseHits, BaseOf int64
}

// Greater is the p-value of "the candidate's odds are more than odds times the baseline's":
// P(X >= Hits). In R:
//
//	fisher.test(matrix(c(Hits, Of-Hits, BaseHits, BaseOf-BaseHits), 2), or = odds, alternative = "greater")$p.value
func (t Table) Greater(odds float64) float64 {
	if !t.valid(odds) {
		return 1
	}
	_, above := t.weights(odds).split(t.Hits)
	return above
}

// Less is the p-value of "the candidate's odds are less than odds times the baseline's":
// P(X <= Hits). In R: Greater's call with alternative = "less".
func (t Table) Less(odds float64) float64 {
	if !t.valid(odds) {
		return 1
	}
	below, _ := t.weights(odds).split(t.Hits + 1)
	return below
}

// Least is the smallest p-value that Greater can have with these margins: with as many of the
// hits as possible on the candidate's side. Where it is above the level of the test, the table
// cannot be significant, whatever its hits (see Adjust).
func (t Table) Least(odds float64) float64 {
	if !t.valid(odds) {
		return 1
	}
	return t.with(t.weights(odds).hi).Greater(odds)
}

// LeastLess is the smallest p-value that Less can have with these margins.
func (t Table) LeastLess(odds float64) float64 {
	if !t.valid(odds) {
		return 1
	}
	return t.with(t.weights(odds).lo).Less(odds)
}

func (t Table) valid(odds float64) bool {
	return odds >= 0 && possible(t.Hits, t.Of) && possible(t.BaseHits, t.BaseOf)
}

// possible says that there can be so many hits, and that they are not too many.
func possible(hits, of int64) bool {
	return 0 <= hits && hits <= of && of <= MaxCount
}

// with is the table of the same margins with other hits.
func (t Table) with(hits int64) Table {
	return Table{Hits: hits, Of: t.Of, BaseHits: t.Hits + t.BaseHits - hits, BaseOf: t.BaseOf}
}

// weights is the distribution of Hits.
func (t Table) weights(odds float64) weights {
	hits := t.Hits + t.BaseHits
	return weights{
		lo: max(0, hits-t.BaseOf),
		hi: min(hits, t.Of),
		ratio: func(x int64) float64 {
			up := float64(t.Of-x+1) * float64(hits-x+1)
			down := float64(x) * float64(t.BaseOf-hits+x)
			return up / down * odds
		},
	}
}
