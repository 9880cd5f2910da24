package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permaudit/audit/internal/table"
)

// query runs a statement of a reading.
func (s *Store) query(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
	return each(ctx, s.reads, statement, args, row)
}

// each calls row for each row of a statement, until it returns false.
func each(ctx context.Context, q queryer, statement string, args []any, row func(table.Scan) (bool, error)) (err error) {
	rows, err := q.QueryContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for more := true; more && rows.Next(); {
		if more, err = row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// timeLayout is created_at, in UTC.
const timeLayout = "2006-01-02 15:04:05.000000"

func timeText(t time.Time) string { return t.UTC().Format(timeLayout) }

// parseTime reads created_at. Django leaves a fraction of zero away; other programs
// may write an offset.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.DateTime, text) // any fraction
	if err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05Z07:00", time.RFC3339, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time: want %s", text, timeLayout)
}

// dialect is SQLite's SQL.
type dialect struct {
	strict bool // metadata that are no JSON are an error, which saves the time to look
}

// plainMetadata is the value of a key that isPlain, by the operator -> or ->>.
func (d dialect) plainMetadata(operator, key string, bind table.Bind) string {
	value := "metadata " + operator + " " + bind(`$."`+key+`"`)
	if d.strict {
		return "(" + value + ")"
	}
	return "CASE WHEN json_valid(metadata) THEN " + value + " END"
}

// isMalformed reports whether a strict statement found metadata that are no JSON.
func isMalformed(err error) bool {
	return err != nil && strings.Contains(err.Error(), "malformed JSON")
}

// Placeholder implements table.Dialect, as do the others.
func (dialect) Placeholder(n int) string { return "?" + strconv.Itoa(n) }

// Time is a text that sorts like the times that Django writes too: it has no
// fraction if that is zero.
func (dialect) Time(t time.Time) any { return strings.TrimSuffix(timeText(t), ".000000") }

func (dialect) Boolean(column string) string {
	return "CASE WHEN " + column + " IN (0, 1) THEN " + column + " END"
}

// manyTerms are passed as one argument: there can be 32,766 arguments, and a
// statement with many takes long to compile.
const manyTerms = 16

func (dialect) Among(text string, values []string, bind table.Bind) string {
	if len(values) > manyTerms {
		return text + " IN (SELECT value FROM json_each(" + bind(jsonArray(values)) + "))"
	}
	in := make([]any, len(values))
	for i, value := range values {
		in[i] = value
	}
	return amongValues(text, in, bind)
}

func amongValues(text string, values []any, bind table.Bind) string {
	in := make([]string, len(values))
	for i, value := range values {
		in[i] = bind(value)
	}
	return text + " IN (" + strings.Join(in, ", ") + ")"
}

func jsonArray(values []string) string {
	text, _ := json.Marshal(values) // strings are always JSON
	return string(text)
}

// elements are those of a JSON column, none if it is damaged.
func elements(column string) string {
	return "json_each(CASE WHEN json_valid(" + column + ") THEN " + column + " END) AS j"
}

func (d dialect) Holds(column string, values []string, bind table.Bind) string {
	return "EXISTS (SELECT 1 FROM " + elements(column) + " WHERE " + d.Among("j.value", values, bind) + ")"
}

// MetadataAmong takes numbers as they are written: json_each would round them. Where no
// number or boolean is asked for, there is a quicker way.
func (d dialect) MetadataAmong(key string, values []string, bind table.Bind) string {
	if isPlain(key) && !slices.ContainsFunc(values, isOther) {
		return d.Among("coalesce("+d.plainMetadata("->>", key, bind)+", '')", values, bind)
	}
	value := "coalesce((SELECT CASE j.type WHEN 'text' THEN j.value WHEN 'null' THEN ''" +
		" WHEN 'true' THEN 'true' WHEN 'false' THEN 'false' ELSE metadata -> j.fullkey END" +
		" FROM " + elements("metadata") + " WHERE j.key = " + bind(key) + "), '')"
	return d.Among(value, values, bind)
}

// isOther reports whether a text may be that of a value that is no string.
func isOther(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return text == "" || text == "true" || text == "false" || text[0] == '[' || text[0] == '{' || err == nil || errors.Is(err, strconv.ErrRange)
}

func (dialect) MetadataContainer(key string, bind table.Bind) string {
	return "EXISTS (SELECT 1 FROM " + elements("metadata") + " WHERE j.key = " + bind(key) + " AND j.type IN ('array', 'object'))"
}

// MetadataHint asks for what the index holds: SQLite's values, in which a number is no
// text, and a fraction not always the nearest to what was written.
func (d dialect) MetadataHint(key string, values []string, bind table.Bind) string {
	if len(values) > manyTerms {
		return ""
	}
	var in []any
	for _, value := range values {
		in = append(in, value)
		if whole, err := strconv.ParseInt(value, 10, 64); err == nil {
			in = append(in, whole)
		} else if _, err := strconv.ParseFloat(value, 64); err == nil || errors.Is(err, strconv.ErrRange) {
			return ""
		}
		switch value {
		case "true":
			in = append(in, 1)
		case "false":
			in = append(in, 0)
		}
	}
	return amongValues(indexedMetadata(key), in, bind)
}

// indexedMetadata is the expression of an index. It stands in statements as it
// stands in the schema, or the index is not found.
func indexedMetadata(key string) string { return `(metadata ->> '$."` + key + `"')` }

// Period counts on created_at being as plainTime reads it.
func (dialect) Period(unit string) string {
	if unit == "day" {
		return "substr(created_at, 1, 10)"
	}
	return "substr(created_at, 1, 13)"
}

// MetadataJSON uses a path where the key can be written in one, which is quicker.
func (d dialect) MetadataJSON(key string, bind table.Bind) string {
	if isPlain(key) {
		return d.plainMetadata("->", key, bind)
	}
	return "(SELECT metadata -> j.fullkey FROM " + elements("metadata") + " WHERE j.key = " + bind(key) + ")"
}

// isPlain reports whether a key means itself in a path.
func isPlain(key string) bool {
	for _, c := range []byte(key) {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_') {
			return false
		}
	}
	return key != ""
}

// queryer is satisfied by what is read from.
var _ = []queryer{(*sql.DB)(nil), (*sql.Conn)(nil)}
