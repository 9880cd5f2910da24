package postgres

import (
	"context"
	"errors"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// An error would mean that somebody else took the name: their opener is used then.
var (
	_ = audit.RegisterDatabase("postgres", openSink)
	_ = query.RegisterSource("postgres", openSource)
	_ = query.RegisterSource("postgresql", openSource)
)

// tableName is the option of a source's URL that names the table.
const tableName = "table_name"

// openSink opens the database of settings.
func openSink(ctx context.Context, config audit.DatabaseConfig) (audit.Sink, error) {
	store, err := Open(ctx, config.DSN, &Options{TableName: config.TableName})
	if err != nil {
		return nil, err // not a nil pointer in an interface
	}
	return store, nil
}

// openSource opens what postgres://...?table_name=name names, for reading. The server
// and the table must be there.
func openSource(ctx context.Context, spec string) (*query.Handle, error) {
	store, err := openSpec(ctx, spec, true)
	if err != nil {
		return nil, err
	}
	return query.NewHandle(store, store.Close), nil
}

// OpenSpec opens for writing what query.Open opens for reading:
// postgres://user@host/database?table_name=name. The server must be there; the table is
// made if it is missing. No error shows a password.
func OpenSpec(ctx context.Context, spec string) (*Store, error) {
	if !isURL(strings.ToLower(spec)) {
		return nil, errors.New("postgres: open: want postgres://user@host/database?table_name=name")
	}
	return openSpec(ctx, spec, false)
}

func openSpec(ctx context.Context, spec string, readOnly bool) (*Store, error) {
	config, err := parseDSN(spec)
	if err != nil {
		return nil, err
	}
	parameters := config.ConnConfig.RuntimeParams
	options := &Options{TableName: parameters[tableName], ReadOnly: readOnly}
	delete(parameters, tableName)
	store, err := open(ctx, config, options)
	if err != nil {
		return nil, err
	}
	if err := store.Ping(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return store, nil
}
