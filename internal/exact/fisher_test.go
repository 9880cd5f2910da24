package exact

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// tables calls check with every table of at most most users a side.
func tables(most int64, check func(Table)) {
	for of := range most + 1 {
		for baseOf := range most + 1 {
			for hits := range of + 1 {
				for baseHits := range baseOf + 1 {
					check(Table{hits, of, baseHits, baseOf})
				}
			}
		}
	}
}

// extremes are the tables of all counts that are as small or as large as can be.
func extremes(check func(Table)) {
	const million10 = 10_000_000
	users := []int64{0, 1, 2, 1000, million10 - 1, million10}
	for _, of := range users {
		for _, baseOf := range users {
			for _, hits := range []int64{0, 1, of / 2, of - 1, of} {
				for _, baseHits := range []int64{0, 1, baseOf / 2, baseOf - 1, baseOf} {
					check(Table{hits, of, baseHits, baseOf})
				}
			}
		}
	}
}

// The definition, in fractions without any rounding.
func TestFisherIsItsDefinition(t *testing.T) {
	for _, odds := range []int64{1, 2} {
		tables(6, func(table Table) {
			k := table.Hits + table.BaseHits
			less, greater, all := new(big.Int), new(big.Int), new(big.Int)
			for x := max(0, k-table.BaseOf); x <= min(k, table.Of); x++ {
				weight := new(big.Int).Binomial(table.Of, x)
				weight.Mul(weight, new(big.Int).Binomial(table.BaseOf, k-x))
				weight.Mul(weight, new(big.Int).Exp(big.NewInt(odds), big.NewInt(x), nil))
				all.Add(all, weight)
				if x <= table.Hits {
					less.Add(less, weight)
				}
				if x >= table.Hits {
					greater.Add(greater, weight)
				}
			}
			want, _ := new(big.Rat).SetFrac(greater, all).Float64()
			require.InEpsilon(t, want, table.Greater(float64(odds)), 1e-14, "%+v", table)
			want, _ = new(big.Rat).SetFrac(less, all).Float64()
			require.InEpsilon(t, want, table.Less(float64(odds)), 1e-14, "%+v", table)
		})
	}
}

// Least is the smallest of all tables with the same margins.
func TestLeastIsTheSmallestThatCanBe(t *testing.T) {
	for _, odds := range []float64{0.5, 1, 1.3, 10} {
		tables(5, func(table Table) {
			greater, less := 1.0, 1.0
			k := table.Hits + table.BaseHits
			for x := max(0, k-table.BaseOf); x <= min(k, table.Of); x++ {
				greater = min(greater, table.with(x).Greater(odds))
				less = min(less, table.with(x).Less(odds))
			}
			require.InDelta(t, greater, table.Least(odds), 0, "%+v", table)
			require.InDelta(t, less, table.LeastLess(odds), 0, "%+v", table)
		})
	}
}

// holds checks what is true of every table.
func holds(t *testing.T, table Table, odds float64) {
	t.Helper()
	greater, less := table.Greater(odds), table.Less(odds)
	least, leastLess := table.Least(odds), table.LeastLess(odds)
	for _, p := range []float64{greater, less, least, leastLess} {
		require.True(t, p >= 0 && p <= 1, "%+v %v: %v", table, odds, p)
	}
	if !table.valid(odds) {
		require.InDelta(t, 4, greater+less+least+leastLess, 0, "%+v %v", table, odds)
		return
	}
	almost := 1 + 1e-12
	require.LessOrEqual(t, least, greater*almost, "%+v %v", table, odds)
	require.LessOrEqual(t, leastLess, less*almost, "%+v %v", table, odds)
	require.GreaterOrEqual(t, greater+less, 1-1e-12, "%+v %v", table, odds) // P(X = Hits) is in both
	if table.Hits > 0 && table.BaseHits < table.BaseOf {
		before := table.with(table.Hits - 1)
		require.InDelta(t, 1, greater+before.Less(odds), 1e-12, "%+v %v", table, odds)
		require.LessOrEqual(t, greater, before.Greater(odds)*almost, "%+v %v", table, odds)
		require.LessOrEqual(t, before.Less(odds), less*almost, "%+v %v", table, odds)
	}
	if swapped := (Table{table.BaseHits, table.BaseOf, table.Hits, table.Of}); odds > 1e-3 && odds < 1e3 && greater > 1e-300 {
		require.InEpsilon(t, greater, swapped.Less(1/odds), 1e-9, "%+v %v", table, odds)
	}
}

func TestFisherHoldsForExtremeTables(t *testing.T) {
	for _, odds := range []float64{1, 1.3, 10} {
		extremes(func(table Table) { holds(t, table, odds) })
	}
}

func TestFisherHoldsForEveryOdds(t *testing.T) {
	for _, odds := range []float64{0, 5e-324, 1e-300, 1e-9, 0.5, 2, 1e9, 1e300, math.MaxFloat64, math.Inf(1), math.NaN(), -1, math.Inf(-1)} {
		tables(4, func(table Table) { holds(t, table, odds) })
		for _, table := range []Table{{5, 10_000_000, 7, 1e7}, {5e6, 10_000_000, 7, 1e7}, {5e6, 10_000_000, 5e6, 1e7}, {10_000_000, 10_000_000, 1, 1e7}} {
			holds(t, table, odds)
		}
	}
	none, all := Table{0, 9, 5, 9}, Table{5, 9, 0, 9}
	require.Equal(t, []float64{1, 0}, []float64{none.Less(0), all.Greater(0)}) // odds of 0: never a hit
	require.Equal(t, []float64{0, 1}, []float64{none.Less(math.Inf(1)), all.Greater(math.Inf(1))})
}

func TestTablesThatCannotBeShowNothing(t *testing.T) {
	for _, table := range []Table{
		{-1, 5, 1, 5},
		{1, 5, -1, 5},
		{6, 5, 1, 5},
		{1, 5, 6, 5},
		{0, -1, 0, 5},
		{0, 5, 0, -1},
		{-3, -2, 1, 5},
		{math.MaxInt64, math.MaxInt64, math.MaxInt64, math.MaxInt64},
		{math.MinInt64, math.MaxInt64, math.MinInt64, math.MinInt64},
		{1, MaxCount + 1, 0, 5},
		{1, 5, 0, MaxCount + 1},
	} {
		require.False(t, table.valid(1), "%+v", table)
		holds(t, table, 1)
	}
	holds(t, Table{1, 5, 2, 5}, math.NaN())
	holds(t, Table{1, 5, 2, 5}, -0.1)
}

func FuzzTable(f *testing.F) {
	f.Add(int64(12), int64(300), int64(3), int64(310), 1.3)
	f.Add(int64(0), int64(0), int64(0), int64(0), 1.0)
	f.Add(int64(1), int64(10_000_000), int64(1), int64(10_000_000), 10.0)
	f.Add(int64(-1), int64(math.MaxInt64), int64(math.MinInt64), int64(7), math.Inf(1))
	f.Fuzz(func(t *testing.T, hits, of, baseHits, baseOf int64, odds float64) {
		holds(t, Table{hits, of, baseHits, baseOf}, odds)
		of, baseOf = of&0xffffff, baseOf&0xffffff // one that can be
		holds(t, Table{(hits & math.MaxInt64) % (of + 1), of, (baseHits & math.MaxInt64) % (baseOf + 1), baseOf}, math.Abs(odds))
	})
}
