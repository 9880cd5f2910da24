package sqlite

import (
	"database/sql/driver"
	"reflect"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
)

// arguments makes rows the arguments of a statement, in the order of table.Written. All
// its memory but that of the texts is used again.
type arguments struct {
	values []driver.NamedValue
	texts  []string // those that are texts, null or not
	bytes  []byte   // the texts that are no strings yet, behind one another
}

// textColumns are the columns of a row that are texts: all but two.
const textColumns = 10

// of returns the arguments for rows, which are valid until the next call. It takes two
// allocations: a string that texts are parts of, and an array of texts.
func (a *arguments) of(rows []audit.Entry) []driver.NamedValue {
	a.collect(rows)
	texts, n := boxed(a.texts), 0
	a.values = slices.Grow(a.values[:0], len(rows)*len(table.Written))
	for i := range rows {
		for column := range table.Written {
			value := driver.NamedValue{Ordinal: len(a.values) + 1}
			switch {
			case column == grantedColumn:
				value.Value = rows[i].Granted
			case column == bypassedColumn:
				value.Value = rows[i].Bypassed
			case a.texts[n] == "" && column != actionColumn: // null where there is none
				n++
			default:
				value.Value = texts.Index(n).Interface()
				n++
			}
			a.values = append(a.values, value)
		}
	}
	return a.values
}

// Columns of table.Written.
const (
	actionColumn   = 2
	grantedColumn  = 4
	bypassedColumn = 5
)

// collect sets the texts.
func (a *arguments) collect(rows []audit.Entry) {
	a.bytes = a.bytes[:0]
	for i := range rows {
		e := &rows[i]
		if !e.ID.IsZero() {
			a.bytes, _ = e.ID.AppendText(a.bytes)
		}
		a.bytes = table.AppendTime(a.bytes, e.Timestamp)
		a.bytes = append(append(a.bytes, e.Attributes...), e.Permissions...)
		a.bytes = append(append(a.bytes, e.Metadata...), e.Sanitized...)
	}
	all := string(a.bytes)
	next := func(length int) (text string) {
		text, all = all[:length], all[length:]
		return text
	}
	a.texts = a.texts[:0]
	for i := range rows {
		e := &rows[i]
		id := "" // two events without an id are not the same
		if !e.ID.IsZero() {
			id = next(idLength)
		}
		created := next(len(timeLayout))
		attributes, permissions := list(next(len(e.Attributes))), list(next(len(e.Permissions)))
		metadata, sanitized := next(len(e.Metadata)), next(len(e.Sanitized))
		a.texts = append(a.texts, id, created, string(e.Action), attributes,
			e.Manager, e.UserID, e.User, permissions, metadata, sanitized)
	}
}

const idLength = len("00000000-0000-0000-0000-000000000000")

func list(json string) string {
	if json == "" {
		return "[]"
	}
	return json
}

// forget lets go of the texts, and of memory that a large batch took.
func (a *arguments) forget() {
	clear(a.values[:cap(a.values)])
	clear(a.texts[:cap(a.texts)])
	if cap(a.bytes) > 4*audit.MaxBatchBytes {
		a.bytes = nil
	}
}

// boxed returns a copy of texts as an array: reflection makes an interface of an element of
// an array without copying it, where a conversion would allocate it.
func boxed(texts []string) reflect.Value {
	switch len(texts) {
	case mostRows * textColumns:
		return reflect.ValueOf(*(*[mostRows * textColumns]string)(texts))
	case manyRows * textColumns:
		return reflect.ValueOf(*(*[manyRows * textColumns]string)(texts))
	case someRows * textColumns:
		return reflect.ValueOf(*(*[someRows * textColumns]string)(texts))
	default:
		return reflect.ValueOf(*(*[textColumns]string)(texts))
	}
}
