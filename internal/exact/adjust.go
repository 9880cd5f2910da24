package exact

import (
	"cmp"
	"slices"
	"sort"
)

// Adjusted is what is left of p-values after the correction for their number.
type Adjusted struct {
	// Q has the q-value of each hypothesis, in the order in which they were given: rejecting
	// those with q <= alpha makes false discoveries a share of at most alpha, on average.
	Q []float64
	// Tested is how many hypotheses were corrected for; the others could not be rejected and
	// have q = 1.
	Tested int
	// Cutoff is the greatest least p-value of those that were tested: alpha/K.
	Cutoff float64
}

// Adjust corrects the p-values p of many hypotheses, for a test at level alpha, for being many.
// least[i] is the smallest p-value that hypothesis i could have had (Table.Least).
//
// A hypothesis that could not be significant whatever happened need not be corrected for. With
// K the smallest k = 1, 2, ... for which at most k hypotheses have least <= alpha/k, the m
// with least <= alpha/K are tested, and their q-values are those of Benjamini and Hochberg:
//
//	q of the i-th smallest p = the smallest of 1 and p(j)*m/j, over all j >= i
//
// (R. E. Tarone, 1990, "A modified Bonferroni method for discrete data"; P. B. Gilbert, 2005,
// "A modified false discovery rate multiple-comparisons procedure for discrete data, applied to
// human immunodeficiency virus genetics"; Y. Benjamini and Y. Hochberg, 1995, "Controlling the
// false discovery rate: a practical and powerful approach to multiple testing".)
//
// Which are tested depends on alpha, so q-values are to be compared with that alpha only. A
// missing least counts as 0, so that a nil least is R's p.adjust(p, "BH"). Values of p and least
// that are NaN or not in [0, 1] count as 1. An alpha that is NaN or not in (0, 1] rejects nothing:
// no hypothesis is tested, and Cutoff is 0. The arguments are not changed.
func Adjust(p, least []float64, alpha float64) Adjusted {
	adjusted := Adjusted{Q: slices.Repeat([]float64{1}, len(p))}
	if !(alpha > 0 && alpha <= 1) {
		return adjusted
	}
	smallest := make([]float64, len(p))
	for i, value := range least[:min(len(p), len(least))] {
		smallest[i] = orOne(value)
	}
	adjusted.Cutoff = cutoff(smallest, alpha)

	var tested []int
	for i := range p {
		if smallest[i] <= adjusted.Cutoff {
			tested = append(tested, i)
		}
	}
	adjusted.Tested = len(tested)

	slices.SortFunc(tested, func(i, j int) int { return cmp.Compare(orOne(p[j]), orOne(p[i])) })
	q := 1.0
	for i, index := range tested { // from the greatest p on
		rank := len(tested) - i
		q = min(q, orOne(p[index])*float64(len(tested))/float64(rank))
		adjusted.Q[index] = q
	}
	return adjusted
}

// cutoff is Tarone's alpha/K.
func cutoff(least []float64, alpha float64) float64 {
	sorted := slices.Sorted(slices.Values(least))
	k := 1 + sort.Search(len(sorted), func(i int) bool { // the more k, the fewer they are
		bound := alpha / float64(i+1)
		return sort.Search(len(sorted), func(j int) bool { return sorted[j] > bound }) <= i+1
	})
	return alpha / float64(k)
}

// orOne is a p-value, 1 if it is none.
func orOne(p float64) float64 {
	if p >= 0 && p <= 1 {
		return p
	}
	return 1
}
