//go:build cgo

package sqlite

import (
	"testing"

	"github.com/permaudit/audit/internal/badinput"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestBadInputReadsBackLikeTheLineOfTheFile(t *testing.T) {
	store := openTest(t, newPath(t), nil)
	catalogue := badinput.Events()
	var lines []string
	for _, bad := range catalogue {
		batch := entries(t, bad.Event)
		lines = append(lines, string(batch[0].AppendJSON(nil)))
		require.NoError(t, store.WriteBatch(t.Context(), batch), bad.Name)
	}
	i := 0
	for event, err := range store.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, lines[i], string(line), catalogue[i].Name)
		i++
	}
	require.Len(t, catalogue, i)
}
