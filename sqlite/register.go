package sqlite

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// name is that of the driver in settings, and of the scheme of sources.
const name = "sqlite"

// An error would mean that somebody else took the name: their opener is used then.
var (
	_ = audit.RegisterDatabase(name, openSink)
	_ = query.RegisterSource(name, openSource)
)

// openSink opens the database of settings.
func openSink(ctx context.Context, config audit.DatabaseConfig) (audit.Sink, error) {
	store, err := Open(ctx, config.DSN, &Options{TableName: config.TableName})
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return store, nil
}

// openSource opens what sqlite:path?table_name=name names, for reading. The table
// must be there.
func openSource(ctx context.Context, spec string) (*query.Handle, error) {
	store, err := openSpec(ctx, spec, true)
	if err != nil {
		return nil, err
	}
	return query.NewHandle(store, store.Close), nil
}

// OpenSpec opens for writing what query.Open opens for reading:
// sqlite:path?table_name=name, or sqlite:///absolute/path, with % escapes. The file and
// the table are made if they are missing.
func OpenSpec(ctx context.Context, spec string) (*Store, error) {
	if scheme, _, found := strings.Cut(spec, ":"); !found || !strings.EqualFold(scheme, name) {
		return nil, errors.New("sqlite: open: want sqlite:path?table_name=name")
	}
	return openSpec(ctx, spec, false)
}

func openSpec(ctx context.Context, spec string, readOnly bool) (*Store, error) {
	path, options, err := parseSpec(spec)
	if err != nil {
		return nil, fmt.Errorf("sqlite: open: %w", err)
	}
	options.ReadOnly = readOnly
	store, err := Open(ctx, path, options)
	if err != nil {
		return nil, err
	}
	if err := store.Ping(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}

// parseSpec reads sqlite:path or sqlite:///path, with % escapes and a query.
func parseSpec(spec string) (path string, options *Options, err error) {
	_, rest, _ := strings.Cut(spec, ":")
	escaped, query, _ := strings.Cut(rest, "?")
	if place, found := strings.CutPrefix(escaped, "//"); found && place != "" && place[0] != '/' {
		return "", nil, errors.New("it names a host: write sqlite:///path, or sqlite:path for a relative one")
	}
	path, err = url.PathUnescape(strings.TrimPrefix(escaped, "//"))
	if err != nil {
		return "", nil, fmt.Errorf("its path is malformed: %w", err)
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", nil, fmt.Errorf("its options are malformed: %w", err)
	}
	for key, given := range values {
		if key != "table_name" || len(given) > 1 {
			return "", nil, fmt.Errorf("option %q is unknown or repeated: accepted is table_name (write %%3F for ? in a path)", key)
		}
	}
	return path, &Options{TableName: values.Get("table_name")}, nil
}
