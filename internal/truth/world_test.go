package truth

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAWorldHasSmallKeysAndLargeOnes(t *testing.T) {
	w := newWorld(randomOf("world", shortSeed, 0), habits{})
	tallies := w.live(&night{length: nightly})
	small, large, prone := 0, 0, [2]float64{1, 1}
	for _, tally := range tallies {
		if tally.users <= 4 {
			small++
		}
		if tally.users >= 100 {
			large++
		}
	}
	for _, u := range w.users {
		prone = [2]float64{min(prone[0], u.prone), max(prone[1], u.prone)}
	}
	require.InDelta(t, Keys/2, small, Keys/8)
	require.InDelta(t, 8, large, 4)
	require.InDelta(t, denialSpread, prone[1]/prone[0], 0.2)
	require.InDelta(t, 8_500, len(w.requests), 1_500)
}

func TestMostUsersAreThereOnBothNights(t *testing.T) {
	w := newWorld(randomOf("users", shortSeed, 0), habits{})
	w.live(&night{length: nightly})
	w.live(&night{length: nightly, side: candidate})
	type visitor struct{ key, user int }
	seen := make(map[visitor]int)
	for _, r := range w.requests {
		seen[visitor{r.key, r.user}] |= 1 << r.side
	}
	n := [4]float64{}
	for _, sides := range seen {
		n[sides]++
	}
	require.InDelta(t, takesPart, n[3]/(n[1]+n[3]), 0.03)
}

func TestDeniedClientsTryFiveTimesInTheMean(t *testing.T) {
	for _, retries := range []bool{false, true} {
		w := newWorld(randomOf("tries", shortSeed, 0), habits{retries: retries})
		refused, denied := 0, 0
		for range 5 {
			for _, tally := range w.live(&night{length: nightly}) {
				refused += tally.refused
			}
		}
		for _, r := range w.requests {
			if r.denied {
				denied++
			}
		}
		want := 1.0
		if retries {
			want = tries
		}
		require.InDelta(t, want, float64(denied)/float64(refused), 0.2)
	}
}

func TestFourTimesAsManyUsersAreDenied(t *testing.T) {
	w := newWorld(randomOf("rise", shortSeed, 0), habits{})
	before, after, nights := 0, 0, 40
	const large = Keys - 5
	w.keys[large].denied = 0.01
	for range nights {
		before += w.live(&night{length: nightly})[large].denied
		after += w.live(&night{length: nightly, changes: map[int]change{large: {rise: 4}}})[large].denied
	}
	require.InEpsilon(t, 4*before, after, 0.15)
	w.keys[large].denied = 0.3
	require.True(t, w.live(&night{length: nightly, changes: map[int]change{large: {rise: 4}}})[large].cannot)
}

func TestACanaryGetsItsShare(t *testing.T) {
	w := newWorld(randomOf("canary", shortSeed, 0), lively)
	w.live(&night{length: nightly, side: candidate, canary: 0.1})
	n := 0.0
	for _, r := range w.requests {
		if r.side == candidate {
			n++
		}
	}
	require.InDelta(t, 0.1, n/float64(len(w.requests)), 0.01)
}

func TestSeasonsDiffer(t *testing.T) {
	w := newWorld(randomOf("seasons", shortSeed, 0), habits{})
	w.live(&night{length: week, seasons: newSeasons()})
	var checks, denied [7 * 24]float64
	for _, r := range w.requests {
		hour := r.at / 3_600_000_000
		checks[hour]++
		if r.denied {
			denied[hour]++
		}
	}
	sum := func(hours [7 * 24]float64, from, to int) (sum float64) {
		for day := from; day < to; day++ {
			for hour := 7; hour < 20; hour++ {
				sum += hours[24*day+hour]
			}
		}
		return sum
	}
	all := 0.0
	for _, n := range checks {
		all += n
	}
	work, weekend := sum(checks, 0, 5), sum(checks, 5, 7)
	require.InDelta(t, 0.4, weekend/2/(work/5), 0.08)
	require.Greater(t, work+weekend, 0.8*all)
	require.Greater(t, sum(denied, 5, 7)/weekend, 1.4*sum(denied, 0, 5)/work)
}
