package exact

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// steps is how often the ratio of neighbours is computed for a p-value.
func steps(table Table, odds float64) (count int) {
	weights := table.weights(odds)
	ratio := weights.ratio
	weights.ratio = func(x int64) float64 {
		count++
		return ratio(x)
	}
	weights.split(table.Hits)
	return count
}

func TestTheCostIsBounded(t *testing.T) {
	for _, odds := range []float64{1, 10} {
		extremes(func(table Table) {
			require.Less(t, steps(table, odds), 150_000, "%+v %v", table, odds)
		})
		for _, table := range []Table{
			{MaxCount / 2, MaxCount, MaxCount / 2, MaxCount},
			{MaxCount, MaxCount, 0, MaxCount},
			{MaxCount / 2, MaxCount, 0, MaxCount},
			{1, MaxCount, MaxCount, MaxCount},
		} {
			require.Less(t, steps(table, odds), 5_000_000, "%+v %v", table, odds)
		}
	}
	require.Less(t, steps(Table{30, 5000, 12, 4000}, 1.3), 100) // a key of every night
}
