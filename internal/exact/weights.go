package exact

// weights is a distribution on the integers from lo to hi, up to a factor: ratio(x) is the
// weight of x divided by that of x-1, for lo < x <= hi. It never grows with x (the
// distribution is log-concave), is never NaN, and may be 0 or infinite.
type weights struct {
	lo, hi int64
	ratio  func(x int64) float64
}

const (
	// top is the weight of the mode: so large that what underflows is nothing in a float64
	// even when divided by it, so small that the sum does not overflow.
	top     = 0x1p900
	nothing = 0x1p-240
	enough  = 0x1p-60 // a relative error that does not matter
)

// split is the probability of a number below h, and of one that is at least h.
func (w weights) split(h int64) (below, above float64) {
	if h <= w.lo {
		return 0, 1
	}
	if h > w.hi {
		return 1, 0
	}
	mode := w.mode()
	if mode < h {
		below = top
	} else {
		above = top
	}

	weight := top
	for x := mode + 1; x <= w.hi; x++ {
		ratio := w.ratio(x)
		weight *= ratio
		if x >= h {
			above += weight
			if negligible(weight, ratio, above) {
				break
			}
		} else {
			below += weight
			if weight < nothing { // and so is all of above
				break
			}
		}
	}

	weight = top
	for x := mode - 1; x >= w.lo; x-- {
		ratio := 1 / w.ratio(x+1)
		weight *= ratio
		if x < h {
			below += weight
			if negligible(weight, ratio, below) {
				break
			}
		} else {
			above += weight
			if weight < nothing { // and so is all of below
				break
			}
		}
	}

	total := below + above
	return below / total, above / total
}

// mode is a number of the greatest weight: the last that weighs no less than the one before.
func (w weights) mode() int64 {
	mode, high := w.lo, w.hi
	for mode < high {
		x := high - (high-mode)/2
		if w.ratio(x) >= 1 {
			mode = x
		} else {
			high = x - 1
		}
	}
	return mode
}

// negligible says that what comes after weight does not change sum: as ratios only fall, it is
// at most the geometric series weight*(ratio + ratio^2 + ...).
func negligible(weight, ratio, sum float64) bool {
	return ratio < 1 && weight*ratio <= enough*(1-ratio)*sum
}
