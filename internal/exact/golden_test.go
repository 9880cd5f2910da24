package exact

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// golden is testdata/golden.json: what R 4.2 and mpmath say. golden.py, beside it, makes it.
type golden struct {
	Fisher []struct {
		Call, Tail string
		Table      [4]int64
		Odds       float64
		Want       [1]float64
	}
	Adjust []struct {
		Call           string
		P, Least, Want []float64
		Alpha, Cutoff  float64
		Tested         int
	}
	Interval []struct {
		Call, Kind      string
		Count, Of       int64
		Exposure, Level float64
		Want            [2]float64
	}
}

func readGolden(t *testing.T) (all golden) {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &all))
	return all
}

// near says that got is want, to a relative error of 1e-9.
func near(t *testing.T, want, got float64, what ...any) {
	t.Helper()
	require.InDelta(t, want, got, 1e-9*math.Abs(want), what...) // 0 is 0 exactly
}

func TestFisherIsThatOfR(t *testing.T) {
	all := readGolden(t).Fisher
	require.GreaterOrEqual(t, len(all), 40)
	for _, c := range all {
		table := Table{c.Table[0], c.Table[1], c.Table[2], c.Table[3]}
		p := table.Greater(c.Odds)
		if c.Tail == "less" {
			p = table.Less(c.Odds)
		}
		if c.Want[0] < 2.3e-308 {
			require.InDelta(t, c.Want[0], p, 1e-320, c.Call)
			continue
		}
		near(t, c.Want[0], p, c.Call)
	}
}

func TestAdjustIsThatOfR(t *testing.T) {
	all := readGolden(t).Adjust
	require.GreaterOrEqual(t, len(all), 10)
	for _, c := range all {
		adjusted := Adjust(c.P, c.Least, c.Alpha)
		require.Equal(t, c.Tested, adjusted.Tested, c.Call)
		near(t, c.Cutoff, adjusted.Cutoff, c.Call)
		require.Len(t, adjusted.Q, len(c.Want))
		for i, want := range c.Want {
			near(t, want, adjusted.Q[i], c.Call)
		}
	}
}

func TestIntervalsAreThoseOfR(t *testing.T) {
	all := readGolden(t).Interval
	require.GreaterOrEqual(t, len(all), 20)
	for _, c := range all {
		low, high := PoissonInterval(c.Count, c.Exposure, c.Level)
		if c.Kind == "binomial" {
			low, high = BinomialInterval(c.Count, c.Of, c.Level)
		}
		near(t, c.Want[0], low, c.Call)
		near(t, c.Want[1], high, c.Call)
	}
}
