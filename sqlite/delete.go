package sqlite

import (
	"context"
	"errors"
	"time"
)

// DeleteBefore deletes the rows from before t, gaps too, and returns how many, also
// beside an error: what is deleted stays deleted. It deletes some thousand rows in a
// transaction, between which others write. Rows whose created_at is not written as ours
// and Django's is (with an offset, say, which SQLite does not compare) are kept. The file
// does not shrink; SQLite uses the room again.
func (s *Store) DeleteBefore(ctx context.Context, t time.Time) (int64, error) {
	const op = "delete from"
	if s.options.ReadOnly {
		return 0, s.failed(op, errors.New("the store is read-only"))
	}
	if err := s.checkPlace(); err != nil {
		return 0, s.failed(op, err)
	}
	const (
		d2    = "[0-9][0-9]"
		whole = d2 + d2 + "-" + d2 + "-" + d2 + " " + d2 + ":" + d2 + ":" + d2
		sound = "(created_at GLOB '" + whole + "." + d2 + d2 + d2 + "' OR created_at GLOB '" + whole + "')"
	)
	deleted, err := s.reader.DeleteBefore(ctx, t, sound, func(statement string, args []any) (n int64, err error) {
		for range pings { // each waits for whom else has the lock
			if n, err = s.executeAlone(ctx, statement, args); !isBusy(err) {
				break
			}
		}
		return n, err
	})
	return deleted, s.failed(op, err)
}

// executeAlone executes a statement as a transaction.
func (s *Store) executeAlone(ctx context.Context, statement string, args []any) (rows int64, err error) {
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer release(conn)
	err = s.inTransaction(ctx, conn, func() error {
		result, err := conn.ExecContext(ctx, statement, args...)
		if err == nil {
			rows, err = result.RowsAffected()
		}
		return err
	})
	if err != nil {
		rows = 0
	}
	return rows, err
}
