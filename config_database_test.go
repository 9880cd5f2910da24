package audit

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// testStore keeps the managers of what it is given, in memory.
type testStore struct {
	config DatabaseConfig
	closed bool

	mu       sync.Mutex
	managers []string
	batches  []int
}

func (s *testStore) WriteBatch(_ context.Context, batch []Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, entry := range batch {
		s.managers = append(s.managers, entry.Manager)
	}
	s.batches = append(s.batches, len(batch))
	return nil
}

func (s *testStore) Close() error {
	s.closed = true
	return nil
}

// testDrivers registers two drivers, as the packages sqlite and postgres do. stores
// are those that they opened, by the order in which they did.
func testDrivers(t testing.TB) (stores *[]*testStore) {
	t.Helper()
	stores = new([]*testStore)
	open := func(_ context.Context, config DatabaseConfig) (Sink, error) {
		store := &testStore{config: config}
		*stores = append(*stores, store)
		return store, nil
	}
	withRegistered(t, &databases, map[string]DatabaseOpener{"sqlite": open, "postgres": open})
	return stores
}

// fromJSON is what ConfigureAuditLoggerFromFile would read.
func fromJSON(t *testing.T, text string) map[string]any {
	t.Helper()
	var settings map[string]any
	require.NoError(t, unmarshal([]byte(text), &settings))
	return settings
}

// The mappings of general_manager's documentation.
func TestSettingsOfGeneralManagerLoadUnchanged(t *testing.T) {
	for name, row := range map[string]struct {
		settings string
		want     DatabaseConfig
		buffer   BufferOptions
	}{
		"a dotted name": {
			`{"GENERAL_MANAGER": {"AUDIT_LOGGER": "general_manager.permission.audit.DatabaseAuditLogger"}}`,
			DatabaseConfig{"audit.db", "general_manager_permissionauditlog"},
			BufferOptions{},
		},
		"a dotted name of the package": {
			`{"GENERAL_MANAGER": {"AUDIT_LOGGER": "general_manager.permission.DatabaseAuditLogger"}}`,
			DatabaseConfig{"audit.db", "general_manager_permissionauditlog"},
			BufferOptions{},
		},
		"a mapping with all options": {
			`{"GENERAL_MANAGER": {"AUDIT_LOGGER": {
				"class": "general_manager.permission.audit.DatabaseAuditLogger",
				"options": {"using": "replica", "table_name": "gm_permission_audit", "batch_size": 500, "flush_interval": 0.25}}}}`,
			DatabaseConfig{"replica.db", "gm_permission_audit"},
			BufferOptions{BatchSize: 500, FlushInterval: 250 * time.Millisecond},
		},
		"a mapping with a table": {
			`{"GENERAL_MANAGER": {"AUDIT_LOGGER": {
				"class": "general_manager.permission.audit.DatabaseAuditLogger",
				"options": {"using": "default", "table_name": "gm_permission_log"}}}}`,
			DatabaseConfig{"audit.db", "gm_permission_log"},
			BufferOptions{},
		},
		"a mapping without a table": {
			`{"AUDIT_LOGGER": {"class": "general_manager.permission.audit.DatabaseAuditLogger", "options": {"table_name": null}}}`,
			DatabaseConfig{"audit.db", "general_manager_permissionauditlog"},
			BufferOptions{},
		},
		"the short name has the table of the driver": {
			`{"AUDIT_LOGGER": "DatabaseAuditLogger"}`,
			DatabaseConfig{"audit.db", ""},
			BufferOptions{},
		},
		"the short name with options": {
			`{"AUDIT_LOGGER": {"class": "DatabaseAuditLogger", "options": {"using": "replica", "table_name": "x", "batch_size": 3}}}`,
			DatabaseConfig{"replica.db", "x"},
			BufferOptions{BatchSize: 3},
		},
	} {
		t.Run(name, func(t *testing.T) {
			stores := testDrivers(t)
			settings := fromJSON(t, row.settings)
			settings["DATABASES"] = fromJSON(t, `{
				"default": {"driver": "sqlite", "dsn": "audit.db"},
				"replica": {"ENGINE": "django.db.backends.sqlite3", "NAME": "replica.db"},
				"broken": {"driver": 5}}`)
			logger, err := loadPlanned(t, settings)
			require.NoError(t, err)
			require.Len(t, *stores, 1)
			store := (*stores)[0]
			require.Equal(t, row.want, store.config)
			want, err := row.buffer.withDefaults()
			require.NoError(t, err)
			got := logger.(*DatabaseAuditLogger).queue.options
			require.Equal(t, want.BatchSize, got.BatchSize)
			require.Equal(t, want.FlushInterval, got.FlushInterval)

			require.NoError(t, EmitPermissionAuditEvent(t.Context(), PermissionAuditEvent{Action: ActionUpdate, Manager: "Project"}))
			_, err = loadPlanned(t, nil)
			require.NoError(t, err)
			require.Equal(t, []string{"Project"}, store.managers)
			require.True(t, store.closed, "the loader owns it")
		})
	}
}

func TestBatchSizeReachesTheDatabase(t *testing.T) {
	stores := testDrivers(t)
	_, err := loadPlanned(t, fromJSON(t, `{
		"AUDIT_LOGGER": {"class": "DatabaseAuditLogger", "options": {"batch_size": 2, "flush_interval": 3600}},
		"DATABASES": {"default": {"driver": "sqlite", "dsn": "audit.db"}}}`))
	require.NoError(t, err)
	for range 4 {
		require.NoError(t, EmitPermissionAuditEvent(t.Context(), PermissionAuditEvent{Action: ActionRead}))
	}
	_, err = loadPlanned(t, nil)
	require.NoError(t, err)
	require.Equal(t, []int{2, 2}, (*stores)[0].batches)
}

func TestDatabases(t *testing.T) {
	for name, row := range map[string]struct{ entry, driver, dsn string }{
		"ours":            {`{"driver": "sqlite", "dsn": "audit.db"}`, "sqlite", "audit.db"},
		"ours, postgres":  {`{"driver": "postgres", "dsn": "host=db password=x"}`, "postgres", "host=db password=x"},
		"sqlite3":         {`{"ENGINE": "django.db.backends.sqlite3", "NAME": "/var/lib/db.sqlite3", "ATOMIC_REQUESTS": true, "OPTIONS": {"timeout": 20}}`, "sqlite", "/var/lib/db.sqlite3"},
		"sqlite3, memory": {`{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}`, "sqlite", ":memory:"},
		"postgresql": {
			`{"ENGINE": "django.db.backends.postgresql", "NAME": "app", "USER": "web", "PASSWORD": "secret", "HOST": "db.example", "PORT": "5433", "CONN_MAX_AGE": 60}`,
			"postgres", "postgres://web:secret@db.example:5433/app",
		},
		"postgresql_psycopg2": {
			`{"ENGINE": "django.db.backends.postgresql_psycopg2", "NAME": "app", "HOST": "db", "PORT": ""}`, "postgres", "postgres://db/app",
		},
		"an engine that wraps it": {`{"ENGINE": "django_prometheus.db.backends.postgresql", "NAME": "app"}`, "postgres", "postgres:///app"},
		"a name with an @":        {`{"ENGINE": "x.postgresql", "NAME": "a@b/c", "HOST": "db"}`, "postgres", "postgres://db/a%40b%2Fc"},
		"port as a number":        {`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "db", "PORT": 5433}`, "postgres", "postgres://db:5433/app"},
		"port without host":       {`{"ENGINE": "x.postgresql", "NAME": "app", "PORT": 5433}`, "postgres", "postgres:///app?port=5433"},
		"socket":                  {`{"ENGINE": "x.postgresql", "NAME": "app", "USER": "web", "HOST": "/var/run/postgresql"}`, "postgres", "postgres://web@/app?host=%2Fvar%2Frun%2Fpostgresql"},
		"socket and port":         {`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "/run", "PORT": 5433}`, "postgres", "postgres:///app?host=%2Frun&port=5433"},
		"several hosts":           {`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "a,b", "PORT": "5433"}`, "postgres", "postgres:///app?host=a%2Cb&port=5433"},
		"IPv6":                    {`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "fe80::abcd"}`, "postgres", "postgres://[fe80::abcd]/app"},
		"IPv6 and port":           {`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "::1", "PORT": 5433}`, "postgres", "postgres://[::1]:5433/app"},
		"password as a number":    {`{"ENGINE": "x.postgresql", "NAME": "app", "USER": "web", "PASSWORD": 12345}`, "postgres", "postgres://web:12345@/app"},
		"options": {
			`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "db", "OPTIONS": {"sslmode": "verify-full", "connect_timeout": 10, "options": "-c search_path=a+b", "sslcert": null}}`,
			"postgres", "postgres://db/app?connect_timeout=10&options=-c%20search_path%3Da%2Bb&sslmode=verify-full",
		},
		"options of Django and libpq": {
			`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "db", "OPTIONS": {"isolation_level": 3, "pool": {"min_size": 2}, "server_side_binding": true, "assume_role": "x", "keepalives": 1, "sslmode": "require"}}`,
			"postgres", "postgres://db/app?sslmode=require",
		},
		"no options": {`{"ENGINE": "x.postgresql", "NAME": "app", "HOST": "db", "OPTIONS": null}`, "postgres", "postgres://db/app"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &resolver{databases: map[string]any{"default": fromJSON(t, row.entry)}}
			driver, dsn := r.database("default")
			require.Empty(t, r.problems)
			require.Equal(t, row.driver, driver)
			require.Equal(t, row.dsn, dsn)
		})
	}
}

// PostgreSQL decodes %XX alone, and wants spaces and what separates the parts
// encoded.
func TestSpecialCharactersAreEscapedInTheDSN(t *testing.T) {
	entry := map[string]any{
		"ENGINE": "django.db.backends.postgresql", "NAME": "my db?%", "USER": "we@b:1", "HOST": "db",
		"PASSWORD": `p@ss:w/o?r#d%41 +&=ä"`, "OPTIONS": map[string]any{"application_name": "a b+c&d=e"},
	}
	r := &resolver{databases: map[string]any{"default": entry}}
	_, dsn := r.database("default")
	require.Empty(t, r.problems)
	require.Equal(t, `postgres://we%40b%3A1:p%40ss%3Aw%2Fo%3Fr%23d%2541%20+&=%C3%A4%22@db/my%20db%3F%25?application_name=a%20b%2Bc%26d%3De`, dsn)
}

func TestGoValuesInDatabases(t *testing.T) {
	for _, port := range []any{5433, int64(5433), uint16(5433), 5433.0, json.Number("5433"), "5433"} {
		r := &resolver{databases: map[string]map[string]any{"default": {
			"ENGINE": "django.db.backends.postgresql", "NAME": "app", "HOST": "db", "PORT": port,
		}}}
		_, dsn := r.database("default")
		require.Empty(t, r.problems, "%T", port)
		require.Equal(t, "postgres://db:5433/app", dsn, "%T", port)
	}
}

func TestDatabasesThatAreRefused(t *testing.T) {
	testDrivers(t)
	for name, row := range map[string]struct {
		databases any
		want      []string
	}{
		"missing":          {nil, []string{`DATABASES: entry "default" is missing: DATABASES is empty or missing too`}},
		"empty":            {map[string]any{}, []string{`entry "default" is missing: DATABASES is empty`}},
		"nil map":          {map[string]any(nil), []string{`entry "default" is missing: DATABASES is empty`}},
		"another alias":    {map[string]any{"b": nil, "a": nil}, []string{`entry "default" is missing: there are "a", "b"`}},
		"no mapping":       {"postgres://u:hunter2@h/d", []string{"DATABASES must be a mapping: got string"}},
		"entry no mapping": {map[string]any{"default": "postgres://u:hunter2@h/d"}, []string{`entry "default" must be a mapping: got string`}},
		"entry null":       {map[string]any{"default": nil}, []string{`entry "default" must be a mapping: got <nil>`}},
		"entry empty": {
			map[string]any{"default": map[string]any{}},
			[]string{`DATABASES: entry "default" has no driver`, `DATABASES: entry "default" has no dsn`},
		},
		"no dsn":     {map[string]any{"default": map[string]any{"driver": "sqlite", "dsn": ""}}, []string{`entry "default" has no dsn`}},
		"wrong type": {map[string]any{"default": map[string]any{"driver": "sqlite", "dsn": []any{"hunter2"}}}, []string{`has a []interface {} at dsn: want text`}},
		"driver not registered": {
			map[string]any{"default": map[string]any{"driver": "mysql", "dsn": "hunter2"}},
			[]string{`DatabaseAuditLogger: unknown database driver "mysql": registered are postgres, sqlite`},
		},
		"driver not registered, no dsn": {
			map[string]any{"default": map[string]any{"driver": "mysql"}},
			[]string{`entry "default" has no dsn`, `unknown database driver "mysql"`},
		},
		"engine not supported": {
			map[string]any{"default": map[string]any{"ENGINE": "django.db.backends.mysql", "NAME": "hunter2"}},
			[]string{`entry "default" has an ENGINE that is not supported: accepted are django.db.backends.sqlite3 and django.db.backends.postgresql`},
		},
		"engine empty": {
			map[string]any{"default": map[string]any{"ENGINE": "", "PASSWORD": "hunter2"}},
			[]string{`entry "default" has no ENGINE`, `entry "default" has no NAME`},
		},
		"engine null": {map[string]any{"default": map[string]any{"ENGINE": nil, "NAME": "x"}}, []string{`has no ENGINE`}},
		"several": {
			map[string]any{"default": map[string]any{
				"ENGINE": "django.db.backends.postgresql", "PASSWORD": []any{"hunter2"}, "PORT": 5433.5, "HOST": true, "OPTIONS": "hunter2",
			}},
			[]string{"has no NAME", "has a []interface {} at PASSWORD", "has a string at OPTIONS: want a mapping", "has a bool at HOST", "has a float64 at PORT"},
		},
		"an option of another type": {
			map[string]any{"default": map[string]any{"ENGINE": "x.postgresql", "NAME": "x", "OPTIONS": map[string]any{"password": []any{"hunter2"}}}},
			[]string{`has a []interface {} at "password" in OPTIONS: want text or a whole number`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			problems := problemsIn(t, databaseClass, row.databases)
			require.Len(t, problems, len(row.want), "%q", problems)
			for i, want := range row.want {
				require.Contains(t, problems[i], want)
				require.NotContains(t, problems[i], "hunter2")
			}
		})
	}
}

func TestADriverThatIsNotImported(t *testing.T) {
	withRegistered(t, &databases, nil)
	for driver, want := range map[string]string{
		"sqlite":     `database driver "sqlite" is not there: import _ "github.com/permaudit/audit/sqlite"`,
		"sqlite3":    `import _ "github.com/permaudit/audit/sqlite"`,
		"postgres":   `import _ "github.com/permaudit/audit/postgres"`,
		"postgresql": `import _ "github.com/permaudit/audit/postgres"`,
		"pgx":        `import _ "github.com/permaudit/audit/postgres"`,
		"mysql":      `unknown database driver "mysql", and none is registered: import _ "github.com/permaudit/audit/sqlite" or _ "github.com/permaudit/audit/postgres"`,
	} {
		_, err := loadPlanned(t, map[string]any{
			"AUDIT_LOGGER": databaseClass,
			"DATABASES":    map[string]any{"default": map[string]any{"driver": driver, "dsn": "x"}},
		})
		require.ErrorContains(t, err, want)
	}
	for _, url := range []string{"sqlite:audit.db", "postgres://u:hunter2@h/d"} {
		_, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": url})
		require.ErrorContains(t, err, "is not there: import _")
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func TestDriversHaveOtherUsualNames(t *testing.T) {
	for _, driver := range []string{"sqlite", "sqlite3", "postgres", "postgresql", "pgx"} {
		stores := testDrivers(t)
		_, err := loadPlanned(t, map[string]any{
			"AUDIT_LOGGER": databaseClass,
			"DATABASES":    map[string]any{"default": map[string]any{"driver": driver, "dsn": "x"}},
		})
		require.NoError(t, err, driver)
		require.Len(t, *stores, 1)
	}
}

func TestADriversOwnNameWinsOverTheUsualOne(t *testing.T) {
	testDrivers(t)
	var opened []string
	require.NoError(t, RegisterDatabase("pgx", func(_ context.Context, config DatabaseConfig) (Sink, error) {
		opened = append(opened, config.DSN)
		return &testStore{}, nil
	}))
	_, err := loadPlanned(t, map[string]any{
		"AUDIT_LOGGER": databaseClass,
		"DATABASES":    map[string]any{"default": map[string]any{"driver": "pgx", "dsn": "x"}},
	})
	require.NoError(t, err)
	require.Equal(t, []string{"x"}, opened)
}

func TestAStoreThatCannotBeUsedIsClosed(t *testing.T) {
	broken := errors.New("broken")
	store := &testStore{}
	withRegistered(t, &databases, map[string]DatabaseOpener{
		"fails":  func(context.Context, DatabaseConfig) (Sink, error) { return nil, broken },
		"nil":    func(context.Context, DatabaseConfig) (Sink, error) { return nil, nil },
		"nilptr": func(context.Context, DatabaseConfig) (Sink, error) { return (*testStore)(nil), nil },
		"works":  func(context.Context, DatabaseConfig) (Sink, error) { return store, nil },
	})
	load := func(driver string, options map[string]any) error {
		_, err := loadPlanned(t, map[string]any{
			"AUDIT_LOGGER": map[string]any{"class": databaseClass, "options": options},
			"DATABASES":    map[string]any{"default": map[string]any{"driver": driver, "dsn": "x"}},
		})
		return err
	}
	require.ErrorIs(t, load("fails", nil), broken)
	require.ErrorContains(t, load("nil", nil), "returned no store")
	require.ErrorContains(t, load("nilptr", nil), "returned no store")
	require.ErrorContains(t, load("works", map[string]any{"dead_letter_path": t.TempDir()}), "is a directory")
	require.True(t, store.closed)
}

func TestAChangeOfTheDatabaseIsNoticed(t *testing.T) {
	stores := testDrivers(t)
	settings := map[string]any{
		"AUDIT_LOGGER": databaseClass,
		"DATABASES": map[string]any{
			"default": map[string]any{"driver": "sqlite", "dsn": "one.db"},
			"other":   map[string]any{"driver": "sqlite", "dsn": "one.db"},
		},
	}
	load := func(want int) {
		t.Helper()
		_, err := loadPlanned(t, settings)
		require.NoError(t, err)
		require.Len(t, *stores, want)
	}
	load(1)
	load(1)
	settings["DATABASES"].(map[string]any)["other"].(map[string]any)["dsn"] = "two.db"
	load(1)
	settings["DATABASES"].(map[string]any)["default"].(map[string]any)["dsn"] = "two.db"
	load(2)
	require.Equal(t, "two.db", (*stores)[1].config.DSN)
	require.True(t, (*stores)[0].closed)
}

// Dead letters are a file that is locked: the logger that has it lets go first.
func TestReloadWithTheSameDeadLetters(t *testing.T) {
	stores := testDrivers(t)
	path := filepath.Join(t.TempDir(), "dead.log")
	settings := func(batchSize int) map[string]any {
		return map[string]any{
			"AUDIT_LOGGER": map[string]any{"class": databaseClass, "options": map[string]any{"dead_letter_path": path, "batch_size": batchSize}},
			"DATABASES":    map[string]any{"default": map[string]any{"driver": "sqlite", "dsn": "one.db"}},
		}
	}
	for i := range 3 {
		_, err := loadPlanned(t, settings(i+1))
		require.NoError(t, err)
		require.NoError(t, EmitPermissionAuditEvent(t.Context(), PermissionAuditEvent{Action: ActionRead}))
	}
	_, err := loadPlanned(t, nil)
	require.NoError(t, err)
	written := 0
	for _, store := range *stores {
		require.True(t, store.closed)
		written += len(store.managers)
	}
	require.Equal(t, 3, written)
}
