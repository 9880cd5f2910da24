package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
)

// The keys of the settings.
const (
	settingsKey  = "GENERAL_MANAGER"
	loggerKey    = "AUDIT_LOGGER"
	databasesKey = "DATABASES"
)

// environmentVariable is what ConfigureAuditLoggerFromEnv reads.
const environmentVariable = loggerKey

// ConfigureAuditLoggerFromSettings configures the logger that settings ask for, and
// returns it; a logger that does nothing if they turn logging off.
//
// settings is one mapping, from whatever configuration library. The value of
// AUDIT_LOGGER in the mapping GENERAL_MANAGER counts if it is there, null too; else
// that of AUDIT_LOGGER at the top. It is one of
//
//   - null, or missing, or a mapping without class: logging is off;
//   - an AuditLogger, or a func that returns one, with or without an error;
//   - a name: FileAuditLogger, DatabaseAuditLogger or one that was given to
//     RegisterAuditLogger; also in general_manager's dotted form;
//   - a URL, as for ConfigureAuditLoggerFromEnv;
//   - a mapping with class, a name, instance or func, and options.
//
// Option keys are the field names of the options in snake_case, such as batch_size.
// Durations are seconds, or text like "250ms"; sizes bytes, or text like "64MiB".
//
// An error is a *SettingsError that names everything that is wrong; then the logger
// that was configured before stays. The loader owns what it built, never a logger
// that the settings hold. When settings replace what it built, that is shut down
// within ctx once the new logger is configured, or before if both write to the same
// file; then events that are emitted meanwhile wait. What the shutdown loses is
// returned as an *UndeliveredError beside the new logger.
//
// Equal settings change nothing, unless the logger was shut down: then it is built
// again. Loggers are equal if they are the same, a func is equal to none.
func ConfigureAuditLoggerFromSettings(ctx context.Context, settings map[string]any) (AuditLogger, error) {
	value, err := loggerSetting(settings)
	if err != nil {
		return nil, err
	}
	p, err := newPlan(value, settings[databasesKey])
	if err != nil {
		return nil, err
	}
	return load(ctx, p)
}

// ConfigureAuditLoggerFromFile is ConfigureAuditLoggerFromSettings for a file that
// holds the mapping as JSON.
func ConfigureAuditLoggerFromFile(ctx context.Context, path string) (AuditLogger, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &SettingsError{Err: err}
	}
	var value any
	if err := unmarshal(text, &value); err != nil {
		return nil, &SettingsError{Err: fmt.Errorf("%s%s: %w", path, jsonPosition(text, err), err)}
	}
	settings, ok := value.(map[string]any)
	if !ok {
		return nil, &SettingsError{Problems: []string{fmt.Sprintf("%s must hold a mapping: got %s", path, describe(value))}}
	}
	return ConfigureAuditLoggerFromSettings(ctx, settings)
}

// jsonPosition is ":line" of a syntax error.
func jsonPosition(text []byte, err error) string {
	var syntax *json.SyntaxError
	before := int64(-1)
	switch {
	case errors.As(err, &syntax):
		before = syntax.Offset - 1 // the offset counts the byte that is wrong
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		before = int64(len(text))
	}
	if before < 0 || before > int64(len(text)) {
		return ""
	}
	return fmt.Sprintf(":%d", 1+bytes.Count(text[:before], []byte("\n")))
}

// ConfigureAuditLoggerFromEnv is ConfigureAuditLoggerFromSettings for the
// environment variable AUDIT_LOGGER. Unset, empty or null turns logging off.
// Otherwise it holds a value of the setting AUDIT_LOGGER as JSON, or the whole
// mapping of settings, or a name, or a URL with the options as its query:
//
//	file:///var/log/permission.log?batch_size=500
//	sqlite:audit.db?table_name=x
//	postgres://user:password@host/database?table_name=x
//
// The path of a file or of SQLite is relative to the working directory, or
// absolute after three slashes; %3F is a question mark in it. The options of a
// postgres URL that are not ours, such as sslmode, are left to the driver.
func ConfigureAuditLoggerFromEnv(ctx context.Context) (AuditLogger, error) {
	text := strings.TrimSpace(os.Getenv(environmentVariable))
	settings := map[string]any{}
	switch {
	case text == "":
	case strings.ContainsAny(text[:1], `{["`) || text == "null":
		var value any
		if err := unmarshal([]byte(text), &value); err != nil {
			return nil, &SettingsError{Err: fmt.Errorf("environment variable %s: %w", environmentVariable, err)}
		}
		settings[loggerKey] = value
		if mapping, ok := value.(map[string]any); ok && (has(mapping, settingsKey) || has(mapping, loggerKey)) {
			settings = mapping
		}
	default:
		settings[loggerKey] = text
	}
	return ConfigureAuditLoggerFromSettings(ctx, settings)
}

func has(mapping map[string]any, key string) bool {
	_, found := mapping[key]
	return found
}

// loggerSetting finds the value of AUDIT_LOGGER.
func loggerSetting(settings map[string]any) (any, error) {
	if nested := settings[settingsKey]; nested != nil {
		mapping, ok := asMapping(nested)
		if !ok {
			return nil, &SettingsError{Problems: []string{fmt.Sprintf("%s must be a mapping: got %T", settingsKey, nested)}}
		}
		if value, found := mapping[loggerKey]; found {
			return value, nil
		}
	}
	return settings[loggerKey], nil
}

// asMapping accepts every map with text for keys; a nil one is empty.
func asMapping(v any) (map[string]any, bool) {
	if mapping, ok := v.(map[string]any); ok {
		return mapping, true
	}
	value := reflect.ValueOf(v)
	if value.Kind() != reflect.Map {
		return nil, false
	}
	mapping := make(map[string]any, value.Len())
	for entries := value.MapRange(); entries.Next(); {
		key := entries.Key()
		if key.Kind() == reflect.Interface {
			key = key.Elem()
		}
		if key.Kind() != reflect.String {
			return nil, false
		}
		mapping[key.String()] = entries.Value().Interface()
	}
	return mapping, true
}
