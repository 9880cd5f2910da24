package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayOpen says that a plan can be carried out by a fuzzer: it touches no file, and
// asks for no memory to speak of.
func mayOpen(p plan, settings string) bool {
	isFile := func(path string) bool { return path != "" }
	return !slices.ContainsFunc(p.files, isFile) && !strings.Contains(settings, "queue_size")
}

func FuzzSettings(f *testing.F) {
	for _, settings := range []string{
		`{}`,
		`{"GENERAL_MANAGER": {"AUDIT_LOGGER": null}, "AUDIT_LOGGER": "DatabaseAuditLogger"}`,
		`{"AUDIT_LOGGER": "general_manager.permission.audit.DatabaseAuditLogger", "DATABASES": {"default": {"driver": "sqlite", "dsn": "x"}}}`,
		`{"GENERAL_MANAGER": {"AUDIT_LOGGER": {"class": "DatabaseAuditLogger", "options": {"using": "default", "table_name": "t", "batch_size": 500,
			"flush_interval": 0.25, "ack": "durable", "queue_bytes": "64MiB", "max_wait": "1s", "overflow": "drop", "redact": "none"}}},
			"DATABASES": {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "n", "USER": "u", "PASSWORD": "p", "HOST": "::1", "PORT": 5432,
			"OPTIONS": {"sslmode": "require", "pool": true}}}}`,
		`{"AUDIT_LOGGER": {"class": "FileAuditLogger", "options": {"path": "x", "mode": "0640", "sync": "none", "max_size": "1GB", "max_age": "24h", "compress": true}}}`,
		`{"AUDIT_LOGGER": "postgres://u:p@h/d?table_name=x&sslmode=require&batch_size=5"}`,
		`{"AUDIT_LOGGER": "sqlite:x?table_name=x"}`,
		`{"AUDIT_LOGGER": {"class": 1, "options": [], "x": {}}, "DATABASES": []}`,
		`{"AUDIT_LOGGER": {"class": "DatabaseAuditLogger", "options": {"batch_size": 1e99, "flush_interval": -1, "ack": 5, "close_timeout": {}}}}`,
	} {
		f.Add(settings)
	}
	testDrivers(f)
	f.Fuzz(func(t *testing.T, text string) {
		var settings map[string]any
		if unmarshal([]byte(text), &settings) != nil {
			t.Skip("it is no mapping")
		}
		value, err := loggerSetting(settings)
		var p plan
		if err == nil {
			p, err = newPlan(value, settings[databasesKey])
		}
		if err != nil {
			var problems *SettingsError
			require.ErrorAs(t, err, &problems)
			require.NotEmpty(t, problems.Problems)
			require.NotContains(t, problems.Problems, "")
			return
		}
		again, err := newPlan(value, settings[databasesKey])
		require.NoError(t, err)
		require.True(t, equalSettings(p.settings, again.settings))
		decoded, err := json.Marshal(settings)
		require.NoError(t, err)
		if !mayOpen(p, string(decoded)) {
			return
		}
		logger, err := loadPlanned(t, settings)
		require.NoError(t, err)
		require.NotNil(t, logger)
		same, err := loadPlanned(t, settings)
		require.NoError(t, err)
		require.Equal(t, CurrentAuditLogger(), same)
		require.True(t, identical(logger, same))
		_ = EmitPermissionAuditEvent(t.Context(), PermissionAuditEvent{Action: ActionRead})
	})
}

func FuzzLoggerURL(f *testing.F) {
	for _, rest := range []string{
		"", "@", "host/db", "host:5432/db?sslmode=require&table_name=x&batch_size=5", "/path%20x?ack=durable", "host/db?ack=%zz&%zz=1",
		"?a?b@c/d?write_timeout=1s", "h1:1,h2:2/d#x?batch_size=", "[::1]:5432/db?&&=&x", ":memory:?batch_size=1&batch_size=2",
	} {
		f.Add(rest)
	}
	stores := testDrivers(f)
	f.Fuzz(func(t *testing.T, rest string) {
		if strings.Contains(rest, "hunter2") || strings.Contains(rest, "queue") {
			t.Skip("it holds the mark itself, or asks for a queue that is too large")
		}
		_, _ = newPlan(rest, nil)
		for _, prefix := range []string{
			"postgres://user:hunter2@", "postgresql://user:hunter2@", "postgres:user:hunter2@", "sqlite://user:hunter2@", "sqlite:user:hunter2",
			"file://user:hunter2@", "file:user:hunter2@", "mysql://user:hunter2@", "user:hunter2@", "://user:hunter2@", "password=hunter2 ",
		} {
			p, err := newPlan(prefix+rest, nil)
			if err != nil {
				require.NotContains(t, err.Error(), "hunter2")
				continue
			}
			if !strings.HasPrefix(prefix, "postgres") || !mayOpen(p, rest) {
				continue
			}
			*stores = nil
			logger, err := p.open(t.Context())
			require.NoError(t, err)
			require.NoError(t, logger.(*DatabaseAuditLogger).Close())
			dsn := (*stores)[0].config.DSN
			require.True(t, strings.HasPrefix(dsn, prefix), "%q", dsn)
			_, query, _ := strings.Cut(strings.TrimPrefix(dsn, prefix), "?")
			for pair := range strings.SplitSeq(query, "&") {
				key, _, _ := strings.Cut(pair, "=")
				require.NotContains(t, databaseURLKeys(), key, "the server would refuse it")
			}
		}
	})
}
