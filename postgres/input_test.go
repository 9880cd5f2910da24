package postgres

import (
	"testing"

	"github.com/permaudit/audit/internal/badinput"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestBadInputReadsBackWithTheTextOfTheFile(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	var names, lines []string
	for name, bad := range badinput.Events() {
		batch := entries(t, bad)
		names, lines = append(names, name), append(lines, string(batch[0].AppendJSON(nil)))
		store.unsure = len(lines)%2 == 1 // the INSERT of a retry stores the same as COPY
		require.NoError(t, store.WriteBatch(t.Context(), batch), name)
	}
	found := all(t, store, query.Filter{})
	require.Len(t, found, len(lines))
	for i, event := range found {
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, lines[i], string(line), names[i])
		require.NotContains(t, string(line), badinput.Secret)
	}
}
