package table

import (
	"context"
	"iter"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Reader reads the events of a table. No statement is open while its caller looks
// at an event.
type Reader struct {
	Dialect Dialect
	Table   Name
	Place   string // the database and the table, for errors

	// Must is set if a table that is not there is an error; otherwise it reads as
	// one without rows.
	Must bool
	// Layout looks at the table.
	Layout func(ctx context.Context) (Layout, error)
	// Query runs a statement, and calls row for each row until that returns false.
	Query func(ctx context.Context, sql string, args []any, row func(Scan) (more bool, err error)) error
	// Parts counts the events of a statement: each is called for each Part, whose
	// memory is used again. It returns ErrUnsure if a row may be damaged, and
	// ErrSampled if there is a sample rate and nobody asked for it.
	Parts func(ctx context.Context, p Parts, each func(*Part) error) error
	// RowDialect is Dialect for Rows: damage may end the statement there. Rows returns
	// ErrUnsure then.
	RowDialect Dialect
	// Rows hands out the rows of statements, several at once if it can: newEach returns
	// what one goroutine does with a row of a statement, whose memory is used again, and
	// is not called concurrently. It returns ErrUnsure like Parts, and ErrSampled if there
	// is a sample rate that it was not asked for and has not read.
	Rows func(ctx context.Context, statements []Parts, newEach func() func(statement int, row *Part) error) error
	// CreatedSQL is created_at as it is read. Created returns what it is scanned to,
	// and the moment that this means then.
	CreatedSQL string
	Created    func() (into any, moment func() (time.Time, error))
	// Interval is how often Follow looks for new rows. Late is how long after a row
	// another one with a lower id may appear.
	Interval, Late time.Duration
	// Passing reports whether what caused an error will pass, so that Follow asks again;
	// nil: nothing will.
	Passing func(err error) bool
	// Failed says in an error where it happened.
	Failed func(op string, err error) error
}

// Scan scans the columns of a row.
type Scan func(into ...any) error

// Events implements query.Source.
func (r *Reader) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		if err := r.read(ctx, f, yield); err != nil {
			if ctx.Err() != nil {
				err = context.Cause(ctx)
			} else {
				err = r.Failed("read", err)
			}
			yield(audit.PermissionAuditEvent{}, err)
		}
	}
}

// Check returns an error unless the table is there, and one of events.
func (r *Reader) Check(ctx context.Context) error {
	layout, err := r.Layout(ctx)
	if err != nil {
		return err
	}
	return layout.Check(r.Table)
}

// read yields the events. An error of its own is still to be yielded.
func (r *Reader) read(ctx context.Context, f query.Filter, yield func(audit.PermissionAuditEvent, error) bool) error {
	layout, there, err := r.Look(ctx)
	if err != nil || !there {
		return err
	}
	last, found, err := r.last(ctx)
	if err != nil || !found {
		return err
	}
	return r.newSelection(f, layout, last).each(ctx, f, yield)
}

// Look looks at the table. It is there, unless it need not be.
func (r *Reader) Look(ctx context.Context) (layout Layout, there bool, err error) {
	layout, err = r.Layout(ctx)
	switch {
	case err != nil:
		return layout, false, err
	case len(layout.Columns) == 0 && !r.Must:
		return layout, false, ctx.Err()
	}
	return layout, true, layout.Check(r.Table)
}

// last returns the greatest id: what arrives later belongs to the next reading.
func (r *Reader) last(ctx context.Context) (id int64, found bool, err error) {
	sql := "SELECT id FROM " + r.Table.SQL() + " ORDER BY id DESC LIMIT 1"
	err = r.Query(ctx, sql, nil, func(scan Scan) (bool, error) {
		found = true
		return false, scan(&id)
	})
	return id, found, err
}
