package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// WriteBatch implements audit.Sink: the batch is one transaction. What the server
// refuses for the data is an audit.Permanent error.
func (s *Store) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	switch {
	case s.options.ReadOnly:
		return errReadOnly
	case len(batch) == 0:
		return nil
	}
	defer s.using()()
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return s.failed("write to", err)
	}
	defer conn.Release()
	if encoding := conn.Conn().PgConn().ParameterStatus("server_encoding"); encoding != "UTF8" {
		return s.failed("write to", fmt.Errorf("its encoding is %s, which cannot hold every text: it must be UTF8", encoding))
	}
	layout, err := s.ensure(ctx, conn.Conn())
	if err != nil {
		return s.failed("write to", err)
	}
	if err := s.write(ctx, conn.Conn(), layout, layout.Fit(batch)); err != nil {
		s.keeper.Forget()
		refused := isRefusal(err)
		s.unsure = s.unsure || !refused
		err = s.failed("write to", err)
		if refused {
			err = audit.Permanent(err)
		}
		return err
	}
	s.unsure = false
	return nil
}

// write copies the rows. COPY cannot skip those that are there already: if some may
// be, or turn out to be, they are inserted instead.
func (s *Store) write(ctx context.Context, conn *pgx.Conn, layout table.Layout, batch []audit.Entry) error {
	if !s.unsure && !s.noCopy {
		format := formatOf(layout)
		err := s.copy(ctx, conn, format, batch)
		if format != &textFormat && len(batch) == 1 && isCode(err, "22") { // a data exception
			err = s.copy(ctx, conn, &textFormat, batch) // somebody may have changed a type
		}
		s.noCopy = isCode(err, "0A000")         // not supported, where there is row-level security
		if !s.noCopy && !isCode(err, "23505") { // a unique violation; the insert will tell which one
			return err
		}
	}
	return s.insert(ctx, conn, batch)
}

func list(json []byte) []byte {
	if len(json) == 0 {
		return []byte("[]")
	}
	return json
}

// insert inserts the rows that are not there yet. The columns are arrays of texts.
func (s *Store) insert(ctx context.Context, conn *pgx.Conn, batch []audit.Entry) error {
	columns := make([][]*string, len(table.Written))
	for i := range batch {
		e := &batch[i]
		for c, value := range [...]*string{
			optional(idText(e.ID)), required(string(appendTime(nil, e.Timestamp))), required(string(e.Action)),
			required(string(list(e.Attributes))), required(strconv.FormatBool(e.Granted)), required(strconv.FormatBool(e.Bypassed)),
			optional(e.Manager), optional(e.UserID), optional(e.User),
			required(string(list(e.Permissions))), optional(string(e.Metadata)), optional(string(e.Sanitized)),
		} {
			columns[c] = append(columns[c], value)
		}
	}
	args := make([]any, len(columns))
	for i := range columns {
		args[i] = columns[i]
	}
	_, err := conn.Exec(ctx, "INSERT INTO "+s.reader.Table.SQL()+" ("+strings.Join(table.Written, ", ")+`)
SELECT e1::uuid, e2::timestamptz, e3, e4::jsonb, e5::boolean, e6::boolean, e7, e8, e9, e10::jsonb, e11::jsonb, e12::jsonb
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
	$7::text[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[])
	AS r(e1, e2, e3, e4, e5, e6, e7, e8, e9, e10, e11, e12)
ON CONFLICT (event_id) DO NOTHING`, args...)
	return err
}

func idText(id audit.EventID) string {
	if id.IsZero() {
		return ""
	}
	return id.String()
}

func required(text string) *string { return &text }

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// isRefusal reports whether the server refuses the rows for what they are, so that
// trying again is in vain: data exceptions and violated constraints (classes 22 and
// 23 of PostgreSQL's documentation, appendix A).
func isRefusal(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && (strings.HasPrefix(refused.Code, "22") || strings.HasPrefix(refused.Code, "23"))
}

// isCode reports whether the server's error begins with code, which may be a class.
func isCode(err error, code string) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && strings.HasPrefix(refused.Code, code)
}
