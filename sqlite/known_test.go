//go:build cgo

package sqlite

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestKnownReturnsTheIDsThatAreInTheTable(t *testing.T) {
	store, err := Open(t.Context(), t.TempDir()+"/audit.db", nil)
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	batch := entries(t, numbered(3)...)
	_, err = store.Known(t.Context(), []audit.EventID{batch[0].ID})
	require.ErrorContains(t, err, "no such table")
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	known, err := store.Known(t.Context(), []audit.EventID{batch[2].ID, audit.NewEventID(), batch[0].ID})
	require.NoError(t, err)
	require.ElementsMatch(t, []audit.EventID{batch[0].ID, batch[2].ID}, known)
	known, err = store.Known(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, known)
}
