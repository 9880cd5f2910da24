package postgres

import (
	"context"
	"errors"
	"time"
)

// DeleteBefore deletes the rows from before t, gaps too, and returns how many, also
// beside an error: what is deleted stays deleted. It deletes some thousand rows in a
// transaction, and locks nobody out. Rows of an infinite time are kept. The role needs
// SELECT and DELETE.
func (s *Store) DeleteBefore(ctx context.Context, t time.Time) (int64, error) {
	const op = "delete from"
	defer s.using()()
	if s.options.ReadOnly {
		return 0, s.failed(op, errors.New("the store is read-only"))
	}
	deleted, err := s.reader.DeleteBefore(ctx, t, "isfinite(created_at)", func(sql string, args []any) (int64, error) {
		tag, err := s.pool.Exec(ctx, sql, args...)
		return tag.RowsAffected(), err
	})
	return deleted, s.failed(op, err)
}
