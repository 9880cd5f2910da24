package sqlite

import (
	"context"
	"errors"
	"time"
)

// This file stands in for what the stores bring: see there.

// OpenSpec opens for writing what sqlite:path?table_name=name names.
func OpenSpec(ctx context.Context, spec string) (*Store, error) {
	path, options, err := parseSpec(spec)
	if err != nil {
		return nil, err
	}
	options.ReadOnly = false
	return Open(ctx, path, options)
}

// DeleteBefore deletes the events before t, and returns how many.
func (s *Store) DeleteBefore(ctx context.Context, t time.Time) (int64, error) {
	if s.options.ReadOnly {
		return 0, errors.New("sqlite: delete: the store is read-only")
	}
	//nolint:gosec // G202: the name is checked and quoted
	statement := "DELETE FROM " + s.reader.Table.SQL() + " WHERE created_at < ?1"
	result, err := s.writes.ExecContext(ctx, statement, dialect{}.Time(t))
	if err != nil {
		return 0, s.failed("delete from", err)
	}
	return result.RowsAffected()
}
