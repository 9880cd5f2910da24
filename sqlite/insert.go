package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// Rows of one statement: so many, for as long as there are as many left.
const (
	mostRows = 512
	manyRows = 64
	someRows = 8
)

var rowsPerStatement = [...]int{mostRows, manyRows, someRows, 1}

// inserter inserts rows through the driver itself: database/sql would look at every
// value of every row. It is never used concurrently.
type inserter struct {
	sql  [len(rowsPerStatement)]string // of as many rows
	args [2]arguments                  // of the statement that is executed, and of the next one
}

func newInserter(name table.Name) *inserter {
	in := &inserter{}
	for i, rows := range rowsPerStatement {
		in.sql[i] = insertSQL(name, rows)
	}
	return in
}

func insertSQL(name table.Name, rows int) string {
	row := "(?" + strings.Repeat(", ?", len(table.Written)-1) + ")"
	return "INSERT INTO " + name.SQL() + " (" + strings.Join(table.Written, ", ") + ") VALUES " +
		row + strings.Repeat(", "+row, rows-1) + " ON CONFLICT (event_id) DO NOTHING"
}

// insert inserts the rows that are not there yet. Between two statements it heeds ctx.
func (in *inserter) insert(ctx context.Context, conn *sql.Conn, batch []audit.Entry) error {
	defer func() {
		in.args[0].forget()
		in.args[1].forget()
	}()
	return conn.Raw(func(driverConn any) error {
		for i, rows := range rowsPerStatement {
			whole := len(batch) / rows * rows
			if whole == 0 {
				continue
			}
			statement, err := prepare(ctx, driverConn, in.sql[i])
			if err != nil {
				return err
			}
			err = in.run(ctx, statement, rows, batch[:whole])
			if err := errors.Join(err, statement.Close()); err != nil {
				return err
			}
			batch = batch[whole:]
		}
		return nil
	})
}

// run executes a statement of so many rows, as often as it takes. Meanwhile the arguments
// of the next one are made, by another goroutine, which ends before run does.
func (in *inserter) run(ctx context.Context, statement statement, rows int, batch []audit.Entry) error {
	whole := context.WithoutCancel(ctx) // with one that can end go-sqlite3 would do more for each
	ready := make(chan []driver.NamedValue, 1)
	ready <- in.args[0].of(batch[:rows])
	made := 1 // arguments that were begun and not taken
	defer func() {
		if made > 0 { // after an error or a panic
			<-ready
		}
	}()
	for i := 1; len(batch) > 0; i++ {
		args := <-ready
		made--
		if err := ctx.Err(); err != nil {
			return err
		}
		if batch = batch[rows:]; len(batch) > 0 {
			following, next := &in.args[i%2], batch[:rows]
			made++
			go func() { ready <- following.of(next) }()
		}
		if err := step(whole, statement, args); err != nil {
			return err
		}
	}
	return nil
}

// statement is what go-sqlite3 prepares.
type statement interface {
	driver.Stmt
	driver.StmtQueryContext
}

func prepare(ctx context.Context, driverConn any, sql string) (statement, error) {
	conn, ok := driverConn.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("%T is no connection of go-sqlite3: it has no PrepareContext", driverConn)
	}
	prepared, err := conn.PrepareContext(ctx, sql)
	if err != nil {
		return nil, err
	}
	if s, ok := prepared.(statement); ok {
		return s, nil
	}
	return nil, errors.Join(fmt.Errorf("%T is no statement of go-sqlite3: it has no QueryContext", prepared), prepared.Close())
}

// step executes a statement, as a query: go-sqlite3 then passes all arguments to SQLite
// in one call, instead of one after the other.
func step(ctx context.Context, statement statement, args []driver.NamedValue) error {
	rows, err := statement.QueryContext(ctx, args)
	if err != nil {
		return err
	}
	if err = rows.Next(nil); errors.Is(err, io.EOF) {
		err = nil
	}
	return errors.Join(err, rows.Close())
}
