package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// LoggerFactory builds the logger that settings name. options is what the settings
// give for it, a copy and never nil; a number from JSON is a json.Number. An option
// that it does not know should be an error. The logger belongs to the settings
// loader, which shuts it down when other settings replace it. Loggers are built one
// at a time: a factory must not load settings.
type LoggerFactory func(ctx context.Context, options map[string]any) (AuditLogger, error)

// DatabaseConfig is what a DatabaseOpener opens: a table of a database.
type DatabaseConfig struct {
	DSN       string // in the driver's own form; it may hold a password
	TableName string // "": the driver's default
}

// DatabaseOpener opens the store of a database. Its errors must hold no password.
type DatabaseOpener func(ctx context.Context, config DatabaseConfig) (Sink, error)

// registry holds what is known by name. Its zero value is ready.
type registry[T any] struct {
	mu     sync.RWMutex
	byName map[string]T
}

func (r *registry[T]) register(kind, name string, value T) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if strings.TrimSpace(name) == "" {
		return fmt.Errorf("audit: register %s: name is empty", kind)
	}
	if isNil(value) {
		return fmt.Errorf("audit: register %s %q: it is nil", kind, name)
	}
	if _, taken := r.byName[name]; taken {
		return fmt.Errorf("audit: register %s %q: name is taken", kind, name)
	}
	if r.byName == nil {
		r.byName = make(map[string]T)
	}
	r.byName[name] = value
	return nil
}

func (r *registry[T]) lookup(name string) (value T, found bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	value, found = r.byName[name]
	return value, found
}

// names lists what is there, for errors.
func (r *registry[T]) names() string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return strings.Join(slices.Sorted(maps.Keys(r.byName)), ", ")
}

var (
	loggers   registry[LoggerFactory]
	databases registry[DatabaseOpener]
)

// RegisterAuditLogger gives a factory the name by which settings ask for it. It
// returns an error for a name that is empty or taken, as FileAuditLogger and
// DatabaseAuditLogger are, also in general_manager's dotted form, and for a nil
// factory.
func RegisterAuditLogger(name string, factory LoggerFactory) error {
	if class, _ := builtIn(name); class != "" {
		return fmt.Errorf("audit: register logger %q: name is taken", name)
	}
	return loggers.register("logger", name, factory)
}

// RegisterDatabase gives a driver the name by which DATABASES asks for it. The
// packages sqlite and postgres do so when they are imported. It returns an error for
// a name that is empty or taken, and for a nil opener.
func RegisterDatabase(driver string, opener DatabaseOpener) error {
	return databases.register("database driver", driver, opener)
}

// findDriver looks a driver up, by its own name or its other usual one.
func findDriver(name string) (DatabaseOpener, error) {
	if opener, found := databases.lookup(name); found {
		return opener, nil
	}
	switch name {
	case "sqlite3":
		name = "sqlite"
	case "postgresql", "pgx":
		name = "postgres"
	}
	if opener, found := databases.lookup(name); found {
		return opener, nil
	}
	if name == "sqlite" || name == "postgres" {
		return nil, fmt.Errorf("database driver %q is not there: import _ %q", name, "github.com/permaudit/audit/"+name)
	}
	known := databases.names()
	if known == "" {
		return nil, fmt.Errorf("unknown database driver %s, and none is registered: "+
			`import _ "github.com/permaudit/audit/sqlite" or _ "github.com/permaudit/audit/postgres"`, show(name))
	}
	return nil, fmt.Errorf("unknown database driver %s: registered are %s", show(name), known)
}
