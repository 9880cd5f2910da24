package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// mapping is shorter to read in tables.
type mapping = map[string]any

// loadSettings loads settings; when the test ends, logging is turned off again.
func loadSettings(t *testing.T, settings mapping) (audit.AuditLogger, error) {
	t.Helper()
	cleanSettings(t)
	return audit.ConfigureAuditLoggerFromSettings(t.Context(), settings)
}

func mustLoad(t *testing.T, settings mapping) audit.AuditLogger {
	t.Helper()
	logger, err := loadSettings(t, settings)
	require.NoError(t, err)
	return logger
}

// cleanSettings loads empty settings when the test ends, which shuts down what the
// loader built.
func cleanSettings(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		_, err := audit.ConfigureAuditLoggerFromSettings(context.WithoutCancel(t.Context()), nil)
		require.NoError(t, err)
		audit.ConfigureAuditLogger(nil)
	})
}

// fileSettings are those of a FileAuditLogger; options are keys and values.
func fileSettings(path string, options ...any) mapping {
	all := mapping{"path": path}
	for i := 0; i < len(options); i += 2 {
		all[options[i].(string)] = options[i+1]
	}
	return mapping{"AUDIT_LOGGER": mapping{"class": "FileAuditLogger", "options": all}}
}

// loggedManagers are the managers of the events in a log, in order.
func loggedManagers(t *testing.T, path string) []string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	managers := []string{}
	for line := range strings.Lines(string(text)) {
		var event struct{ Manager string }
		require.NoError(t, json.Unmarshal([]byte(line), &event), "%q", line)
		managers = append(managers, event.Manager)
	}
	return managers
}

func emit(t *testing.T, manager string) {
	t.Helper()
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), granted(manager)))
}

// requireProblems checks that err names each of parts, and is what the loaders
// promise.
func requireProblems(t *testing.T, err error, parts ...string) {
	t.Helper()
	var settings *audit.SettingsError
	require.ErrorAs(t, err, &settings)
	for _, part := range parts {
		require.ErrorContains(t, err, part)
	}
}

func TestSettingsThatTurnLoggingOff(t *testing.T) {
	for name, settings := range map[string]mapping{
		"nil settings":                   nil,
		"missing":                        {},
		"null":                           {"AUDIT_LOGGER": nil},
		"mapping without class":          {"AUDIT_LOGGER": mapping{}},
		"mapping with options alone":     {"AUDIT_LOGGER": mapping{"options": mapping{"a": 1}}},
		"class null":                     {"AUDIT_LOGGER": mapping{"class": nil, "options": nil}},
		"nested null":                    {"GENERAL_MANAGER": mapping{"AUDIT_LOGGER": nil}},
		"nested null wins over the top":  {"GENERAL_MANAGER": mapping{"AUDIT_LOGGER": nil}, "AUDIT_LOGGER": &stub{}},
		"nested off wins over the top":   {"GENERAL_MANAGER": mapping{"AUDIT_LOGGER": mapping{}}, "AUDIT_LOGGER": &stub{}},
		"no nested key, nothing at top":  {"GENERAL_MANAGER": mapping{"SEARCH": true}},
		"GENERAL_MANAGER is null":        {"GENERAL_MANAGER": nil},
		"GENERAL_MANAGER is a nil map":   {"GENERAL_MANAGER": mapping(nil)},
		"settings of others are ignored": {"GENERAL_MANAGER": mapping{}, "DATABASES": "not looked at", "DEBUG": true},
	} {
		t.Run(name, func(t *testing.T) {
			configure(t, &stub{})
			logger := mustLoad(t, settings)
			require.False(t, audit.AuditLoggingEnabled())
			require.Equal(t, audit.CurrentAuditLogger(), logger)
			require.NoError(t, logger.Record(t.Context(), granted("m")), "never nil")
		})
	}
}

func TestSettingsFindTheLogger(t *testing.T) {
	logger, other := &stub{}, &stub{}
	for name, settings := range map[string]mapping{
		"at the top":                  {"AUDIT_LOGGER": logger},
		"nested":                      {"GENERAL_MANAGER": mapping{"AUDIT_LOGGER": logger}},
		"nested wins over the top":    {"GENERAL_MANAGER": mapping{"AUDIT_LOGGER": logger}, "AUDIT_LOGGER": other},
		"no nested key: the top":      {"GENERAL_MANAGER": mapping{"OTHER": 1}, "AUDIT_LOGGER": logger},
		"GENERAL_MANAGER is null":     {"GENERAL_MANAGER": nil, "AUDIT_LOGGER": logger},
		"maps of other types":         {"GENERAL_MANAGER": map[any]any{"AUDIT_LOGGER": map[string]audit.AuditLogger{"class": logger}}},
		"mapping with class":          {"AUDIT_LOGGER": mapping{"class": logger}},
		"mapping, options null":       {"AUDIT_LOGGER": mapping{"class": logger, "options": nil}},
		"mapping, options empty":      {"AUDIT_LOGGER": mapping{"class": logger, "options": mapping{}}},
		"mapping, options a nil map":  {"AUDIT_LOGGER": mapping{"class": logger, "options": mapping(nil)}},
		"func":                        {"AUDIT_LOGGER": func() audit.AuditLogger { return logger }},
		"func with error":             {"AUDIT_LOGGER": func() (audit.AuditLogger, error) { return logger, nil }},
		"func of a concrete type":     {"AUDIT_LOGGER": func() *stub { return logger }},
		"func, concrete, with error":  {"AUDIT_LOGGER": func() (*stub, error) { return logger, nil }},
		"func as class":               {"AUDIT_LOGGER": mapping{"class": func() *stub { return logger }}},
		"factory":                     {"AUDIT_LOGGER": factoryOf(logger)},
		"factory as class":            {"AUDIT_LOGGER": mapping{"class": factoryOf(logger)}},
		"func that is like a factory": {"AUDIT_LOGGER": (func(context.Context, map[string]any) (audit.AuditLogger, error))(factoryOf(logger))},
	} {
		t.Run(name, func(t *testing.T) {
			require.Same(t, logger, mustLoad(t, settings))
			require.Same(t, logger, audit.CurrentAuditLogger())
		})
	}
}

func factoryOf(logger audit.AuditLogger) audit.LoggerFactory {
	return func(context.Context, map[string]any) (audit.AuditLogger, error) { return logger, nil }
}

func TestSettingsTakeAFuncThatRecords(t *testing.T) {
	for name, record := range map[string]func(*int) any{
		"AuditLoggerFunc": func(n *int) any {
			return audit.AuditLoggerFunc(func(context.Context, audit.PermissionAuditEvent) error { *n++; return nil })
		},
		"a func like it": func(n *int) any {
			return func(context.Context, audit.PermissionAuditEvent) error { *n++; return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			n := 0
			mustLoad(t, mapping{"AUDIT_LOGGER": record(&n)})
			emit(t, "m")
			require.Equal(t, 1, n)
		})
	}
}

// mapLogger is a logger whose kind is that of a mapping.
type mapLogger map[string]any

func (mapLogger) Record(context.Context, audit.PermissionAuditEvent) error { return nil }

func TestALoggerThatIsAMapIsNoMapping(t *testing.T) {
	logger := mapLogger{"class": "FileAuditLogger"}
	require.Equal(t, logger, mustLoad(t, mapping{"AUDIT_LOGGER": logger}))
}

func TestFactoryGetsItsOptions(t *testing.T) {
	for name, options := range map[string]any{"null": nil, "missing": nil, "given": mapping{"topic": "audit", "brokers": []string{"a", "b"}}} {
		t.Run(name, func(t *testing.T) {
			value := mapping{"class": audit.LoggerFactory(func(_ context.Context, got map[string]any) (audit.AuditLogger, error) {
				require.NotNil(t, got)
				if options != nil {
					require.Equal(t, options, got)
				} else {
					require.Empty(t, got)
				}
				got["changed"] = true // its own copy
				return &stub{}, nil
			})}
			if name != "missing" {
				value["options"] = options
			}
			mustLoad(t, mapping{"AUDIT_LOGGER": value})
			if given, ok := options.(mapping); ok {
				require.NotContains(t, given, "changed")
			}
		})
	}
}

func TestSettingsThatAreRefused(t *testing.T) {
	broken := errors.New("broken")
	for name, row := range map[string]struct {
		settings mapping
		want     []string
	}{
		"GENERAL_MANAGER is no mapping": {mapping{"GENERAL_MANAGER": "x"}, []string{"GENERAL_MANAGER must be a mapping: got string"}},
		"a map with other keys":         {mapping{"GENERAL_MANAGER": map[any]any{1: 2}}, []string{"GENERAL_MANAGER must be a mapping"}},
		"a map with a nil key":          {mapping{"GENERAL_MANAGER": map[any]any{nil: 2}}, []string{"GENERAL_MANAGER must be a mapping"}},
		"false":                         {mapping{"AUDIT_LOGGER": false}, []string{"AUDIT_LOGGER must be null, a name", "got bool"}},
		"a number":                      {mapping{"AUDIT_LOGGER": 0}, []string{"got int"}},
		"a list":                        {mapping{"AUDIT_LOGGER": []any{}}, []string{"got []interface"}},
		"a struct":                      {mapping{"AUDIT_LOGGER": struct{}{}}, []string{"got struct"}},
		"empty text":                    {mapping{"AUDIT_LOGGER": ""}, []string{`unknown logger ""`}},
		"unknown name": {
			mapping{"AUDIT_LOGGER": "FileLogger"},
			[]string{`unknown logger "FileLogger"`, "accepted are FileAuditLogger, DatabaseAuditLogger", "file:, sqlite: or postgres:"},
		},
		"unknown name in another case":      {mapping{"AUDIT_LOGGER": "fileauditlogger"}, []string{`unknown logger "fileauditlogger"`}},
		"dotted name of another package":    {mapping{"AUDIT_LOGGER": "my.FileAuditLogger"}, []string{`unknown logger "my.FileAuditLogger"`}},
		"unknown name of general_manager":   {mapping{"AUDIT_LOGGER": "general_manager.permission.audit.NoLogger"}, []string{"unknown logger"}},
		"another module of general_manager": {mapping{"AUDIT_LOGGER": "general_manager.permission.other.FileAuditLogger"}, []string{"unknown logger"}},
		"half a dotted name":                {mapping{"AUDIT_LOGGER": "audit.FileAuditLogger"}, []string{"unknown logger"}},
		"unknown key":                       {mapping{"AUDIT_LOGGER": mapping{"klass": "FileAuditLogger"}}, []string{`unknown option "klass": accepted are class, options`}},
		"class is a mapping":                {mapping{"AUDIT_LOGGER": mapping{"class": mapping{}}}, []string{"AUDIT_LOGGER must be null, a name"}},
		"options are a list":                {mapping{"AUDIT_LOGGER": mapping{"class": "FileAuditLogger", "options": []any{}}}, []string{`option "options" must be a mapping or null`}},
		"nil pointer":                       {mapping{"AUDIT_LOGGER": (*stub)(nil)}, []string{"nil *audit_test.stub", "null"}},
		"nil pointer as class":              {mapping{"AUDIT_LOGGER": mapping{"class": (*stub)(nil)}}, []string{"nil *audit_test.stub"}},
		"nil func":                          {mapping{"AUDIT_LOGGER": (func() audit.AuditLogger)(nil)}, []string{"nil func"}},
		"nil AuditLoggerFunc":               {mapping{"AUDIT_LOGGER": audit.AuditLoggerFunc(nil)}, []string{"nil audit.AuditLoggerFunc"}},
		"nil factory":                       {mapping{"AUDIT_LOGGER": audit.LoggerFactory(nil)}, []string{"nil audit.LoggerFactory"}},
		"func that returns nil":             {mapping{"AUDIT_LOGGER": func() audit.AuditLogger { return nil }}, []string{"returned no logger", "null"}},
		"func that returns a nil pointer":   {mapping{"AUDIT_LOGGER": func() *stub { return nil }}, []string{"returned no logger"}},
		"factory that returns nil":          {mapping{"AUDIT_LOGGER": factoryOf(nil)}, []string{"returned no logger"}},
		"factory that returns a nil func":   {mapping{"AUDIT_LOGGER": factoryOf(audit.AuditLoggerFunc(nil))}, []string{"returned no logger"}},
		"func with arguments":               {mapping{"AUDIT_LOGGER": func(int) audit.AuditLogger { return &stub{} }}, []string{"got func(int)"}},
		"func without results":              {mapping{"AUDIT_LOGGER": func() {}}, []string{"got func()"}},
		"func with three results":           {mapping{"AUDIT_LOGGER": func() (*stub, int, error) { return nil, 0, nil }}, []string{"got func()"}},
		"func with another second result":   {mapping{"AUDIT_LOGGER": func() (*stub, bool) { return nil, false }}, []string{"got func()"}},
		"func that returns no logger":       {mapping{"AUDIT_LOGGER": func() string { return "" }}, []string{"got func()"}},
		"func that panics":                  {mapping{"AUDIT_LOGGER": func() audit.AuditLogger { panic("boom") }}, []string{"panic: boom"}},
		"instance with options":             {mapping{"AUDIT_LOGGER": mapping{"class": &stub{}, "options": mapping{"a": 1}}}, []string{"takes no options: got 1"}},
		"func with options":                 {mapping{"AUDIT_LOGGER": mapping{"class": func() *stub { return nil }, "options": mapping{"a": 1}}}, []string{"takes no options: got 1", "LoggerFactory"}},
		"func that fails":                   {mapping{"AUDIT_LOGGER": func() (audit.AuditLogger, error) { return nil, broken }}, []string{"broken"}},
		"URL with options":                  {mapping{"AUDIT_LOGGER": mapping{"class": "file:x", "options": mapping{"mode": "0600"}}}, []string{"takes its options as its query"}},
	} {
		t.Run(name, func(t *testing.T) {
			var events []audit.PermissionAuditEvent
			before := remember(&events)
			mustLoad(t, mapping{"AUDIT_LOGGER": before})

			logger, err := loadSettings(t, row.settings)
			requireProblems(t, err, row.want...)
			require.Nil(t, logger)
			require.Same(t, before, audit.CurrentAuditLogger(), "the logger before stays")
			emit(t, "m")
			require.Len(t, events, 1)
		})
	}
}

func TestFactoryErrorIsWrapped(t *testing.T) {
	broken := errors.New("broken")
	before := mustLoad(t, fileSettings(filepath.Join(t.TempDir(), "permission.log")))
	_, err := loadSettings(t, mapping{"AUDIT_LOGGER": audit.LoggerFactory(func(context.Context, map[string]any) (audit.AuditLogger, error) {
		return nil, broken
	})})
	requireProblems(t, err, "audit: settings: broken")
	require.ErrorIs(t, err, broken)
	require.Same(t, before, audit.CurrentAuditLogger())
	emit(t, "m")
	require.NoError(t, audit.Flush(t.Context()), "it was not shut down")

	_, err = loadSettings(t, fileSettings(t.TempDir()))
	requireProblems(t, err, "is a directory")
	require.Same(t, before, audit.CurrentAuditLogger())
}

func TestFileLoggerBySettingsLogsToTheFile(t *testing.T) {
	for _, class := range []string{
		"FileAuditLogger",
		"general_manager.permission.audit.FileAuditLogger",
		"general_manager.permission.FileAuditLogger",
	} {
		t.Run(class, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "logs", "permission.log")
			settings := fileSettings(path, "batch_size", 2, "mode", "0640")
			settings["AUDIT_LOGGER"].(mapping)["class"] = class
			logger := mustLoad(t, settings)
			require.IsType(t, &audit.FileAuditLogger{}, logger)
			emit(t, "Project")
			require.NoError(t, audit.Flush(t.Context()))
			require.Equal(t, []string{"Project"}, loggedManagers(t, path))
			info, err := os.Stat(path)
			require.NoError(t, err)
			require.Equal(t, fs.FileMode(0o640), info.Mode().Perm())
		})
	}
}
