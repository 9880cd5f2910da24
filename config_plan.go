package audit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
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
	owns     bool // the loader shuts down what build returns
	build    func(context.Context) (AuditLogger, error)
}

// newPlan checks the value of AUDIT_LOGGER. Nothing is opened.
func newPlan(value, databases any) (plan, error) {
	r := resolver{databases: databases}
	p, err := r.resolve(value)
	p.settings = freezeSettings([]any{value, r.used})
	return p, err
}

// freezeSettings copies maps and lists, which the caller may change later.
func freezeSettings(v any) any {
	if mapping, ok := asMapping(v); ok {
		frozen := make(map[string]any, len(mapping))
		for key, value := range mapping {
			frozen[key] = freezeSettings(value)
		}
		return frozen
	}
	if list, ok := v.([]any); ok {
		frozen := make([]any, len(list))
		for i, element := range list {
			frozen[i] = freezeSettings(element)
		}
		return frozen
	}
	return v
}

// resolver finds out what a value of AUDIT_LOGGER means.
type resolver struct {
	databases any
	used      any // the entry of databases that was used
}

func off(context.Context) (AuditLogger, error) { return nil, nil } //nolint:nilnil // nil is off

func (r *resolver) resolve(value any) (plan, error) {
	if value == nil {
		return plan{build: off}, nil
	}
	if mapping, ok := asMapping(value); ok {
		return r.mapping(mapping)
	}
	return r.class(value, nil)
}

// mapping resolves a mapping with class and options.
func (r *resolver) mapping(mapping map[string]any) (plan, error) {
	keys := optionReader{values: mapping}
	class, optionsValue := keys.value("class"), keys.value("options")
	keys.finish()
	options, ok := asMapping(optionsValue)
	if !ok && optionsValue != nil {
		keys.problem("options", "must be a mapping or null: got %s", describe(optionsValue))
	}
	if len(keys.problems) > 0 {
		return plan{}, &SettingsError{Problems: prefixed(loggerKey, keys.problems)}
	}
	if class == nil {
		return plan{build: off}, nil
	}
	if options == nil {
		options = map[string]any{}
	}
	return r.class(class, options)
}

// class resolves a name, a URL, an instance or a func.
func (r *resolver) class(class any, options map[string]any) (plan, error) {
	if isNil(class) {
		return plan{}, problem("%s is a nil %T: use null to turn logging off", loggerKey, class)
	}
	switch class := class.(type) {
	case string:
		return r.name(class, options)
	case AuditLogger:
		if len(options) > 0 {
			return plan{}, problem("%s: an instance takes no options: got %d", loggerKey, len(options))
		}
		return plan{build: func(context.Context) (AuditLogger, error) { return class, nil }}, nil
	case func(context.Context, PermissionAuditEvent) error:
		return r.class(AuditLoggerFunc(class), options)
	case LoggerFactory:
		return fromFactory(class, options), nil
	case func(context.Context, map[string]any) (AuditLogger, error):
		return fromFactory(class, options), nil
	}
	return fromFunc(class, options)
}

func fromFactory(factory LoggerFactory, options map[string]any) plan {
	return plan{owns: true, build: func(ctx context.Context) (AuditLogger, error) {
		own, _ := freezeSettings(options).(map[string]any)
		if own == nil {
			own = map[string]any{}
		}
		return built(factory(ctx, own))
	}}
}

// fromFunc accepts a func without arguments that returns an AuditLogger of whatever
// type, and perhaps an error.
func fromFunc(class any, options map[string]any) (plan, error) {
	f := reflect.ValueOf(class)
	loggerType, errorType := reflect.TypeFor[AuditLogger](), reflect.TypeFor[error]()
	t := f.Type()
	if t.Kind() != reflect.Func || t.NumIn() > 0 || t.NumOut() < 1 || t.NumOut() > 2 ||
		!t.Out(0).Implements(loggerType) || t.NumOut() == 2 && t.Out(1) != errorType {
		return plan{}, problem("%s must be null, a name, a URL, a mapping with class and options, an AuditLogger, "+
			"or a func() that returns one, with or without an error: got %T", loggerKey, class)
	}
	if len(options) > 0 {
		return plan{}, problem("%s: %T takes no options: got %d; use a LoggerFactory", loggerKey, class, len(options))
	}
	return plan{owns: true, build: func(context.Context) (AuditLogger, error) {
		results := f.Call(nil)
		var err error
		if len(results) == 2 {
			err, _ = results[1].Interface().(error)
		}
		logger, _ := results[0].Interface().(AuditLogger)
		return built(logger, err)
	}}, nil
}

// built refuses a nil logger: it would mean that logging is off.
func built(logger AuditLogger, err error) (AuditLogger, error) {
	if err == nil && isNil(logger) {
		err = errors.New("the factory returned no logger: use null to turn logging off")
	}
	return logger, err
}

// name resolves a registered name, one of general_manager's, or a URL.
func (r *resolver) name(name string, options map[string]any) (plan, error) {
	if factory, found := loggers.lookup(name); found {
		return fromFactory(factory, options), nil
	}
	short := name
	if strings.HasPrefix(name, originalPackage) {
		short = name[strings.LastIndexByte(name, '.')+1:]
	}
	switch short {
	case fileClass:
		return filePlan(&optionReader{values: options})
	case databaseClass:
		table := ""
		if short != name {
			table = originalTable
		}
		return r.databasePlan(&optionReader{values: options}, table)
	}
	if scheme, rest, ok := strings.Cut(name, ":"); ok && scheme != "" && options == nil {
		return urlPlan(name, scheme, rest)
	}
	accepted := fileClass + ", " + databaseClass
	if registered := loggers.names(); registered != "" {
		accepted += ", " + registered
	}
	shown := " "
	if !strings.ContainsAny(name, ":@/") { // it may be a broken URL, with a password
		shown = fmt.Sprintf(" %q ", shorten(name))
	}
	return plan{}, problem("%s: unknown logger%sin the settings: accepted are %s, and URLs that begin with file:, sqlite: or postgres:",
		loggerKey, shown, accepted)
}

func filePlan(r *optionReader) (plan, error) {
	path, options := readFileOptions(r)
	if len(r.problems) > 0 {
		return plan{}, &SettingsError{Problems: prefixed(fileClass, r.problems)}
	}
	return plan{owns: true, build: func(context.Context) (AuditLogger, error) {
		return nilOnError(NewFileAuditLogger(path, &options))
	}}, nil
}

// nilOnError keeps a nil pointer from becoming an interface that is not nil.
func nilOnError[T AuditLogger](logger T, err error) (AuditLogger, error) {
	if err != nil {
		return nil, err
	}
	return logger, nil
}

// databasePlan resolves a table of one of DATABASES.
func (r *resolver) databasePlan(reader *optionReader, table string) (plan, error) {
	alias := "default"
	reader.string("using", &alias)
	reader.string("table_name", &table)
	options := readDatabaseOptions(reader)
	problems := prefixed(databaseClass, reader.problems)
	driver, dsn, err := r.database(alias)
	if err != nil {
		problems = append(problems, err.Error())
	}
	if len(problems) > 0 {
		return plan{}, &SettingsError{Problems: problems}
	}
	return databasePlan(driver, DatabaseConfig{dsn, table}, options), nil
}

func databasePlan(driver string, config DatabaseConfig, options DatabaseOptions) plan {
	return plan{owns: true, build: func(ctx context.Context) (AuditLogger, error) {
		store, err := openDatabase(ctx, driver, config)
		if err != nil {
			return nil, err
		}
		logger, err := NewDatabaseAuditLogger(store, &options)
		if err != nil {
			return nil, join(err, store.Close())
		}
		return logger, nil
	}}
}

// urlPlan resolves a URL whose query holds the options.
func urlPlan(text, scheme, rest string) (plan, error) {
	rest, query, _ := strings.Cut(rest, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return plan{}, problem("%s: the query of the %s URL is malformed", loggerKey, shorten(scheme)) // err quotes it
	}
	reader := &optionReader{text: true, values: map[string]any{}}
	for key, value := range values {
		reader.values[key] = value[len(value)-1]
	}
	switch scheme {
	case "file":
		return fileURLPlan(reader, rest)
	case "sqlite", "sqlite3":
		return databaseURLPlan("sqlite", reader, strings.TrimPrefix(rest, "//"), nil)
	case "postgres", "postgresql":
		return databaseURLPlan("postgres", reader, text, values)
	}
	return plan{}, problem("%s: unknown scheme %q: accepted are file, sqlite and postgres", loggerKey, shorten(scheme))
}

func fileURLPlan(reader *optionReader, path string) (plan, error) {
	if after, found := strings.CutPrefix(path, "//"); found {
		if !strings.HasPrefix(after, "/") {
			return plan{}, problem("%s: %q names a host: write file:///path, or file:path for a relative one", loggerKey, shorten("file:"+path))
		}
		path = after
	}
	path, err := url.PathUnescape(path)
	if err != nil {
		return plan{}, problem("%s: the path of the file URL is malformed: %v", loggerKey, err)
	}
	reader.values["path"] = path
	return filePlan(reader)
}

// databaseURLPlan takes our options out of the query; those of a postgres URL that
// are not ours are the driver's.
func databaseURLPlan(driver string, reader *optionReader, dsn string, driverQuery url.Values) (plan, error) {
	table := ""
	reader.string("table_name", &table)
	if driverQuery != nil {
		known := optionReader{}
		known.value("table_name")
		readDatabaseOptions(&known)
		for _, key := range known.known {
			driverQuery.Del(key)
		}
		for key := range driverQuery {
			delete(reader.values, key)
		}
		dsn, _, _ = strings.Cut(dsn, "?")
		if len(driverQuery) > 0 {
			dsn += "?" + driverQuery.Encode()
		}
	}
	options := readDatabaseOptions(reader)
	if len(reader.problems) > 0 {
		return plan{}, &SettingsError{Problems: prefixed(databaseClass, reader.problems)}
	}
	return databasePlan(driver, DatabaseConfig{dsn, table}, options), nil
}

func problem(format string, args ...any) error {
	return &SettingsError{Problems: []string{fmt.Sprintf(format, args...)}}
}

func prefixed(prefix string, problems []string) []string {
	for i, p := range problems {
		problems[i] = prefix + ": " + p
	}
	return problems
}
