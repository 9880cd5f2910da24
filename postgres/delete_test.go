package postgres

import (
	"net/url"
	"testing"
	"time"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestDeleteBeforeDeletesInBatches(t *testing.T) {
	store, dsn := fill(t, 10_000)
	execute(t, dsn, "UPDATE permission_audit_log SET created_at = '-infinity' WHERE id = 1")
	bound := time.Date(2026, 11, 1, 0, 0, 9000, 0, time.UTC)
	older := count(t, dsn, "SELECT count(*) FROM permission_audit_log WHERE created_at < '2026-11-01 02:30:00Z' AND isfinite(created_at)")
	require.Greater(t, older, 8192)
	deleted, err := store.DeleteBefore(t.Context(), bound)
	require.NoError(t, err)
	require.Equal(t, int64(older), deleted)
	require.Equal(t, 10_000-older, count(t, dsn, countAll))
	deleted, err = store.DeleteBefore(t.Context(), time.Time{})
	require.NoError(t, err)
	require.Zero(t, deleted, "nothing is older than the zero time")

	_, indexes, _ := analyzed(t, dsn, statement{`DELETE FROM permission_audit_log WHERE id IN
		(SELECT id FROM permission_audit_log WHERE created_at < $1 AND isfinite(created_at) LIMIT 4096)`, []any{time.Unix(0, 0)}})
	require.Contains(t, indexes, "permission_audit_log_created_at")

	reader := openTest(t, dsn, &Options{ReadOnly: true})
	_, err = reader.DeleteBefore(t.Context(), bound)
	require.ErrorContains(t, err, "the store is read-only")
	none := openTest(t, newDatabase(t), nil)
	deleted, err = none.DeleteBefore(t.Context(), bound)
	require.NoError(t, err)
	require.Zero(t, deleted)
}

func TestOpenSpecOpensForWriting(t *testing.T) {
	spec := withTable(t, newDatabase(t), "decisions")
	store, err := OpenSpec(t.Context(), spec)
	require.NoError(t, err)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(1))))
	require.NoError(t, store.Close())
	source, err := query.Open(t.Context(), spec)
	require.NoError(t, err)
	require.Len(t, all(t, source, query.Filter{}), 1)
	require.NoError(t, source.Close())

	u, err := url.Parse(spec)
	require.NoError(t, err)
	u.User = url.UserPassword("nobody", "hunter2")
	for _, wrong := range []string{u.String(), "host=x password=hunter2", "sqlite:hunter2", "postgres://u:hunter2@[::1"} {
		store, err := OpenSpec(t.Context(), wrong)
		require.ErrorContains(t, err, "postgres: ")
		require.NotContains(t, err.Error(), "hunter2")
		require.Nil(t, store)
	}
}
