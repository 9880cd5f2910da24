package postgres

import (
	"context"
	"errors"
	"time"
)

// This file stands in for what the stores bring: see there.

// OpenSpec opens for writing what postgres://...?table_name=name names.
func OpenSpec(ctx context.Context, spec string) (*Store, error) {
	config, err := parseDSN(spec)
	if err != nil {
		return nil, err
	}
	parameters := config.ConnConfig.RuntimeParams
	options := &Options{TableName: parameters[tableName]}
	delete(parameters, tableName)
	return open(ctx, config, options)
}

// DeleteBefore deletes the events before t, and returns how many.
func (s *Store) DeleteBefore(ctx context.Context, t time.Time) (int64, error) {
	if s.options.ReadOnly {
		return 0, errors.New("postgres: delete: the store is read-only")
	}
	defer s.using()()
	tag, err := s.pool.Exec(ctx, "DELETE FROM "+s.reader.Table.SQL()+" WHERE created_at < $1", t)
	return tag.RowsAffected(), s.failed("delete from", err)
}
