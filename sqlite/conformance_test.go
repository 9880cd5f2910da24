//go:build cgo

package sqlite

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// entries are events as a logger hands them to a store.
func entries(tb testing.TB, events ...audit.PermissionAuditEvent) []audit.Entry {
	tb.Helper()
	batch := make([]audit.Entry, len(events))
	for i, event := range events {
		entry, err := audit.NewEntry(context.Background(), event)
		require.NoError(tb, err)
		batch[i] = entry
	}
	return batch
}

// openTest opens a store that is closed with the test.
func openTest(tb testing.TB, path string, options *Options) *Store {
	tb.Helper()
	store, err := Open(context.Background(), path, options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store
}

func newPath(tb testing.TB) string { return filepath.Join(tb.TempDir(), "audit.db") }

func TestFileIsASource(t *testing.T) {
	audittest.TestSource(t, func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
		store := openTest(tb, newPath(tb), nil)
		require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, events...)))
		return store
	})
}

func TestMemoryIsASource(t *testing.T) {
	audittest.TestSource(t, func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
		store := openTest(tb, ":memory:", nil)
		require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, events...)))
		return store
	})
}
