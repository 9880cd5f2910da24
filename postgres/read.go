package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/permaudit/audit/internal/table"
)

// query runs a statement of a reading.
func (s *Store) query(ctx context.Context, sql string, args []any, row func(table.Scan) (bool, error)) error {
	defer s.using()()
	return each(ctx, s.pool, sql, args, row)
}

// each calls row for each row of a statement, until it returns false.
func each(ctx context.Context, q queryer, sql string, args []any, row func(table.Scan) (bool, error)) error {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for more := true; more && rows.Next(); {
		if more, err = row(rows.Scan); err != nil {
			return err
		}
	}
	rows.Close()
	return rows.Err()
}

// dialect is PostgreSQL's SQL.
type dialect struct{}

// Placeholder implements table.Dialect, as do the others.
func (dialect) Placeholder(n int) string { return "$" + strconv.Itoa(n) }

func (dialect) Time(t time.Time) any { return t }

func (dialect) Boolean(column string) string { return column }

func (dialect) Among(text string, values []string, bind table.Bind) string {
	return text + " = ANY(" + bind(values) + "::text[])"
}

func (dialect) Holds(column string, values []string, bind table.Bind) string {
	return column + " ?| " + bind(values) + "::text[]"
}

func (d dialect) MetadataAmong(key string, values []string, bind table.Bind) string {
	return d.Among("coalesce(metadata ->> "+bind(key)+"::text, '')", values, bind)
}

func (dialect) MetadataContainer(key string, bind table.Bind) string {
	return "coalesce(jsonb_typeof(metadata -> " + bind(key) + "::text), '') IN ('array', 'object')"
}

func (d dialect) MetadataHint(key string, values []string, bind table.Bind) string {
	begins := make([]string, len(values))
	for i, value := range values {
		begins[i] = begin(value)
	}
	return d.Among(indexable("metadata ->> "+bind(key)+"::text"), begins, bind)
}

func (dialect) Period(unit string) string { return "date_trunc('" + unit + "', created_at, 'UTC')" }

func (dialect) MetadataJSON(key string, bind table.Bind) string {
	return "metadata -> " + bind(key) + "::text"
}

// begin is what the index holds of a value.
func begin(value string) string {
	characters := 0
	for i := range value {
		if characters == indexed {
			return value[:i]
		}
		characters++
	}
	return value
}

// isOutage reports whether an error says that the connection broke or that there is
// none for now: the server is down, starts, ends, has no room, or undid the statement
// for another one. Being refused, for a password or a grant, is something else.
func isOutage(err error) bool {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		return slices.Contains([]string{"08", "40", "53", "57"}, refused.Code[:min(2, len(refused.Code))])
	}
	var connect *pgconn.ConnectError
	var network net.Error
	return errors.As(err, &connect) || errors.As(err, &network) || pgconn.SafeToRetry(err) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
