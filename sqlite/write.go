package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"strconv"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// Rows of one statement: so many, for as long as there are as many left.
var rowsPerStatement = []int{100, 10, 1}

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
	if err := inTransaction(ctx, conn, func() error { return s.insert(ctx, conn, batch) }); err != nil {
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

// insert inserts the rows that are not there yet.
func (s *Store) insert(ctx context.Context, conn *sql.Conn, batch []audit.Entry) error {
	for _, rows := range rowsPerStatement {
		if len(batch) < rows {
			continue
		}
		statement, err := conn.PrepareContext(ctx, insertSQL(s.reader.Table, rows))
		if err != nil {
			return err
		}
		for err == nil && len(batch) >= rows {
			s.args = s.args[:0]
			for i := range batch[:rows] {
				s.args = appendRow(s.args, &batch[i])
			}
			_, err = statement.ExecContext(ctx, s.args...)
			batch = batch[rows:]
		}
		clear(s.args)
		if err := errors.Join(err, statement.Close()); err != nil {
			return err
		}
	}
	return nil
}

func insertSQL(name table.Name, rows int) string {
	row := "(?" + strings.Repeat(", ?", len(table.Written)-1) + ")"
	return "INSERT INTO " + name.SQL() + " (" + strings.Join(table.Written, ", ") + ") VALUES " +
		row + strings.Repeat(", "+row, rows-1) + " ON CONFLICT (event_id) DO NOTHING"
}

// appendRow appends the values of an entry, in the order of table.Written.
func appendRow(args []any, e *audit.Entry) []any {
	return append(args,
		eventID(e.ID), timeText(e.Timestamp), string(e.Action), list(e.Attributes), e.Granted, e.Bypassed,
		text(e.Manager), text(e.UserID), text(e.User), list(e.Permissions), text(e.Metadata), text(e.Sanitized))
}

// eventID is null where there is none: two events without one are not the same.
func eventID(id audit.EventID) any {
	if id.IsZero() {
		return nil
	}
	return id.String()
}

// text is null where there is none.
func text[T string | []byte](t T) any {
	if len(t) == 0 {
		return nil
	}
	return string(t)
}

func list(json []byte) any {
	if len(json) == 0 {
		return "[]"
	}
	return string(json)
}

// inTransaction runs f in a transaction that takes the write lock at once and is
// durable when it is committed.
func inTransaction(ctx context.Context, conn *sql.Conn, f func() error) error {
	const full = 2
	var synchronous int
	if err := conn.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&synchronous); err != nil {
		return err
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
