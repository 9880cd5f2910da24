package table

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSampleRatesWeigh(t *testing.T) {
	for rate, want := range map[string]float64{
		"": 1, "1": 1, "0.5": 2, "0.1": 10, "1e-1": 10, "0": 1, "-0.5": 1, "1.5": 1, "1e999": 1, "1e-999": 1, `"0.5"`: 1, "true": 1, "null": 1, "[0.5]": 1, "{}": 1,
	} {
		weight, sampled := weight(rate)
		require.Equal(t, want, weight, rate)
		require.Equal(t, want > 1 || rate == "1", sampled, rate)
	}
}

// Keys of different values differ, wherever these are cut.
func TestKeysOfGroupsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, values := range [][]string{{"a", "b"}, {"ab", ""}, {"", "ab"}, {"a\x01b", ""}, {"a", "\x01b"}} {
		key := string(appendKey(nil, values))
		require.False(t, seen[key], values)
		seen[key] = true
	}
}

func TestPlainGroupsNobodyAskedForAreNotKept(t *testing.T) {
	g := newGrouping([]string{"manager", "granted"})
	require.NoError(t, g.add(t.Context(), &Part{Values: []string{"Project", "f"}, User: "1", Events: 2}, true))
	require.NoError(t, g.add(t.Context(), &Part{Values: []string{"Project", "false"}, Events: 3}, false))
	require.NoError(t, g.add(t.Context(), &Part{Values: []string{"Order", "0"}, Events: 5}, false))
	require.Len(t, g.all, 1)
	for _, group := range g.all {
		require.Equal(t, []string{"Project", "false"}, group.Key)
		require.InDelta(t, 5, group.checks, 0)
	}
}

// What an event cannot be made of is for one who reads the events.
func TestDamagedPartsAreUnsure(t *testing.T) {
	for _, values := range [][]string{{"{", ""}, {"[1]", ""}, {"", ""}, {`["a"]`, "{"}, {`["a"]`, "1,"}} {
		g := newGrouping([]string{"attribute", "metadata.k"})
		require.ErrorIs(t, g.add(t.Context(), &Part{Values: values, Events: 1}, true), ErrUnsure, values)
	}
}
