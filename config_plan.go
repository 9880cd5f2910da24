package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
)

// The classes that are always there, and the package in which general_manager has
// them.
const (
	fileClass     = "FileAuditLogger"
	databaseClass = "DatabaseAuditLogger"

	originalPackage = "general_manager.permission."
	originalTable   = "general_manager_permissionauditlog"
)

// plan is a checked setting: what is to be built, and when two of them are equal.
type plan struct {
	settings any
	owns     bool     // the loader shuts down what build returns
	files    []string // that build locks, "" is none; nil: nobody knows
	build    func(context.Context) (AuditLogger, error)
}

// open builds the logger. A factory that panics returns an error.
func (p plan) open(ctx context.Context) (logger AuditLogger, err error) {
	err = guard(func() (err error) {
		logger, err = p.build(ctx)
		return err
	})
	return logger, err
}

// contends reports whether what another plan built may hold a file that p needs.
func (p plan) contends(other plan) bool {
	if p.files == nil || other.files == nil {
		return true
	}
	for _, wanted := range p.files {
		for _, held := range other.files {
			a, missingA := os.Stat(wanted)
			b, missingB := os.Stat(held)
			if missingA == nil && missingB == nil && os.SameFile(a, b) {
				return true
			}
		}
	}
	return false
}

// newPlan checks the value of AUDIT_LOGGER. Nothing is opened.
func newPlan(value, databases any) (plan, error) {
	r := resolver{databases: databases}
	p := r.resolve(value)
	if len(r.problems) > 0 {
		return plan{}, &SettingsError{Problems: r.problems}
	}
	p.settings = freezeSettings([]any{value, r.used})
	return p, nil
}

// resolver finds out what a value of AUDIT_LOGGER means, and collects what is wrong
// with it: a plan that it returns counts only if there are no problems.
type resolver struct {
	databases any
	used      any // the entry of databases that was used
	problems  []string
}

func (r *resolver) problem(format string, args ...any) {
	r.problems = append(r.problems, fmt.Sprintf(format, args...))
}

// problemsOf adds what is wrong with the options of a class.
func (r *resolver) problemsOf(class string, options *optionReader) {
	for _, p := range options.problems {
		r.problem("%s: %s", class, p)
	}
}

func off(context.Context) (AuditLogger, error) { return nil, nil } //nolint:nilnil // nil is off

func (r *resolver) resolve(value any) plan {
	if value == nil {
		return plan{build: off}
	}
	if _, ok := value.(AuditLogger); !ok {
		if mapping, ok := asMapping(value); ok {
			return r.mapping(mapping)
		}
	}
	return r.class(value, nil)
}

// mapping resolves a mapping with class and options.
func (r *resolver) mapping(mapping map[string]any) plan {
	keys := &optionReader{values: mapping}
	class, given := keys.value("class"), keys.value("options")
	keys.finish()
	options, ok := asMapping(given)
	if given != nil && !ok {
		keys.problem("options", "must be a mapping or null: got %T", given)
	}
	r.problemsOf(loggerKey, keys)
	switch {
	case class == nil:
		return plan{build: off}
	case given != nil && !ok:
		return plan{} // whatever else is wrong would be a consequence of it
	}
	return r.class(class, options)
}

// class resolves a name, a URL, an instance or a func.
func (r *resolver) class(class any, options map[string]any) plan {
	if isNil(class) {
		r.problem("%s is a nil %T: use null to turn logging off", loggerKey, class)
		return plan{}
	}
	switch class := class.(type) {
	case string:
		return r.name(class, options)
	case AuditLogger:
		r.noOptions(class, options)
		return plan{build: func(context.Context) (AuditLogger, error) { return class, nil }}
	case func(context.Context, PermissionAuditEvent) error:
		return r.class(AuditLoggerFunc(class), options)
	case LoggerFactory:
		return fromFactory(class, options)
	case func(context.Context, map[string]any) (AuditLogger, error):
		return fromFactory(class, options)
	}
	return r.fromFunc(class, options)
}

func (r *resolver) noOptions(class any, options map[string]any) {
	if len(options) > 0 {
		r.problem("%s: a %T takes no options: got %d; a LoggerFactory does", loggerKey, class, len(options))
	}
}

func fromFactory(factory LoggerFactory, options map[string]any) plan {
	if options == nil {
		options = map[string]any{}
	}
	frozen := freezeSettings(options)
	return plan{owns: true, build: func(ctx context.Context) (AuditLogger, error) {
		return built(factory(ctx, freezeSettings(frozen))) // which it may change
	}}
}

// fromFunc accepts a func without arguments that returns an AuditLogger of whatever
// type, and perhaps an error.
func (r *resolver) fromFunc(class any, options map[string]any) plan {
	f := reflect.ValueOf(class)
	loggerType, errorType := reflect.TypeFor[AuditLogger](), reflect.TypeFor[error]()
	t := f.Type()
	if t.Kind() != reflect.Func || t.NumIn() > 0 || t.NumOut() < 1 || t.NumOut() > 2 ||
		!t.Out(0).Implements(loggerType) || t.NumOut() == 2 && t.Out(1) != errorType {
		r.problem("%s must be null, a name, a URL, a mapping with class and options, an AuditLogger, "+
			"or a func() that returns one, with or without an error: got %T", loggerKey, class)
		return plan{}
	}
	r.noOptions(class, options)
	return plan{owns: true, build: func(context.Context) (AuditLogger, error) {
		results := f.Call(nil)
		var err error
		if len(results) == 2 {
			err, _ = results[1].Interface().(error)
		}
		logger, _ := results[0].Interface().(AuditLogger)
		return built(logger, err)
	}}
}

// built refuses a nil logger: it would mean that logging is off.
func built(logger AuditLogger, err error) (AuditLogger, error) {
	if err == nil && isNil(logger) {
		err = errors.New("the factory returned no logger: use null to turn logging off")
	}
	return logger, err
}

// builtIn finds one of our classes by its name, or by the one that general_manager
// uses.
func builtIn(name string) (class string, original bool) {
	class, original = strings.CutPrefix(name, originalPackage)
	class = strings.TrimPrefix(class, "audit.")
	if class != fileClass && class != databaseClass || !original && class != name {
		return "", false
	}
	return class, original
}

// name resolves one of our names, a registered one, or a URL.
func (r *resolver) name(name string, options map[string]any) plan {
	class, original := builtIn(name)
	switch class {
	case fileClass:
		return r.file(options)
	case databaseClass:
		return r.databaseClass(options, original)
	}
	if factory, found := loggers.lookup(name); found {
		return fromFactory(factory, options)
	}
	if scheme, rest, ok := strings.Cut(name, ":"); ok {
		if len(options) > 0 {
			r.problem("%s: a URL takes its options as its query: got a mapping of %d", loggerKey, len(options))
			return plan{}
		}
		return r.url(strings.ToLower(scheme), rest)
	}
	accepted := fileClass + ", " + databaseClass
	if registered := loggers.names(); registered != "" {
		accepted += ", " + registered
	}
	r.problem("%s: unknown logger %s: accepted are %s, and URLs that begin with file:, sqlite: or postgres:, such as file:permission.log; null turns logging off",
		loggerKey, show(name), accepted)
	return plan{}
}

// file resolves a FileAuditLogger by its options.
func (r *resolver) file(options map[string]any) plan {
	reader := &optionReader{values: options}
	path := ""
	reader.string("path", &path)
	if value := options["path"]; value == nil || value == "" {
		reader.problem("path", "is required: the file to log to")
	}
	return r.filePlan(reader, path)
}

// filePlan resolves a FileAuditLogger by its path and its other options.
func (r *resolver) filePlan(reader *optionReader, path string) plan {
	if strings.Contains(path, "://") {
		reader.problem("path", "must be a path: got a URL, which takes the place of the class")
	}
	options := readFileOptions(reader)
	r.problemsOf(fileClass, reader)
	return plan{owns: true, files: []string{path}, build: func(context.Context) (AuditLogger, error) {
		logger, err := NewFileAuditLogger(path, &options) //nolint:contextcheck // it outlives the context of the load
		if err != nil {
			return nil, err // not a nil pointer in an interface
		}
		return logger, nil
	}}
}

// databaseClass resolves a table of one of DATABASES.
func (r *resolver) databaseClass(options map[string]any, original bool) plan {
	reader := &optionReader{values: options}
	alias, table := "default", ""
	reader.string("using", &alias)
	reader.string("table_name", &table)
	if table == "" && original {
		table = originalTable
	}
	read := readDatabaseOptions(reader)
	r.problemsOf(databaseClass, reader)
	driver, dsn := r.database(alias)
	return r.databasePlan(driver, DatabaseConfig{dsn, table}, read)
}

func (r *resolver) databasePlan(driver string, config DatabaseConfig, options DatabaseOptions) plan {
	if driver == "" {
		return plan{} // it is a problem already
	}
	open, err := findDriver(driver)
	if err != nil {
		r.problem("%s: %v", databaseClass, err)
		return plan{}
	}
	files := []string{options.SpoolPath, options.deadLetters()}
	return plan{owns: true, files: files, build: func(ctx context.Context) (AuditLogger, error) {
		store, err := open(ctx, config)
		if err != nil {
			return nil, err
		}
		if isNil(store) {
			return nil, errors.New("the database driver returned no store")
		}
		logger, err := NewDatabaseAuditLogger(store, &options) //nolint:contextcheck // see above
		if err != nil {
			return nil, join(err, store.Close())
		}
		return logger, nil
	}}
}
