package counting

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSampleRatesWeigh(t *testing.T) {
	for rate, want := range map[string]float64{
		"": 1, "1": 1, "0.5": 2, "0.1": 10, "1e-1": 10, "0": 1, "-0.5": 1, "1.5": 1, "1e999": 1, "1e-999": 1, `"0.5"`: 1, "true": 1, "null": 1, "[0.5]": 1, "{}": 1,
	} {
		weight, sampled := Weight(rate)
		require.InDelta(t, want, weight, 0, rate)
		require.Equal(t, want > 1 || rate == "1", sampled, rate)
	}
}

// Keys of different values differ, wherever these are cut.
func TestKeysOfGroupsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, values := range [][]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"a\x01b", ""}, {"a", "\x01b"}} {
		key := string(AppendKey(nil, values))
		require.False(t, seen[key], values)
		seen[key] = true
	}
}
