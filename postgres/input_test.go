package postgres

import (
	"testing"

	"github.com/permaudit/audit/internal/badinput"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestBadInputReadsBackLikeTheLineOfTheFile(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	catalogue := badinput.Events()
	var lines []string
	for i, bad := range catalogue {
		batch := entries(t, bad.Event)
		lines = append(lines, string(batch[0].AppendJSON(nil)))
		store.unsure = i%2 == 1 // the INSERT of a retry stores the same as COPY
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
