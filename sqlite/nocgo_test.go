//go:build !cgo

package sqlite

import (
	"errors"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestOpenWithoutCgoSaysWhatToDo(t *testing.T) {
	path := t.TempDir() + "/audit.db"
	_, byOpen := Open(t.Context(), path, nil)
	_, byMemory := Open(t.Context(), ":memory:", nil)
	_, byQuery := query.Open(t.Context(), "sqlite:"+path)
	_, bySettings := audit.ConfigureAuditLoggerFromSettings(t.Context(), map[string]any{"AUDIT_LOGGER": "sqlite:" + path})
	for _, err := range []error{byOpen, byMemory, byQuery, bySettings} {
		require.ErrorContains(t, err, "built without cgo")
		require.ErrorContains(t, err, "CGO_ENABLED=1")
	}
	require.NoFileExists(t, path)
}

func TestSchemaWithoutCgoIsTheSame(t *testing.T) {
	ddl, err := Schema("decisions")
	require.NoError(t, err)
	require.Contains(t, ddl, `CREATE TABLE IF NOT EXISTS "decisions"`)
	_, err = Open(t.Context(), "audit.db", &Options{TableName: "a b"})
	require.ErrorContains(t, err, "table name")
	_, err = New(t.Context(), nil, nil)
	require.ErrorContains(t, err, "db is nil")
	require.False(t, isBusy(errors.New("x")))
	require.False(t, isRefusal(errors.New("x")))
}
