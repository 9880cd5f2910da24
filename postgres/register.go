package postgres

import (
	"context"
	"errors"

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
	config, err := parseDSN(spec)
	if err != nil {
		return nil, err
	}
	parameters := config.ConnConfig.RuntimeParams
	options := &Options{TableName: parameters[tableName], ReadOnly: true}
	delete(parameters, tableName)
	store, err := open(ctx, config, options)
	if err != nil {
		return nil, err
	}
	if err := store.Ping(ctx); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return query.NewHandle(store, store.Close), nil
}
