package postgres

import (
	"context"
	"encoding/binary"
	"math"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// rowSQL is the statement for rows: the values of the dimensions, the user and the sample
// rate as text, the outcome, the time, and whether it may be no event.
func (s *Store) rowSQL(p table.Parts) string {
	rate := p.Rate
	if rate == "" { // to find one costs no less
		rate = "metadata -> '" + audit.MetadataSampleRate + "'"
	}
	fields := append(append([]string(nil), p.Columns...), p.User, rate)
	for i := range fields {
		fields[i] = "(" + fields[i] + ")::text"
	}
	fields = append(fields, "granted", "bypassed", "created_at", "jsonb_typeof(metadata) <> 'object'")
	return "SELECT " + strings.Join(fields, ", ") + " FROM " + s.reader.Table.SQL() + p.Where
}

// eachRow calls each for the rows of a statement. With an error it cancels everything
// first: what is left of the rows is not waited for.
func (s *Store) eachRow(ctx context.Context, cancel context.CancelCauseFunc, tx pgx.Tx, p table.Parts, each func(*table.Part) error) error {
	args := append([]any{pgx.QueryResultFormats{pgx.BinaryFormatCode}}, p.Args...)
	rows, err := tx.Query(ctx, s.rowSQL(p), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	row := rawRow{rows: rows, types: tx.Conn().TypeMap(), texts: len(p.Columns) + 2}
	for rows.Next() {
		err := row.read()
		if err == nil {
			err = each(&row.part)
		}
		if err != nil {
			cancel(err)
			return err
		}
	}
	rows.Close()
	return rows.Err()
}

// rawRow reads rows as they come from the server, which is several times faster than to
// scan them.
type rawRow struct {
	rows  pgx.Rows
	types *pgtype.Map
	texts int // before the outcome
	part  table.Part

	text   []byte // all texts of a row
	values []string
}

// read reads a row into the part; ErrUnsure: it may be no event.
func (r *rawRow) read() error {
	raw := r.rows.RawValues()
	r.text = r.text[:0]
	for _, text := range raw[:r.texts] {
		r.text = append(r.text, text...)
	}
	left := string(r.text)
	r.values = r.values[:0]
	for _, text := range raw[:r.texts] {
		r.values = append(r.values, left[:len(text)])
		left = left[len(text):]
	}
	p, rest := &r.part, raw[r.texts:]
	columns := r.texts - 2
	p.Values, p.User, p.Rate, p.Events = r.values[:columns], r.values[columns], r.values[columns+1], 1
	p.Granted, p.Bypassed = isTrue(rest[0]), isTrue(rest[1])
	created, ok := r.moment(rest[2], r.rows.FieldDescriptions()[r.texts+2].Format)
	p.First, p.Last = created, created
	if !ok || rest[0] == nil || rest[1] == nil || isTrue(rest[3]) {
		return table.ErrUnsure
	}
	return nil
}

// isTrue reads a boolean, in either format.
func isTrue(raw []byte) bool { return len(raw) == 1 && (raw[0] == 1 || raw[0] == 't') }

// moment reads created_at. A pool whose connections use the simple protocol has it as
// text.
func (r *rawRow) moment(raw []byte, format int16) (time.Time, bool) {
	if format != pgx.BinaryFormatCode {
		var created pgtype.Timestamptz
		if r.types.Scan(pgtype.TimestamptzOID, format, raw, &created) != nil {
			return time.Time{}, false
		}
		at, err := moment(&created)
		return at, err == nil
	}
	const epoch = 946_684_800_000_000 // 2000, in microseconds since 1970
	if len(raw) != 8 {
		return time.Time{}, false
	}
	at := int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // G115: it is signed
	isFinite := at != math.MaxInt64 && at != math.MinInt64
	return time.UnixMicro(epoch + at).UTC(), isFinite
}
