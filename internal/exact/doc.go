// Package exact holds the statistics by which two deployments are compared: Fisher's exact
// test of one key (Table), the correction for testing many keys (Adjust), and exact
// intervals for rates and shares (PoissonInterval, BinomialInterval).
//
// All of it is exact in the sense of statistics: probabilities come from the distribution of
// the counts itself, and no count is too small for them. None of it panics, returns NaN, or
// depends on anything but its arguments; all of it may be called concurrently.
//
// # Numbers
//
// A probability is a sum of weights divided by the sum of all. The weights follow from that
// of the likeliest number by multiplying with the ratio of neighbours, outwards on both sides,
// until what is left cannot change the result. Nothing is subtracted, so nothing cancels: the
// relative error is below 1e-9 for counts up to MaxCount, as long as the result is at least
// 2.3e-308, the smallest normal float64. Differences of logarithms of factorials, the usual way,
// lose that accuracy at 10^7 users.
//
// The distributions here have a standard deviation of at most the square root of the counts,
// and no weight beyond some forty of them matters: 10^7 users take some 10^5 steps of a few
// nanoseconds, and MaxCount a few million.
package exact

// MaxCount is the greatest count that is computed with, more than there are people. Functions
// say what they return beyond it.
const MaxCount = 10_000_000_000
