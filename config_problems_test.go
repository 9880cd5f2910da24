package audit

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// problemsIn are those that newPlan finds.
func problemsIn(t *testing.T, value, databases any) []string {
	t.Helper()
	_, err := newPlan(value, databases)
	var settings *SettingsError
	require.ErrorAs(t, err, &settings)
	require.NoError(t, settings.Err)
	return settings.Problems
}

func TestEveryWrongKeyIsNamedAtOnce(t *testing.T) {
	t.Run("file", func(t *testing.T) {
		problems := problemsIn(t, map[string]any{
			"class": fileClass,
			"extra": 1,
			"options": map[string]any{
				"path": 5, "batch_size": "x", "batchsize": 1, "flush_interval": -1, "compress": "yes", "using": "default",
			},
		}, nil)
		require.Len(t, problems, 7)
		for i, want := range []string{
			`AUDIT_LOGGER: unknown option "extra": accepted are class, options`,
			`FileAuditLogger: option "path" must be text: got 5`,
			`option "batch_size" must be a whole number`,
			`option "compress" must be true or false: got "yes"`,
			`unknown option "batchsize": accepted are ack, batch_size, close_timeout, compress, flush_interval, max_age, max_backups, `,
			`unknown option "using": accepted are `,
			`option "flush_interval" must not be negative`,
		} {
			require.Contains(t, problems[i], want)
		}
		require.True(t, strings.HasPrefix(problems[6], fileClass+": "))
	})
	t.Run("database", func(t *testing.T) {
		problems := problemsIn(t, map[string]any{
			"class":   databaseClass,
			"options": map[string]any{"using": "replica", "table_name": 5, "path": "x", "queue_size": -1},
		}, map[string]any{"replica": map[string]any{"driver": true, "host": "db"}})
		require.Len(t, problems, 6)
		for i, want := range []string{
			`DatabaseAuditLogger: option "table_name" must be text: got 5`,
			`DatabaseAuditLogger: unknown option "path": accepted are ack, batch_size, `,
			`DatabaseAuditLogger: option "queue_size" must not be negative`,
			`DATABASES: entry "replica" has a bool at driver: want text`,
			`DATABASES: entry "replica" has no dsn`,
			`DATABASES: entry "replica" has an unknown key "host": accepted are driver and dsn, or ENGINE`,
		} {
			require.Contains(t, problems[i], want)
		}
		require.Contains(t, problems[1], "table_name, using")
	})
	t.Run("options that are no mapping", func(t *testing.T) {
		problems := problemsIn(t, map[string]any{"class": fileClass, "options": "path"}, nil)
		require.Equal(t, []string{`AUDIT_LOGGER: option "options" must be a mapping or null: got string`}, problems)
	})
}

func TestTheMessageHoldsAllProblems(t *testing.T) {
	_, err := newPlan(map[string]any{"class": fileClass, "options": map[string]any{"a": 1}}, nil)
	require.ErrorContains(t, err, "audit: settings: "+strings.Join(problemsIn(t, map[string]any{"class": fileClass, "options": map[string]any{"a": 1}}, nil), "; "))
	require.NoError(t, errors.Unwrap(err))
}

func TestAFileLoggerNeedsAPath(t *testing.T) {
	for _, options := range []any{nil, map[string]any{}, map[string]any{"path": nil}, map[string]any{"path": ""}} {
		require.Equal(t, []string{`FileAuditLogger: option "path" is required: the file to log to`},
			problemsIn(t, map[string]any{"class": fileClass, "options": options}, nil))
	}
	require.Len(t, problemsIn(t, fileClass, nil), 1)
	// It would become a relative path, and the log would be where nobody looks.
	for _, path := range []string{"file:///var/log/permission.log", "postgres://user:hunter2@host/db"} {
		problems := problemsIn(t, map[string]any{"class": fileClass, "options": map[string]any{"path": path}}, nil)
		require.Equal(t, []string{`FileAuditLogger: option "path" must be a path: got a URL, which takes the place of the class`}, problems)
	}
}

func TestOptionsReachTheFileLogger(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": map[string]any{"class": fileClass, "options": map[string]any{
		"path": path, "batch_size": 500, "queue_size": 1000, "flush_interval": 0.25, "max_size": "1MiB", "sync": "none",
	}}})
	require.NoError(t, err)
	file := logger.(*FileAuditLogger)
	require.Equal(t, 500, file.queue.options.BatchSize)
	require.Equal(t, 1000, file.queue.options.QueueSize)
	require.Equal(t, 250*time.Millisecond, file.queue.options.FlushInterval)
	require.Equal(t, int64(1<<20), file.sink.options.MaxSize)
	require.Equal(t, SyncNone, file.sink.options.Sync)
}

func TestKeysAreSnakeCase(t *testing.T) {
	for field, key := range map[string]string{"QueueSize": "queue_size", "Ack": "ack", "DeadLetterPath": "dead_letter_path"} {
		require.Equal(t, key, snakeCase(field))
	}
	var r optionReader
	readFileOptions(&r)
	require.True(t, slices.IsSorted(r.known), "in errors they are sorted")
}
