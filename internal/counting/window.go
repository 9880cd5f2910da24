package counting

import (
	"math"
	"slices"
	"time"
)

// Windows are stretches of time that ascend and do not overlap.
type Windows []Window

// Window is from Since on, until Until, in microseconds since 1970.
type Window struct{ Since, Until int64 }

// Always holds every moment.
var Always = Window{math.MinInt64, math.MaxInt64}

// Within are the windows as far as they lie in another one; those outside are empty.
func (w Windows) Within(bounds Window) Windows {
	inside := make(Windows, len(w))
	for i, one := range w {
		inside[i].Since = max(one.Since, bounds.Since)
		inside[i].Until = max(min(one.Until, bounds.Until), inside[i].Since)
	}
	return inside
}

// Stretches are the windows without those that are empty; those that touch are one.
func (w Windows) Stretches() Windows {
	var stretches Windows
	for _, one := range w {
		switch last := len(stretches) - 1; {
		case one.Since >= one.Until:
		case last >= 0 && stretches[last].Until == one.Since:
			stretches[last].Until = one.Until
		default:
			stretches = append(stretches, one)
		}
	}
	return stretches
}

// Index is the window that a moment is in; -1: none.
func (w Windows) Index(at int64) int {
	if len(w) > 0 && at >= w[0].Since && at < w[0].Until {
		return 0
	}
	i, found := slices.BinarySearchFunc(w, at, func(one Window, at int64) int {
		switch {
		case at >= one.Until:
			return -1
		case at < one.Since:
			return 1
		}
		return 0
	})
	if !found {
		return -1
	}
	return i
}

// Microsecond is the first one that is not before t. Of times that no event has only
// the side matters on which they lie.
func Microsecond(t time.Time) int64 {
	switch year := t.UTC().Year(); {
	case year < 0:
		return math.MinInt64
	case year > 9999:
		return math.MaxInt64
	}
	return t.Add(time.Microsecond - 1).UnixMicro()
}

// Bound is the moment as a bound of time: zero, which is none, if it is one of Always.
func Bound(at int64) time.Time {
	if at == Always.Since || at == Always.Until {
		return time.Time{}
	}
	return time.UnixMicro(at).UTC()
}
