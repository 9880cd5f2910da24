package postgres

import (
	"net/url"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestSettingsFindTheDatabase(t *testing.T) {
	dsn := newDatabase(t)
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	password, _ := u.User.Password()
	django := map[string]any{
		"ENGINE": "django.db.backends.postgresql", "NAME": u.Path[1:], "USER": u.User.Username(), "PASSWORD": password,
		"HOST": u.Hostname(), "PORT": u.Port(), "OPTIONS": map[string]any{"sslmode": "disable"},
	}
	ours := map[string]any{"driver": "postgres", "dsn": dsn}
	database := func(options map[string]any) any {
		return map[string]any{"class": "DatabaseAuditLogger", "options": options}
	}
	for table, c := range map[string]struct {
		logger    any
		databases map[string]any
	}{
		"permission_audit_log": {database(nil), map[string]any{"default": ours}},
		"a":                    {database(map[string]any{"using": "audit", "table_name": "a"}), map[string]any{"audit": ours, "default": nil}},
		"b":                    {database(map[string]any{"using": "audit", "table_name": "b"}), map[string]any{"audit": django}},
		"general_manager_permissionauditlog": {
			map[string]any{"class": "general_manager.permission.audit.DatabaseAuditLogger"}, map[string]any{"default": django},
		},
	} {
		_, err := audit.ConfigureAuditLoggerFromSettings(t.Context(), map[string]any{
			"GENERAL_MANAGER": map[string]any{"AUDIT_LOGGER": c.logger}, "DATABASES": c.databases,
		})
		require.NoError(t, err, table)
		recordOne(t, dsn, table)
	}

	t.Setenv("AUDIT_LOGGER", withTable(t, dsn, "c")+"&batch_size=10")
	_, err = audit.ConfigureAuditLoggerFromEnv(t.Context())
	require.NoError(t, err)
	recordOne(t, dsn, "c")
}

// recordOne records an event with the configured logger, and finds it in the table.
func recordOne(t *testing.T, dsn, table string) {
	t.Helper()
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), numbered(1)))
	require.NoError(t, audit.Shutdown(t.Context()))
	audit.ConfigureAuditLogger(nil)
	for _, scheme := range []string{"postgres:", "postgresql:"} {
		source, err := query.Open(t.Context(), strings.Replace(withTable(t, dsn, table), "postgres:", scheme, 1))
		require.NoError(t, err)
		require.Len(t, all(t, source, query.Filter{}), 1, table)
		require.NoError(t, source.Close())
	}
}

func TestTheNamesAreTaken(t *testing.T) {
	require.ErrorContains(t, audit.RegisterDatabase("postgres", openSink), "taken")
	require.ErrorContains(t, query.RegisterSource("postgres", openSource), "taken")
	require.ErrorContains(t, query.RegisterSource("postgresql", openSource), "taken")
}

func TestAMisspeltOptionIsNoParameterOfTheServer(t *testing.T) {
	for option, meant := range map[string]string{
		"table_nam": "table_name", "tablename": "table_name", "batchsize": "batch_size", "Batch_Size": "batch_size", "flush_intervall": "flush_interval", "ock": "ack",
	} {
		t.Setenv("AUDIT_LOGGER", "postgres://localhost/app?"+option+"=1")
		_, err := audit.ConfigureAuditLoggerFromEnv(t.Context())
		require.ErrorContains(t, err, option)
		require.ErrorContains(t, err, meant+"?")
	}
	for _, option := range []string{"sslmode=disable", "search_path=app", "statement_timeout=1s", "application_name=x", "pool_max_conns=3", "my.setting=1"} {
		t.Setenv("AUDIT_LOGGER", "postgres://localhost/app?"+option)
		_, err := audit.ConfigureAuditLoggerFromEnv(t.Context())
		require.NoError(t, err, option)
		require.NoError(t, audit.Shutdown(t.Context()))
		audit.ConfigureAuditLogger(nil)
	}
}

func TestAServerSaysWhichParameterOfAURLItDoesNotKnow(t *testing.T) {
	_, err := query.Open(t.Context(), withTable(t, newDatabase(t), "x")+"&tablename=y")
	require.ErrorContains(t, err, `"tablename"`)
}
