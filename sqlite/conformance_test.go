//go:build cgo

package sqlite

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// storeInFile and storeInMemory are stores of the events.
func storeInFile(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
	store := openTest(tb, newPath(tb), nil)
	require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, events...)))
	return store
}

func storeInMemory(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
	store := openTest(tb, ":memory:", &Options{MetadataIndexes: []string{}})
	require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, events...)))
	return store
}

func TestFileIsASource(t *testing.T)   { audittest.TestSource(t, storeInFile) }
func TestMemoryIsASource(t *testing.T) { audittest.TestSource(t, storeInMemory) }

func TestFileIsAGrouper(t *testing.T)   { audittest.TestGrouper(t, storeInFile) }
func TestMemoryIsAGrouper(t *testing.T) { audittest.TestGrouper(t, storeInMemory) }

func TestFileIsAUserGrouper(t *testing.T)   { audittest.TestUserGrouper(t, storeInFile) }
func TestMemoryIsAUserGrouper(t *testing.T) { audittest.TestUserGrouper(t, storeInMemory) }
