package audit

import (
	"context"
	"errors"
	"maps"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// withRegistered replaces what is registered while a test runs.
func withRegistered[T any](t testing.TB, r *registry[T], entries map[string]T) {
	t.Helper()
	swap := func(byName map[string]T) (before map[string]T) {
		r.mu.Lock()
		defer r.mu.Unlock()
		before, r.byName = r.byName, byName
		return before
	}
	before := swap(maps.Clone(entries))
	t.Cleanup(func() { swap(before) })
}

// loadPlanned loads settings; when the test ends, logging is turned off again.
func loadPlanned(t *testing.T, settings map[string]any) (AuditLogger, error) {
	t.Helper()
	t.Cleanup(func() {
		_, err := ConfigureAuditLoggerFromSettings(context.WithoutCancel(t.Context()), nil)
		require.NoError(t, err)
		ConfigureAuditLogger(nil)
	})
	return ConfigureAuditLoggerFromSettings(t.Context(), settings)
}

// inertLogger takes events and forgets them. It has a size, so that no two share an
// address.
type inertLogger struct{ _ int }

func (*inertLogger) Record(context.Context, PermissionAuditEvent) error { return nil }

func inertFactory(context.Context, map[string]any) (AuditLogger, error) { return &inertLogger{}, nil }

func TestARegisteredNameIsBuiltByItsFactory(t *testing.T) {
	withRegistered(t, &loggers, nil)
	built := &inertLogger{}
	var got map[string]any
	factory := func(_ context.Context, options map[string]any) (AuditLogger, error) {
		got = options
		return built, nil
	}
	require.NoError(t, RegisterAuditLogger("path.to.KafkaAuditLogger", factory))
	require.NoError(t, RegisterAuditLogger("kafka:audit", factory))

	options := map[string]any{"topic": "permissions"}
	logger, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": map[string]any{"class": "path.to.KafkaAuditLogger", "options": options}})
	require.NoError(t, err)
	require.Same(t, built, logger)
	require.Equal(t, options, got)

	for _, name := range []string{"path.to.KafkaAuditLogger", "kafka:audit"} {
		built = &inertLogger{}
		logger, err = loadPlanned(t, map[string]any{"AUDIT_LOGGER": name})
		require.NoError(t, err)
		require.Same(t, built, logger)
		require.Equal(t, map[string]any{}, got, "never nil")
	}

	again, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": "kafka:audit"})
	require.NoError(t, err)
	require.Same(t, logger, again, "equal settings are not built again")
}

func TestAnUnknownNameListsWhatIsRegistered(t *testing.T) {
	withRegistered(t, &loggers, map[string]LoggerFactory{"b": inertFactory, "a": inertFactory})
	_, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": "c"})
	require.ErrorContains(t, err, `unknown logger "c": accepted are FileAuditLogger, DatabaseAuditLogger, a, b, and URLs`)
}

func TestRegisterAuditLoggerRefuses(t *testing.T) {
	withRegistered(t, &loggers, map[string]LoggerFactory{"taken": inertFactory})
	for _, row := range []struct {
		name    string
		factory LoggerFactory
		want    string
	}{
		{"", inertFactory, "audit: register logger: name is empty"},
		{" \t", inertFactory, "name is empty"},
		{"taken", inertFactory, `audit: register logger "taken": name is taken`},
		{"FileAuditLogger", inertFactory, "name is taken"},
		{"DatabaseAuditLogger", inertFactory, "name is taken"},
		{"general_manager.permission.audit.FileAuditLogger", inertFactory, "name is taken"},
		{"general_manager.permission.DatabaseAuditLogger", inertFactory, "name is taken"},
		{"nil", nil, `audit: register logger "nil": it is nil`},
	} {
		require.ErrorContains(t, RegisterAuditLogger(row.name, row.factory), row.want)
	}
	require.Equal(t, "taken", loggers.names())
	for _, name := range []string{"fileauditlogger", "audit.FileAuditLogger", "general_manager.permission.audit.Other"} {
		require.NoError(t, RegisterAuditLogger(name, inertFactory))
	}
}

func TestRegisterDatabaseRefuses(t *testing.T) {
	opener := func(context.Context, DatabaseConfig) (Sink, error) { return nil, errors.New("unused") }
	withRegistered(t, &databases, map[string]DatabaseOpener{"taken": opener})
	require.ErrorContains(t, RegisterDatabase("", opener), "audit: register database driver: name is empty")
	require.ErrorContains(t, RegisterDatabase("taken", opener), `audit: register database driver "taken": name is taken`)
	require.ErrorContains(t, RegisterDatabase("nil", nil), "it is nil")
	require.NoError(t, RegisterDatabase("mysql", opener))
	require.Equal(t, "mysql, taken", databases.names())
}

func TestRegisterFromSeveralGoroutines(t *testing.T) {
	withRegistered(t, &loggers, nil)
	var group sync.WaitGroup
	taken := make(chan error, 8*20)
	for range 8 {
		group.Go(func() {
			for i := range 20 {
				if err := RegisterAuditLogger(strconv.Itoa(i), inertFactory); err != nil {
					taken <- err
				}
				_, found := loggers.lookup(strconv.Itoa(i))
				if !found {
					t.Error("a name that was registered is not found")
				}
			}
		})
	}
	group.Wait()
	require.Len(t, taken, 7*20, "each name is registered once")
}

func TestAListThatTheCallerChangesIsNoticed(t *testing.T) {
	topics := []string{"a", "b"}
	options := map[string]any{"topics": topics, "more": []any{map[string]any{"retries": 1}, nil}, "none": []string(nil)}
	withRegistered(t, &loggers, map[string]LoggerFactory{"topics": func(_ context.Context, got map[string]any) (AuditLogger, error) {
		require.Equal(t, options, got, "the types are kept")
		got["topics"].([]string)[0] = "changed by the factory"
		return &inertLogger{}, nil
	}})
	settings := map[string]any{"AUDIT_LOGGER": map[string]any{"class": "topics", "options": options}}
	load := func() AuditLogger {
		logger, err := loadPlanned(t, settings)
		require.NoError(t, err)
		return logger
	}
	first := load()
	require.Same(t, first, load())
	topics[1] = "c"
	second := load()
	require.NotSame(t, first, second)
	options["more"].([]any)[0].(map[string]any)["retries"] = 2
	third := load()
	require.NotSame(t, second, third)
	delete(options, "none")
	options["other"] = []string(nil)
	fourth := load()
	require.NotSame(t, third, fourth)
	options["topics"] = append(topics, "d")
	require.NotSame(t, fourth, load())
}

// The options of a logger that is built again, since what should replace it could
// not be built, are those that it had, whatever became of the caller's map.
func TestALoggerIsRestoredWithTheOptionsThatItHad(t *testing.T) {
	options := map[string]any{"size": 1}
	var sizes []any
	withRegistered(t, &loggers, map[string]LoggerFactory{"sized": func(ctx context.Context, got map[string]any) (AuditLogger, error) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		sizes = append(sizes, got["size"])
		got["size"] = "changed by the factory"
		return &inertLogger{}, nil
	}})
	_, err := loadPlanned(t, map[string]any{"AUDIT_LOGGER": map[string]any{"class": "sized", "options": options}})
	require.NoError(t, err)
	options["size"] = 2
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = ConfigureAuditLoggerFromSettings(ended, map[string]any{"AUDIT_LOGGER": func() (AuditLogger, error) { return nil, ErrLocked }})
	require.ErrorIs(t, err, ErrLocked)
	require.Equal(t, []any{1, 1}, sizes)
}

// If the old logger cannot be built again either, the next load builds, whatever
// its settings are.
func TestALoggerThatCouldNotBeRestoredIsBuiltByTheNextLoad(t *testing.T) {
	built := 0
	withRegistered(t, &loggers, map[string]LoggerFactory{"sometimes": func(context.Context, map[string]any) (AuditLogger, error) {
		if built++; built == 2 {
			return nil, errors.New("not now")
		}
		return &inertLogger{}, nil
	}})
	settings := map[string]any{"AUDIT_LOGGER": "sometimes"}
	first, err := loadPlanned(t, settings)
	require.NoError(t, err)
	_, err = loadPlanned(t, map[string]any{"AUDIT_LOGGER": func() (AuditLogger, error) { return nil, ErrLocked }})
	require.ErrorContains(t, err, "not now")
	require.Same(t, first, CurrentAuditLogger())
	next, err := loadPlanned(t, settings)
	require.NoError(t, err)
	require.NotSame(t, first, next)
}

// listLogger is a logger whose kind is that of a list.
type listLogger []int

func (listLogger) Record(context.Context, PermissionAuditEvent) error { return nil }

func TestALoggerInSettingsIsNotCopied(t *testing.T) {
	logger := listLogger{1}
	frozen := freezeSettings(map[string]any{"class": logger})
	logger[0] = 2 // it may be at work meanwhile, and copying it would be a race
	require.Equal(t, map[string]any{"class": listLogger{2}}, frozen)
}
