package audit

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestFileURLs(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	for _, row := range []struct{ url, path string }{
		{"file://" + directory + "/a.log", "a.log"},
		{"file:" + directory + "/b.log", "b.log"},
		{"file:c.log", "c.log"},
		{"file:./logs/d.log", "logs/d.log"},
		{"file://localhost" + directory + "/e.log", "e.log"},
		{"FILE:f.log?", "f.log"},
		{"file:g%20h%3Fi%23.log", "g h?i#.log"},
		{"file:j+k.log", "j+k.log"},
		{"file://" + directory + "/l%25.log?", "l%.log"},
	} {
		_, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": row.url})
		require.NoError(t, err, row.url)
		require.NoError(t, EmitPermissionAuditEvent(t.Context(), PermissionAuditEvent{Action: ActionRead}))
		require.NoError(t, Flush(t.Context()))
		info, err := os.Stat(filepath.Join(directory, row.path))
		require.NoError(t, err, row.url)
		require.Positive(t, info.Size(), row.url)
	}
}

func TestFileURLOptions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger, err := loadPlanned(t, map[string]any{
		"AUDIT_LOGGER": "file://" + path + "?batch_size=500&flush_interval=0.25&max_size=64MiB&queue_bytes=1.5%20GB&mode=0640&compress=true&sync=none&&redact=none",
	})
	require.NoError(t, err)
	file := logger.(*FileAuditLogger)
	require.Equal(t, 500, file.queue.options.BatchSize)
	require.Equal(t, 250*time.Millisecond, file.queue.options.FlushInterval)
	require.Equal(t, int64(1_500_000_000), file.queue.options.QueueBytes)
	require.Equal(t, int64(64<<20), file.sink.options.MaxSize)
	require.Equal(t, os.FileMode(0o640), file.sink.options.Mode)
	require.True(t, file.sink.options.Compress)
	require.Equal(t, SyncNone, file.sink.options.Sync)
}

func TestDatabaseURLs(t *testing.T) {
	for _, row := range []struct {
		url  string
		want DatabaseConfig
	}{
		{"sqlite:audit.db?table_name=x", DatabaseConfig{"audit.db", "x"}},
		{"sqlite:audit.db", DatabaseConfig{"audit.db", ""}},
		{"sqlite3:audit.db", DatabaseConfig{"audit.db", ""}},
		{"SQLite:audit.db", DatabaseConfig{"audit.db", ""}},
		{"sqlite:///var/lib/audit.db?batch_size=5", DatabaseConfig{"/var/lib/audit.db", ""}},
		{"sqlite:/var/lib/audit.db", DatabaseConfig{"/var/lib/audit.db", ""}},
		{"sqlite::memory:", DatabaseConfig{":memory:", ""}},
		{"sqlite::memory:?table_name=x", DatabaseConfig{":memory:", "x"}},
		{"sqlite:a%20b%3F.db", DatabaseConfig{"a b?.db", ""}},
		{"postgres://u:p@h:5433/d", DatabaseConfig{"postgres://u:p@h:5433/d", ""}},
		{"postgresql://u:p@h/d?table_name=x", DatabaseConfig{"postgresql://u:p@h/d", "x"}},
		{"Postgres://u:p@h/d", DatabaseConfig{"postgres://u:p@h/d", ""}},
		{
			"postgres://u:p@h/d?sslmode=require&table_name=audit.log&batch_size=500&connect_timeout=5&ack=durable",
			DatabaseConfig{"postgres://u:p@h/d?sslmode=require&connect_timeout=5", "audit.log"},
		},
		{"postgres://h1:1,h2:2/d?target_session_attrs=read-write&write_timeout=1s", DatabaseConfig{"postgres://h1:1,h2:2/d?target_session_attrs=read-write", ""}},
		{"postgres:///d?host=%2Frun&table_name=x", DatabaseConfig{"postgres:///d?host=%2Frun", "x"}},
		{"postgres://h?dbname=d&table%5Fname=x", DatabaseConfig{"postgres://h?dbname=d", "x"}},
		// What is the driver's is handed on byte for byte.
		{"postgres://h/d?options=-c%20a%3Db+c&b=%zz&batch_size=5&empty", DatabaseConfig{"postgres://h/d?options=-c%20a%3Db+c&b=%zz&empty", ""}},
		{"postgres://h/d?%zz=1&b=1&a=2&b=3", DatabaseConfig{"postgres://h/d?%zz=1&b=1&a=2&b=3", ""}},
		// PostgreSQL finds the password before the question mark.
		{"postgres://u:a?table_name=b@h/d?table_name=x", DatabaseConfig{"postgres://u:a?table_name=b@h/d", "x"}},
		{"postgres://u:a%3F%23b@h/d?table_name=x", DatabaseConfig{"postgres://u:a%3F%23b@h/d", "x"}},
		{"postgres://h/d@e?table_name=x", DatabaseConfig{"postgres://h/d@e", "x"}},
	} {
		t.Run(row.url, func(t *testing.T) {
			stores := testDrivers(t)
			_, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": row.url})
			require.NoError(t, err)
			require.Len(t, *stores, 1)
			require.Equal(t, row.want, (*stores)[0].config)
		})
	}
}

func TestDatabaseURLOptions(t *testing.T) {
	for _, url := range []string{"sqlite:audit.db?", "postgres://u:p@h/d?sslmode=disable&"} {
		testDrivers(t)
		logger, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": map[string]any{"class": url + "batch_size=500&flush_interval=250ms&ack=durable"}})
		require.NoError(t, err)
		options := logger.(*DatabaseAuditLogger).queue.options
		require.Equal(t, 500, options.BatchSize)
		require.Equal(t, 250*time.Millisecond, options.FlushInterval)
		require.Equal(t, AckDurable, options.Ack)
	}
}

func TestURLsThatAreRefused(t *testing.T) {
	testDrivers(t)
	for url, want := range map[string]string{
		"file://host/permission.log":              "AUDIT_LOGGER: the file URL names a host: write file:///path, or file:path",
		"file://user:hunter2@host/permission.log": "names a host",
		"file:":                                  "AUDIT_LOGGER: the file URL names no file",
		"file://":                                "names no file",
		"file:///":                               "names no file",
		"file:?batch_size=5":                     "names no file",
		"file:%zz":                               `the path of the file URL is malformed: invalid URL escape "%zz"`,
		"file:a#b":                               "the file URL has a fragment: write %23 for # in a path",
		"file:a?batch_size=5#b":                  `option "batch_size" must be a whole number`,
		"file:a?batch_size=%zz":                  "the query of the URL is malformed",
		"file:a?%zz=hunter2":                     "the query of the URL is malformed",
		"file:a?typo=1":                          `FileAuditLogger: unknown option "typo": accepted are ack, batch_size, close_timeout`,
		"file:a?path=b":                          `unknown option "path"`,
		"file:a?table_name=b":                    `unknown option "table_name"`,
		"file:a?batch_size=many":                 `option "batch_size" must be a whole number: got "many"`,
		"file:a?batch_size=":                     `option "batch_size" must be a whole number: got ""`,
		"file:a?batch_size=1&batch_size=2":       `option "batch_size" is there more than once`,
		"file:a?ack=durable&sync=none":           `option "sync" none cannot keep`,
		"file:a%3A%2F%2Fb":                       `option "path" must be a path: got a URL`,
		"sqlite:":                                "AUDIT_LOGGER: the sqlite URL names no file",
		"sqlite://":                              "names no file",
		"sqlite://sub/audit.db":                  "names a host: write sqlite:///path",
		"sqlite:?table_name=x":                   "names no file",
		"sqlite:a#b":                             "has a fragment",
		"sqlite:a?mode=ro":                       `DatabaseAuditLogger: unknown option "mode": accepted are ack, batch_size`,
		"sqlite:a?using=default":                 `unknown option "using"`,
		"postgres:d":                             "a postgres URL begins with postgres://",
		"postgres://u:hunter2@h/d?batch_size=x":  `DatabaseAuditLogger: option "batch_size" must be a whole number: got "x"`,
		"postgres://u:hunter2@h/d?queue_size=-1": `option "queue_size" must not be negative`,
		"postgres://u:hunter2@h/d?ack=%zz":       "the query of the URL is malformed",
		"mysql://u:hunter2@h/d":                  `AUDIT_LOGGER: unknown scheme "mysql": accepted are file, sqlite and postgres`,
		"://u:hunter2@h/d":                       `unknown scheme ""`,
		`C:\logs\permission.log`:                 `unknown scheme "c"`,
	} {
		t.Run(url, func(t *testing.T) {
			problems := problemsIn(t, url, nil)
			require.Len(t, problems, 1, "%q", problems)
			require.Contains(t, problems[0], want)
			require.NotContains(t, problems[0], "hunter2")
		})
	}
}

// No error of the loader shows what may be a password, wherever it stands.
func TestNoErrorShowsAPassword(t *testing.T) {
	testDrivers(t)
	dsns := []string{
		"postgres://user:hunter2@host/db", "postgres:user:hunter2@host", "postgresql://user:hunter2@host/db?batch_size=x",
		"//user:hunter2@host/db", "user:hunter2@host/db", "host=db password=hunter2", "host=::1 password=hunter2",
		"password='hunter2'", "mysql://user:hunter2@host/db", "://:hunter2@", ":hunter2@", "file://user:hunter2@host/path",
		"sqlite:x?password=hunter2&pass word=hunter2", "postgres://user:hun%zzter2@host?max_wait=hunter2@",
		"https://user:hunter2@host/%zz?%zz=hunter2", "postgres ://user:hunter2@host", "postgres://user:hunter2@host/" + string(make([]byte, 100)),
	}
	for _, dsn := range dsns {
		mapping := func(key string, value any) map[string]any { return map[string]any{key: value} }
		for shape, settings := range map[string]map[string]any{
			"AUDIT_LOGGER":      mapping(loggerKey, dsn),
			"nested":            mapping(settingsKey, mapping(loggerKey, dsn)),
			"GENERAL_MANAGER":   mapping(settingsKey, dsn),
			"class":             mapping(loggerKey, mapping("class", dsn)),
			"a list":            mapping(loggerKey, []any{dsn}),
			"class, options":    mapping(loggerKey, map[string]any{"class": dsn, "options": mapping("a", 1)}),
			"a key":             mapping(loggerKey, mapping(dsn, 1)),
			"options":           mapping(loggerKey, map[string]any{"class": databaseClass, "options": dsn}),
			"an option's key":   mapping(loggerKey, map[string]any{"class": databaseClass, "options": mapping(dsn, 1)}),
			"using":             mapping(loggerKey, map[string]any{"class": databaseClass, "options": mapping("using", dsn)}),
			"batch_size":        mapping(loggerKey, map[string]any{"class": databaseClass, "options": mapping("batch_size", dsn)}),
			"ack":               mapping(loggerKey, map[string]any{"class": databaseClass, "options": mapping("ack", dsn)}),
			"mode":              mapping(loggerKey, map[string]any{"class": fileClass, "options": map[string]any{"path": "x", "mode": dsn}}),
			"table_name's type": mapping(loggerKey, map[string]any{"class": databaseClass, "options": mapping("table_name", []any{dsn})}),
			"DATABASES":         {loggerKey: databaseClass, databasesKey: dsn},
			"an entry":          {loggerKey: databaseClass, databasesKey: mapping("default", dsn)},
			"an alias":          {loggerKey: databaseClass, databasesKey: mapping(dsn, dsn)},
			"driver":            {loggerKey: databaseClass, databasesKey: mapping("default", map[string]any{"driver": dsn, "dsn": dsn})},
			"an entry's key":    {loggerKey: databaseClass, databasesKey: mapping("default", map[string]any{"driver": "sqlite", "dsn": dsn, dsn: 1})},
			"dsn's type":        {loggerKey: databaseClass, databasesKey: mapping("default", map[string]any{"driver": "sqlite", "dsn": []any{dsn}})},
			"ENGINE":            {loggerKey: databaseClass, databasesKey: mapping("default", map[string]any{"ENGINE": dsn, "NAME": dsn})},
			"PORT's type":       {loggerKey: databaseClass, databasesKey: mapping("default", map[string]any{"ENGINE": "x.postgresql", "NAME": "x", "PORT": []any{dsn}})},
			"OPTIONS":           {loggerKey: databaseClass, databasesKey: mapping("default", map[string]any{"ENGINE": "x.postgresql", "NAME": "x", "OPTIONS": dsn})},
			"a key of OPTIONS":  {loggerKey: databaseClass, databasesKey: mapping("default", map[string]any{"ENGINE": "x.postgresql", "NAME": "x", "OPTIONS": mapping(dsn, true)})},
		} {
			value, err := loggerSetting(settings)
			if err == nil {
				_, err = newPlan(value, settings[databasesKey])
			}
			switch shape {
			case "AUDIT_LOGGER", "nested", "class": // some are in order
			default:
				require.Error(t, err, "%s: %s", shape, dsn)
			}
			if err != nil {
				require.NotContains(t, err.Error(), "hunter2", "%s: %s", shape, dsn)
			}
		}
	}
}
