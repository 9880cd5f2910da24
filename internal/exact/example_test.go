package exact_test

import (
	"fmt"

	"github.com/permaudit/audit/internal/exact"
)

// Three keys of two deployments: are more users denied than before?
func Example() {
	tables := []exact.Table{
		{Hits: 12, Of: 300, BaseHits: 3, BaseOf: 310},
		{Hits: 40, Of: 2000, BaseHits: 38, BaseOf: 2100},
		{Hits: 1, Of: 2, BaseHits: 0, BaseOf: 2}, // too few to show anything
	}
	var p, least []float64
	for _, table := range tables {
		p = append(p, table.Greater(1))
		least = append(least, table.Least(1))
	}
	adjusted := exact.Adjust(p, least, 0.05)
	fmt.Printf("p %.3f, q %.3f, %d tested\n", p, adjusted.Q, adjusted.Tested)

	low, high := exact.PoissonInterval(3, 60, 0.95) // three false alerts in sixty nights
	fmt.Printf("%.3f to %.3f a night\n", low, high)
	// Output:
	// p [0.014 0.370 0.500], q [0.028 0.370 1.000], 2 tested
	// 0.010 to 0.146 a night
}
