package audit_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func writeSettings(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "settings.json")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func asJSON(t *testing.T, value any) string {
	t.Helper()
	text, err := json.Marshal(value)
	require.NoError(t, err)
	return string(text)
}

func TestSettingsFromAFile(t *testing.T) {
	cleanSettings(t)
	log := filepath.Join(t.TempDir(), "permission.log")
	path := writeSettings(t, asJSON(t, mapping{"GENERAL_MANAGER": fileSettings(log, "batch_size", 500, "flush_interval", 0.25)})+"\n")
	logger, err := audit.ConfigureAuditLoggerFromFile(t.Context(), path)
	require.NoError(t, err)
	require.Same(t, audit.CurrentAuditLogger(), logger)
	emit(t, "Project")
	require.NoError(t, audit.Flush(t.Context()))
	require.Equal(t, []string{"Project"}, loggedManagers(t, log))

	again, err := audit.ConfigureAuditLoggerFromFile(t.Context(), path)
	require.NoError(t, err)
	require.Same(t, logger, again, "equal settings")
}

func TestASettingsFileThatIsBrokenSaysWhere(t *testing.T) {
	before := &stub{}
	mustLoad(t, mapping{"AUDIT_LOGGER": before})
	for name, row := range map[string]struct{ text, want string }{
		"a comma too many":      {"{\n  \"AUDIT_LOGGER\": null,\n}", ":3: invalid character"},
		"first line":            {"x", ":1: invalid character"},
		"after blank lines":     {"\n\n\n{\"a\" 1}", ":4: invalid character"},
		"a line end in a text":  {"{\n\"a\": \"b\nc\"}", ":2: invalid character"},
		"it ends too early":     {"{\n\"a\": 1", ":2: unexpected EOF"},
		"empty":                 {"", ":1: EOF"},
		"more than one value":   {"{\"AUDIT_LOGGER\": null} {}", "2 bytes after the end of the JSON value"},
		"a brace too many":      {"{\"AUDIT_LOGGER\": null}}", "1 bytes after the end of the JSON value"},
		"a list":                {"[1]", "must hold a mapping: got a list"},
		"null":                  {"null", "must hold a mapping: got null"},
		"text":                  {`"FileAuditLogger"`, `must hold a mapping: got "FileAuditLogger"`},
		"settings that are bad": {`{"AUDIT_LOGGER": 1}`, "AUDIT_LOGGER must be null"},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeSettings(t, row.text)
			logger, err := audit.ConfigureAuditLoggerFromFile(t.Context(), path)
			requireProblems(t, err, row.want)
			if name != "settings that are bad" {
				require.ErrorContains(t, err, path)
			}
			require.Nil(t, logger)
			require.Same(t, before, audit.CurrentAuditLogger())
		})
	}
	_, err := audit.ConfigureAuditLoggerFromFile(t.Context(), filepath.Join(t.TempDir(), "missing.json"))
	requireProblems(t, err, "missing.json")
	require.ErrorIs(t, err, fs.ErrNotExist)
	require.Same(t, before, audit.CurrentAuditLogger())
}

func TestEnvironmentThatTurnsLoggingOff(t *testing.T) {
	for name, value := range map[string]string{
		"empty":                 "",
		"blank":                 " \t\n",
		"null":                  " null\n",
		"mapping without class": "{}",
		"whole settings":        `{"AUDIT_LOGGER": null}`,
		"whole settings nested": `{"GENERAL_MANAGER": {"AUDIT_LOGGER": null}, "AUDIT_LOGGER": "FileAuditLogger"}`,
	} {
		t.Run(name, func(t *testing.T) {
			configure(t, &stub{})
			cleanSettings(t)
			t.Setenv("AUDIT_LOGGER", value)
			_, err := audit.ConfigureAuditLoggerFromEnv(t.Context())
			require.NoError(t, err)
			require.False(t, audit.AuditLoggingEnabled())
		})
	}
	t.Run("unset", func(t *testing.T) {
		configure(t, &stub{})
		cleanSettings(t)
		t.Setenv("AUDIT_LOGGER", "")
		require.NoError(t, os.Unsetenv("AUDIT_LOGGER"))
		_, err := audit.ConfigureAuditLoggerFromEnv(t.Context())
		require.NoError(t, err)
		require.False(t, audit.AuditLoggingEnabled())
	})
}

func TestEnvironmentConfiguresALogger(t *testing.T) {
	for name, value := range map[string]func(path string) string{
		"URL":             func(path string) string { return "file://" + path + "?batch_size=500&flush_interval=250ms" },
		"URL and blanks":  func(path string) string { return " file:" + path + "\n" },
		"URL as JSON":     func(path string) string { return asJSON(t, "file:"+path) },
		"mapping":         func(path string) string { return asJSON(t, fileSettings(path)["AUDIT_LOGGER"]) },
		"whole settings":  func(path string) string { return asJSON(t, fileSettings(path)) },
		"nested settings": func(path string) string { return asJSON(t, mapping{"GENERAL_MANAGER": fileSettings(path)}) },
	} {
		t.Run(name, func(t *testing.T) {
			cleanSettings(t)
			path := filepath.Join(t.TempDir(), "permission.log")
			t.Setenv("AUDIT_LOGGER", value(path))
			logger, err := audit.ConfigureAuditLoggerFromEnv(t.Context())
			require.NoError(t, err)
			require.Same(t, audit.CurrentAuditLogger(), logger)
			emit(t, "Project")
			require.NoError(t, audit.Flush(t.Context()))
			require.Equal(t, []string{"Project"}, loggedManagers(t, path))
		})
	}
}

func TestAnEnvironmentThatIsBrokenIsAnError(t *testing.T) {
	before := &stub{}
	mustLoad(t, mapping{"AUDIT_LOGGER": before})
	for name, row := range map[string]struct{ value, want string }{
		"JSON":                    {`{"class": }`, "environment variable AUDIT_LOGGER: invalid character"},
		"trailing garbage":        {`{} x`, "1 bytes after the end"},
		"list":                    {`[]`, "AUDIT_LOGGER must be null, a name"},
		"unknown name":            {"Nobody", `unknown logger "Nobody"`},
		"a class without options": {"FileAuditLogger", `FileAuditLogger: option "path" is required`},
		"false":                   {"false", `unknown logger "false"`},
		"databases alone":         {`{"DATABASES": {}}`, `unknown option "DATABASES"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("AUDIT_LOGGER", row.value)
			logger, err := audit.ConfigureAuditLoggerFromEnv(t.Context())
			requireProblems(t, err, row.want)
			require.Nil(t, logger)
			require.Same(t, before, audit.CurrentAuditLogger())
		})
	}
}
