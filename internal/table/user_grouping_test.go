package table

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/permaudit/audit/internal/counting"
	"github.com/stretchr/testify/require"
)

// However many values there are, few are kept beside the groups.
func TestValuesOfRowsAreForgotten(t *testing.T) {
	g := newUserGrouping([]string{"metadata.x"}, []counting.Windows{{counting.Always}})
	most := 0
	for i := range mostCells + 10 {
		row := Part{Values: []string{fmt.Sprint(i)}, First: time.UnixMicro(1)}
		require.NoError(t, g.add(t.Context(), 0, &row))
		most = max(most, len(g.cells))
	}
	require.Equal(t, mostCells, most)
	require.Len(t, g.Groups(), mostCells+10)
}

// SQLite compares texts: what its windows select may lie outside.
func TestRowsOutsideTheWindowsDoNotCount(t *testing.T) {
	g := newUserGrouping(nil, []counting.Windows{{{Since: 10, Until: 20}}})
	for at := range int64(30) {
		require.NoError(t, g.add(t.Context(), 0, &Part{First: time.UnixMicro(at), Granted: true}))
	}
	for _, group := range g.Groups() {
		require.InDelta(t, 10, group.Sets[0].Checks, 0)
	}
}

func TestDamagedRowsOfUsersAreUnsure(t *testing.T) {
	g := newUserGrouping([]string{"attribute"}, []counting.Windows{{counting.Always}})
	require.ErrorIs(t, g.add(t.Context(), 0, &Part{Values: []string{"{"}}), ErrUnsure)
	require.Empty(t, g.Groups())
}

// Where no bound is given, none gets into SQL; windows that touch are one.
func TestStretchesBecomeBounds(t *testing.T) {
	day := func(n int) int64 { return time.Date(2026, 11, n, 0, 0, 0, 0, time.UTC).UnixMicro() }
	for _, row := range []struct {
		stretches counting.Windows
		want      string
		args      int
	}{
		{counting.Windows{counting.Always}, "", 0},
		{counting.Windows{{Since: day(1), Until: day(2)}}, "", 0},
		{counting.Windows{{Since: math.MinInt64, Until: day(1)}, {Since: day(2), Until: math.MaxInt64}}, " WHERE ((created_at < $1) OR (created_at >= $2))", 2},
		{
			counting.Windows{{Since: day(1), Until: day(2)}, {Since: day(3), Until: day(4)}},
			" WHERE ((created_at >= $1 AND created_at < $2) OR (created_at >= $3 AND created_at < $4))", 4,
		},
	} {
		w := &where{dialect: plain{}}
		w.stretches(row.stretches)
		require.Equal(t, row.want, w.sql())
		require.Len(t, w.args, row.args)
	}
}
