package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"

	"github.com/permaudit/audit"
)

// WriteBatch implements audit.Sink: the batch is one transaction. What a constraint
// of the table refuses is an audit.Permanent error.
func (s *Store) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	switch {
	case s.options.ReadOnly:
		return errReadOnly
	case len(batch) == 0:
		return nil
	}
	if err := s.checkPlace(); err != nil {
		return s.failed("write to", err)
	}
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return s.failed("write to", err)
	}
	defer release(conn)
	layout, err := s.ensure(ctx, conn)
	if err != nil {
		return s.failed("write to", err)
	}
	batch = layout.Fit(batch)
	if err := s.inTransaction(ctx, conn, func() error { return s.inserter.insert(ctx, conn, batch) }); err != nil {
		s.keeper.Forget()
		refused := isRefusal(err)
		err = s.failed("write to", err)
		if refused {
			err = audit.Permanent(err)
		}
		return err
	}
	return nil
}

// inTransaction runs f in a transaction that takes the write lock at once and is
// durable when it is committed.
func (s *Store) inTransaction(ctx context.Context, conn *sql.Conn, f func() error) error {
	const full = 2
	synchronous := full
	if !s.full {
		if err := conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
			return err
		}
	}
	// What was begun is ended, whatever becomes of ctx.
	whole := context.WithoutCancel(ctx)
	if synchronous < full { // a connection of the user's own
		if _, err := conn.ExecContext(ctx, "PRAGMA synchronous = FULL"); err != nil {
			return err
		}
		defer func() { _, _ = conn.ExecContext(whole, "PRAGMA synchronous = "+strconv.Itoa(synchronous)) }()
	}
	if _, err := conn.ExecContext(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	err := f()
	if err == nil {
		if _, err = conn.ExecContext(whole, "COMMIT"); err == nil {
			return nil
		}
	}
	if _, failed := conn.ExecContext(whole, "ROLLBACK"); failed != nil && !strings.Contains(failed.Error(), "no transaction is active") {
		_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // it must not be used again
		return errors.Join(err, failed)
	}
	return err
}
