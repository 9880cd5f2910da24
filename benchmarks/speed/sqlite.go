package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	sqlite3 "github.com/mattn/go-sqlite3"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/sqlite"
)

// rowsPerStatement is what is fastest, of the powers of two.
const rowsPerStatement = 128

// rawSQLite is go-sqlite3 that is given rows in its own words, with the settings, the
// schema and the indexes of the store.
type rawSQLite struct {
	db        *sql.DB
	conn      *sql.Conn
	statement *sqlite3.SQLiteStmt
	driver    *sqlite3.SQLiteConn
}

func openRawSQLite(path string) (*rawSQLite, error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?_journal_mode=WAL&_synchronous=FULL&_busy_timeout=1000&_cache_size=-16384")
	if err != nil {
		return nil, err
	}
	r := &rawSQLite{db: db}
	if err := r.prepare(context.Background()); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *rawSQLite) prepare(ctx context.Context) (err error) {
	if r.conn, err = r.db.Conn(ctx); err != nil {
		return err
	}
	schema, err := sqlite.Schema(tableName)
	if err != nil {
		return err
	}
	if _, err := r.conn.ExecContext(ctx, schema); err != nil {
		return err
	}
	return r.conn.Raw(func(conn any) error {
		r.driver = conn.(*sqlite3.SQLiteConn)
		one := "(?" + strings.Repeat(", ?", len(columns)-1) + ")"
		statement, err := r.driver.Prepare("INSERT INTO " + tableName + " (" + strings.Join(columns, ", ") + ") VALUES " +
			one + strings.Repeat(", "+one, rowsPerStatement-1))
		if err != nil {
			return err
		}
		r.statement = statement.(*sqlite3.SQLiteStmt)
		return nil
	})
}

// rows are the arguments of so many statements.
func (r *rawSQLite) rows(d *decision, statements int) ([][]driver.NamedValue, error) {
	all := make([][]driver.NamedValue, statements)
	for i := range all {
		args := make([]driver.NamedValue, 0, rowsPerStatement*len(columns))
		for range rowsPerStatement {
			values, err := row(d, func(e *audit.Entry) (id, created any) {
				return e.ID.String(), e.Timestamp.Format("2006-01-02 15:04:05.000000")
			})
			if err != nil {
				return nil, err
			}
			for _, value := range values {
				args = append(args, driver.NamedValue{Ordinal: len(args) + 1, Value: value})
			}
		}
		all[i] = args
	}
	return all, nil
}

// insert writes the rows in transactions. A statement is run as a query: go-sqlite3 then
// binds all its arguments in one call of C, which is a good deal faster.
func (r *rawSQLite) insert(all [][]driver.NamedValue) error {
	const statements = transaction / rowsPerStatement
	ctx := context.Background()
	for len(all) > 0 {
		batch := all[:min(statements, len(all))]
		all = all[len(batch):]
		if _, err := r.driver.ExecContext(ctx, "BEGIN IMMEDIATE", nil); err != nil {
			return err
		}
		for _, args := range batch {
			if err := r.run(ctx, args); err != nil {
				return err
			}
		}
		if _, err := r.driver.ExecContext(ctx, "COMMIT", nil); err != nil {
			return err
		}
	}
	return nil
}

func (r *rawSQLite) run(ctx context.Context, args []driver.NamedValue) error {
	rows, err := r.statement.QueryContext(ctx, args)
	if err != nil {
		return err
	}
	return rows.Close()
}

func (r *rawSQLite) count() (n int, err error) {
	return n, r.conn.QueryRowContext(context.Background(), "SELECT count(*) FROM "+tableName).Scan(&n)
}

func (r *rawSQLite) close() error {
	var err error
	if r.statement != nil {
		err = r.statement.Close()
	}
	if r.conn != nil {
		err = errors.Join(err, r.conn.Close())
	}
	return errors.Join(err, r.db.Close())
}

// countSQLite is how many rows a database has.
func countSQLite(path string) (n int, err error) {
	db, err := sql.Open("sqlite3", "file:"+path+"?_query_only=1")
	if err != nil {
		return 0, err
	}
	err = db.QueryRow("SELECT count(*) FROM " + tableName).Scan(&n)
	return n, errors.Join(err, db.Close())
}

func versionSQLite() string {
	version, _, _ := sqlite3.Version()
	return fmt.Sprint("SQLite ", version)
}
