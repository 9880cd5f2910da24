//go:build cgo

package sqlite

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// unconfigure ends what a test configured.
func unconfigure(tb testing.TB) {
	tb.Helper()
	tb.Cleanup(func() {
		_, err := audit.ConfigureAuditLoggerFromSettings(context.Background(), nil)
		require.NoError(tb, err)
	})
}

func TestSettingsLogToATable(t *testing.T) {
	ours := map[string]any{"driver": "sqlite", "dsn": "audit.db"}
	django := map[string]any{"ENGINE": "django.db.backends.sqlite3", "NAME": "audit.db", "ATOMIC_REQUESTS": true}
	mapping := func(class string, options map[string]any) map[string]any {
		return map[string]any{"class": class, "options": options}
	}
	const dotted = "general_manager.permission.audit.DatabaseAuditLogger"
	for name, row := range map[string]struct {
		logger    any
		databases map[string]any
		file      string
		table     string
	}{
		"ours":            {mapping("DatabaseAuditLogger", nil), map[string]any{"default": ours}, "audit.db", "permission_audit_log"},
		"django":          {mapping("DatabaseAuditLogger", map[string]any{"table_name": "gm_permission_log"}), map[string]any{"default": django}, "audit.db", "gm_permission_log"},
		"using":           {mapping("DatabaseAuditLogger", map[string]any{"using": "log", "table_name": "main.x"}), map[string]any{"default": map[string]any{}, "log": ours}, "audit.db", "x"},
		"dotted":          {mapping(dotted, nil), map[string]any{"default": django}, "audit.db", "general_manager_permissionauditlog"},
		"dotted, named":   {mapping(dotted, map[string]any{"table_name": "y", "using": "default"}), map[string]any{"default": ours}, "audit.db", "y"},
		"URL":             {"sqlite:audit.db?table_name=x", nil, "audit.db", "x"},
		"URL, escaped":    {"sqlite:a%20b%3F.db", nil, "a b?.db", "permission_audit_log"},
		"URL, directory":  {"sqlite:new/audit.db?batch_size=5&ack=durable", nil, filepath.Join("new", "audit.db"), "permission_audit_log"},
		"general manager": {map[string]any{"class": dotted, "options": map[string]any{"table_name": gmTable, "batch_size": 500, "flush_interval": 0.25}}, map[string]any{"default": django}, "audit.db", gmTable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			unconfigure(t)
			logger, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), map[string]any{
				"GENERAL_MANAGER": map[string]any{"AUDIT_LOGGER": row.logger}, "DATABASES": row.databases,
			})
			require.NoError(t, err)
			require.IsType(t, &audit.DatabaseAuditLogger{}, logger)
			require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), event("m0")))
			require.NoError(t, audit.Flush(t.Context()))
			require.Equal(t, []string{"m0"}, managers(t, openTest(t, row.file, &Options{TableName: row.table, ReadOnly: true}), everything))
		})
	}
}

func TestAnEnvironmentVariableLogsToATable(t *testing.T) {
	path := newPath(t)
	t.Setenv("AUDIT_LOGGER", "sqlite:"+path+"?table_name=x")
	unconfigure(t)
	_, err := audit.ConfigureAuditLoggerFromEnv(t.Context())
	require.NoError(t, err)
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), event("m0")))
	require.NoError(t, audit.Flush(t.Context()))
	require.Equal(t, []string{"m0"}, managers(t, openTest(t, path, &Options{TableName: "x", ReadOnly: true}), everything))
}

func TestSettingsOfADatabaseThatCannotBeOpenedLeaveTheLoggerInPlace(t *testing.T) {
	unconfigure(t)
	_, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), settings("sqlite:"+newPath(t)))
	require.NoError(t, err)
	before := audit.CurrentAuditLogger()
	text := newPath(t)
	require.NoError(t, os.WriteFile(text, []byte("not a database at all"), 0o600))
	for path, says := range map[string]string{t.TempDir(): "is a directory", text: "file is not a database"} {
		_, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), settings("sqlite:"+path))
		var wrong *audit.SettingsError
		require.ErrorAs(t, err, &wrong)
		require.ErrorContains(t, err, says)
		require.Same(t, before, audit.CurrentAuditLogger())
	}
}
