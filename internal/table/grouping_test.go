package table

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlainGroupsNobodyAskedForAreNotKept(t *testing.T) {
	g := newGrouping([]string{"manager", "granted"}, true)
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
		g := newGrouping([]string{"attribute", "metadata.k"}, true)
		require.ErrorIs(t, g.add(t.Context(), &Part{Values: values, Events: 1}, true), ErrUnsure, values)
	}
}
