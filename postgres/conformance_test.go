package postgres

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// storing returns a func that makes a store of the events.
func storing(t *testing.T) func(testing.TB, []audit.PermissionAuditEvent) query.Source {
	dsn := newDatabase(t)
	return func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
		execute(tb, dsn, "DROP TABLE IF EXISTS permission_audit_log")
		store := openTest(tb, dsn, nil)
		require.NoError(tb, store.WriteBatch(tb.Context(), entries(tb, events...)))
		return store
	}
}

func TestStoreIsASource(t *testing.T)  { audittest.TestSource(t, storing(t)) }
func TestStoreIsAGrouper(t *testing.T) { audittest.TestGrouper(t, storing(t)) }

func TestStoreIsAUserGrouper(t *testing.T) { audittest.TestUserGrouper(t, storing(t)) }

func TestStoreIsASink(t *testing.T) {
	dsn := newDatabase(t)
	audittest.TestSink(t, func(tb testing.TB) (audit.Sink, query.Source) {
		execute(tb, dsn, "DROP TABLE IF EXISTS permission_audit_log")
		store, err := Open(tb.Context(), dsn, nil)
		require.NoError(tb, err)
		tb.Cleanup(func() { _ = store.Close() })
		return store, store
	})
}
