package audit_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

const databasesPage = "docs/databases.md"

func TestTheSQLiteProgramOfTheDocsRuns(t *testing.T) {
	directory, binary := build(t, blocks(t, databasesPage, "go")[0])
	require.Equal(t, "mallory update Project [status]\n", run(t, directory, binary))
	left, err := filepath.Glob(filepath.Join(directory, "audit.db*"))
	require.NoError(t, err)
	require.Len(t, left, 1, "nothing stays beside a database that is closed")
}

func TestThePostgreSQLProgramOfTheDocsRuns(t *testing.T) {
	directory, binary := build(t, blocks(t, databasesPage, "go")[1])
	dsn := os.Getenv("AUDIT_TEST_POSTGRES_DSN")
	if dsn == "" {
		t.Skip("needs a PostgreSQL server: run it with `scripts/with-postgres.sh go test .`, which starts one, or set AUDIT_TEST_POSTGRES_DSN")
	}
	t.Setenv("DATABASE_URL", dsn)
	require.Empty(t, run(t, directory, binary))
}

func TestTheSettingsOfTheDocsLoad(t *testing.T) {
	var settings map[string]any
	require.NoError(t, json.Unmarshal([]byte(blocks(t, databasesPage, "json")[0]), &settings))
	t.Chdir(t.TempDir())
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	_, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), settings)
	require.NoError(t, err)
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), audit.PermissionAuditEvent{Action: audit.ActionRead}))
	require.NoError(t, audit.Shutdown(t.Context()))
	source, err := query.Open(t.Context(), "sqlite:audit.db?table_name=permission_log")
	require.NoError(t, err)
	for event, err := range source.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		require.Equal(t, audit.ActionRead, event.Action)
	}
	require.NoError(t, source.Close())
}

// The settings of a Django project load as they are, and find the table that Django
// made for its model.
func TestTheDjangoSettingsOfTheDocsLoad(t *testing.T) {
	var settings map[string]any
	require.NoError(t, json.Unmarshal([]byte(blocks(t, databasesPage, "json")[1]), &settings))
	t.Chdir(t.TempDir())
	t.Cleanup(func() { audit.ConfigureAuditLogger(nil) })
	logger, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), settings)
	require.NoError(t, err)
	require.IsType(t, &audit.DatabaseAuditLogger{}, logger)
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), audit.PermissionAuditEvent{Action: audit.ActionRead}))
	require.NoError(t, audit.Shutdown(t.Context()))

	store, err := sqlite.Open(t.Context(), "audit.db", &sqlite.Options{TableName: "general_manager_permissionauditlog", ReadOnly: true})
	require.NoError(t, err)
	events := 0
	for _, err := range store.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		events++
	}
	require.Equal(t, 1, events)
	require.NoError(t, store.Close())
}
