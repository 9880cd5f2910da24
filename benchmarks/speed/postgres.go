package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
)

// rawPostgres is pgx that is given rows in its own words, with the schema and the indexes
// of the store.
type rawPostgres struct{ conn *pgx.Conn }

func openRawPostgres(dsn string) (*rawPostgres, error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &rawPostgres{conn}, nil
}

// fresh makes the table anew.
func (r *rawPostgres) fresh() error {
	schema, err := postgres.Schema(tableName)
	if err != nil {
		return err
	}
	// A checkpoint, so that nobody pays for another one's.
	for _, statements := range []string{"DROP TABLE IF EXISTS " + tableName, "CHECKPOINT", schema} {
		if _, err := r.conn.Exec(context.Background(), statements, pgx.QueryExecModeSimpleProtocol); err != nil {
			return err
		}
	}
	return nil
}

// jsonColumns are those of jsonb.
var jsonColumns = []string{"attributes", "permissions", "metadata"}

// rows are so many, in the types that pgx encodes fastest.
func (r *rawPostgres) rows(d *decision, n int) ([][]any, error) {
	all := make([][]any, n)
	for i := range all {
		values, err := row(d, func(e *audit.Entry) (id, created any) { return [16]byte(e.ID), e.Timestamp })
		if err != nil {
			return nil, err
		}
		for i, value := range values {
			if slices.Contains(jsonColumns, columns[i]) {
				values[i] = []byte(value.(string))
			}
		}
		all[i] = values
	}
	return all, nil
}

// insert copies the rows, each COPY a transaction.
func (r *rawPostgres) insert(all [][]any) error {
	ctx := context.Background()
	for len(all) > 0 {
		batch := all[:min(transaction, len(all))]
		all = all[len(batch):]
		if _, err := r.conn.CopyFrom(ctx, pgx.Identifier{tableName}, columns, pgx.CopyFromRows(batch)); err != nil {
			return err
		}
	}
	return nil
}

func (r *rawPostgres) count() (n int, err error) {
	return n, r.conn.QueryRow(context.Background(), "SELECT count(*) FROM "+tableName).Scan(&n)
}

func (r *rawPostgres) close() error {
	_, err := r.conn.Exec(context.Background(), "DROP TABLE IF EXISTS "+tableName)
	return errors.Join(err, r.conn.Close(context.Background()))
}

// version is that of the server.
func (r *rawPostgres) version() (string, error) {
	var text string
	err := r.conn.QueryRow(context.Background(), "SHOW server_version").Scan(&text)
	version, _, _ := strings.Cut(text, " ")
	return "PostgreSQL " + version, err
}
