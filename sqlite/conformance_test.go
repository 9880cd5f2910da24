//go:build cgo

package sqlite

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

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
