package exact

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Closed forms: of no events P(X = 0) = exp(-mean), of no hits (1-share)^of, of hits only share^of.
func TestIntervalsOfNoneAndAll(t *testing.T) {
	for _, level := range []float64{0, 0.5, 0.95, 0.999999} {
		tail := (1 - level) / 2
		low, high := PoissonInterval(0, 30, level)
		near(t, 0, low)
		near(t, -math.Log(tail)/30, high)
		for _, of := range []int64{1, 2, 10, 1000, 10_000_000} {
			low, high = BinomialInterval(0, of, level)
			near(t, 0, low)
			near(t, -math.Expm1(math.Log(tail)/float64(of)), high)
			low, high = BinomialInterval(of, of, level)
			near(t, math.Exp(math.Log(tail)/float64(of)), low)
			near(t, 1, high)
		}
	}
}

// What is seen is inside, a higher level is wider, misses mirror hits, more exposure is a smaller rate.
func TestIntervalsHold(t *testing.T) {
	for _, n := range []int64{1, 2, 7, 100, 12345} {
		for _, hits := range []int64{0, 1, n / 3, n - 1, n} {
			wideLow, wideHigh := BinomialInterval(hits, n, 0.99)
			low, high := BinomialInterval(hits, n, 0.9)
			seen := float64(hits) / float64(n)
			require.True(t, 0 <= wideLow && wideLow <= low && low <= seen && seen <= high && high <= wideHigh && wideHigh <= 1, "%v of %v", hits, n)
			missLow, missHigh := BinomialInterval(n-hits, n, 0.9)
			require.InDelta(t, 1-high, missLow, 1e-12, "%v of %v", hits, n)
			require.InDelta(t, 1-low, missHigh, 1e-12, "%v of %v", hits, n)
		}
		wideLow, wideHigh := PoissonInterval(n, 1, 0.99)
		low, high := PoissonInterval(n, 1, 0.9)
		require.True(t, 0 < wideLow && wideLow < low && low < float64(n) && float64(n) < high && high < wideHigh, n)
		eighthLow, eighthHigh := PoissonInterval(n, 8, 0.9)
		require.Equal(t, [2]float64{low / 8, high / 8}, [2]float64{eighthLow, eighthHigh}, n)
	}
}

func TestIntervalsWithoutDataSayNothing(t *testing.T) {
	nan, infinite := math.NaN(), math.Inf(1)
	for _, c := range []struct {
		events          int64
		exposure, level float64
	}{
		{-1, 1, 0.95},
		{math.MinInt64, 1, 0.95},
		{MaxCount + 1, 1, 0.95},
		{math.MaxInt64, 1, 0.95},
		{1, 0, 0.95},
		{1, -1, 0.95},
		{1, nan, 0.95},
		{1, infinite, 0.95},
		{1, 1, 1},
		{1, 1, -0.1},
		{1, 1, nan},
		{1, 1, infinite},
	} {
		low, high := PoissonInterval(c.events, c.exposure, c.level)
		require.Equal(t, [2]float64{0, infinite}, [2]float64{low, high}, c)
	}
	for _, c := range []struct {
		hits, of int64
		level    float64
	}{
		{0, 0, 0.95},
		{-1, 5, 0.95},
		{6, 5, 0.95},
		{0, -1, 0.95},
		{1, MaxCount + 1, 0.95},
		{math.MaxInt64, math.MaxInt64, 0.95},
		{1, 5, 1},
		{1, 5, -0.1},
		{1, 5, nan},
		{1, 5, infinite},
	} {
		low, high := BinomialInterval(c.hits, c.of, c.level)
		require.Equal(t, [2]float64{0, 1}, [2]float64{low, high}, c)
	}
}

func FuzzIntervals(f *testing.F) {
	f.Add(int64(3), int64(10), 30.0, 0.95)
	f.Add(int64(0), int64(0), 0.0, 1.0)
	f.Fuzz(func(t *testing.T, hits, of int64, exposure, level float64) {
		hits, of = hits%100_000, of%100_000
		low, high := PoissonInterval(hits, exposure, level)
		require.True(t, 0 <= low && low <= high, "%v %v", low, high)
		low, high = BinomialInterval(hits, of, level)
		require.True(t, 0 <= low && low <= high && high <= 1, "%v %v", low, high)
	})
}
