package exact

import "math"

// PoissonInterval is the exact interval for a rate: events were counted in an exposure (nights,
// hours), and rates between low and high are compatible with that at the level, such as 0.95.
// Outside, so few events (at high) or so many (at low) have a probability of less than
// (1-level)/2:
//
//	P(X >= events) = (1-level)/2 for X of the Poisson distribution with mean low*exposure
//	P(X <= events) = (1-level)/2 for X of the Poisson distribution with mean high*exposure
//
// (F. Garwood, 1936, "Fiducial limits for the Poisson distribution".) In R:
// poisson.test(events, exposure, conf.level = level)$conf.int.
//
// No events have low = 0. Where nothing can be said, the interval is (0, +Inf): events below 0 or
// above MaxCount, an exposure that is not positive and finite, a level not in [0, 1).
func PoissonInterval(events int64, exposure, level float64) (low, high float64) {
	if !possible(events, MaxCount) || !(exposure > 0 && exposure <= math.MaxFloat64) || !(level >= 0 && level < 1) {
		return 0, math.Inf(1)
	}
	tail := (1 - level) / 2
	poisson := func(mean float64) weights {
		return weights{lo: 0, hi: math.MaxInt64, ratio: func(x int64) float64 { return mean / float64(x) }}
	}

	if events > 0 {
		low = root(0, float64(events), func(mean float64) bool {
			_, above := poisson(mean).split(events)
			return above < tail
		})
	}
	tooLow := func(mean float64) bool {
		below, _ := poisson(mean).split(events + 1)
		return below > tail
	}
	most := float64(events + 1)
	for tooLow(most) {
		most *= 2
	}
	return low / exposure, root(float64(events), most, tooLow) / exposure
}

// BinomialInterval is the exact interval for a share: hits of of trials were counted. Its ends
// are to the binomial distribution what those of PoissonInterval are to Poisson's (C. J. Clopper
// and E. S. Pearson, 1934, "The use of confidence or fiducial limits illustrated in the case of
// the binomial"). In R: binom.test(hits, of, conf.level = level)$conf.int.
//
// No hits have low = 0, and hits only have high = 1. Where nothing can be said, the interval is
// (0, 1): no trials, counts that cannot be or are above MaxCount, a level not in [0, 1).
func BinomialInterval(hits, of int64, level float64) (low, high float64) {
	if !possible(hits, of) || !(level >= 0 && level < 1) {
		return 0, 1
	}
	tail := (1 - level) / 2
	binomial := func(share float64) weights {
		odds := share / (1 - share)
		return weights{lo: 0, hi: of, ratio: func(x int64) float64 { return float64(of-x+1) / float64(x) * odds }}
	}

	low, high = 0, 1
	seen := float64(hits) / float64(of)
	if hits > 0 {
		low = root(0, seen, func(share float64) bool {
			_, above := binomial(share).split(hits)
			return above < tail
		})
	}
	if hits < of {
		high = root(seen, 1, func(share float64) bool {
			below, _ := binomial(share).split(hits + 1)
			return below > tail
		})
	}
	return low, high
}

// root is where tooLow, which holds at low and not at high, ends to hold, by bisection.
func root(low, high float64, tooLow func(float64) bool) float64 {
	for high-low > enough*high {
		middle := low + (high-low)/2
		if middle <= low || middle >= high { // they are neighbours
			break
		}
		if tooLow(middle) {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}
