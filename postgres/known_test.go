package postgres

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestKnownReturnsTheIDsThatAreInTheTable(t *testing.T) {
	store := openTest(t, newDatabase(t), nil)
	batch := entries(t, audit.PermissionAuditEvent{Action: "read"}, audit.PermissionAuditEvent{Action: "read"}, audit.PermissionAuditEvent{Action: "read"})
	_, err := store.Known(t.Context(), []audit.EventID{batch[0].ID})
	require.ErrorContains(t, err, "does not exist")
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	known, err := store.Known(t.Context(), []audit.EventID{batch[2].ID, audit.NewEventID(), batch[0].ID})
	require.NoError(t, err)
	require.ElementsMatch(t, []audit.EventID{batch[0].ID, batch[2].ID}, known)
	known, err = store.Known(t.Context(), nil)
	require.NoError(t, err)
	require.Empty(t, known)
}
