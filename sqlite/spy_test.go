//go:build cgo

package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"strings"
	"sync"
	"testing"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/stretchr/testify/require"
)

// spy is go-sqlite3 that keeps what is executed, and lets a test interfere.
type spy struct {
	dsn string
	// before is called instead of executing, if it returns an error. after returns
	// what becomes of the answer. Both are called concurrently where connections are
	// used so; nil: nothing happens.
	before func(statement string) error
	after  func(statement string, err error) error

	mu         sync.Mutex
	statements []string // in order of their execution
}

// openSpy opens a database in a file through a spy.
func openSpy(tb testing.TB, path, settings string) (*spy, *sql.DB) {
	tb.Helper()
	s := &spy{dsn: "file:" + path + "?" + settings}
	db := sql.OpenDB(s)
	tb.Cleanup(func() { require.NoError(tb, db.Close()) })
	return s, db
}

// executed are the statements that begin with one of the words.
func (s *spy) executed(words ...string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []string
	for _, statement := range s.statements {
		for _, word := range words {
			if strings.HasPrefix(statement, word) {
				found = append(found, statement)
			}
		}
	}
	return found
}

func (s *spy) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.statements = nil
}

// Connect implements driver.Connector.
func (s *spy) Connect(context.Context) (driver.Conn, error) {
	conn, err := s.Driver().Open(s.dsn)
	if err != nil {
		return nil, err
	}
	return &spiedConn{conn.(*sqlite3.SQLiteConn), s}, nil
}

func (*spy) Driver() driver.Driver { return &sqlite3.SQLiteDriver{} }

// run lets a statement be executed.
func (s *spy) run(statement string, execute func() error) error {
	s.mu.Lock()
	s.statements = append(s.statements, statement)
	s.mu.Unlock()
	if s.before != nil {
		if err := s.before(statement); err != nil {
			return err
		}
	}
	err := execute()
	if s.after != nil {
		err = s.after(statement, err)
	}
	return err
}

// spiedConn is a connection. What it does not say itself is go-sqlite3's.
type spiedConn struct {
	*sqlite3.SQLiteConn

	spy *spy
}

func (c *spiedConn) ExecContext(ctx context.Context, statement string, args []driver.NamedValue) (result driver.Result, err error) {
	err = c.spy.run(statement, func() (err error) {
		result, err = c.SQLiteConn.ExecContext(ctx, statement, args)
		return err
	})
	return result, err
}

func (c *spiedConn) QueryContext(ctx context.Context, statement string, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = c.spy.run(statement, func() (err error) {
		rows, err = c.SQLiteConn.QueryContext(ctx, statement, args)
		return err
	})
	return rows, err
}

func (c *spiedConn) PrepareContext(ctx context.Context, statement string) (driver.Stmt, error) {
	prepared, err := c.SQLiteConn.PrepareContext(ctx, statement)
	if err != nil {
		return nil, err
	}
	return &spiedStmt{prepared.(*sqlite3.SQLiteStmt), statement, c.spy}, nil
}

// spiedStmt is a prepared statement.
type spiedStmt struct {
	*sqlite3.SQLiteStmt

	text string
	spy  *spy
}

func (s *spiedStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (result driver.Result, err error) {
	err = s.spy.run(s.text, func() (err error) {
		result, err = s.SQLiteStmt.ExecContext(ctx, args)
		return err
	})
	return result, err
}

func (s *spiedStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (rows driver.Rows, err error) {
	err = s.spy.run(s.text, func() (err error) {
		rows, err = s.SQLiteStmt.QueryContext(ctx, args)
		return err
	})
	return rows, err
}
