package table

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Pages hold so many rows, at first and at most: a caller who leaves soon reads
// little, one who stays asks seldom. A page that holds so many bytes ends.
const (
	firstPage = 64
	maxPage   = 1024
	pageBytes = 4 << 20
)

// selection reads the rows of one reading, page by page.
type selection struct {
	reader  *Reader
	where   *where
	newest  bool
	columns []column
	last    int64 // the greatest id
	id      int64 // of the row that was read last
	begun   bool
	visit   func(*row) // called for each row before it is yielded or left out; nil: nothing
}

// column is a column that is read.
type column struct {
	sql string
	row func(*row) any // where it is scanned to
}

func (r *Reader) newSelection(f query.Filter, layout Layout, last int64) *selection {
	fields := f.Fields
	s := &selection{reader: r, where: newWhere(r.Dialect, r.Table, layout, f), newest: f.Newest, last: last}
	if !s.where.exact {
		fields = 0 // Match decides
	}
	add := func(field query.Fields, sql string, into func(*row) any) {
		if fields.Has(field) {
			s.columns = append(s.columns, column{sql, into})
		}
	}
	s.columns = []column{{"id", func(r *row) any { return &r.id }}}
	if layout.has("event_id") {
		add(query.FieldID, "coalesce(CAST(event_id AS text), '')", func(r *row) any { return &r.eventID })
	}
	add(query.FieldTimestamp, r.CreatedSQL, func(row *row) (into any) {
		into, row.created = r.Created()
		return into
	})
	add(query.FieldAction, "coalesce(action, '')", func(r *row) any { return &r.entry.Action })
	add(query.FieldGranted, r.Dialect.Boolean("granted"), func(r *row) any { return &r.granted })
	add(query.FieldBypassed, r.Dialect.Boolean("bypassed"), func(r *row) any { return &r.bypassed })
	add(query.FieldManager, "coalesce(manager, '')", func(r *row) any { return &r.entry.Manager })
	add(query.FieldUser, "coalesce(user_id, '')", func(r *row) any { return &r.entry.UserID })
	add(query.FieldUser, "coalesce(user_repr, '')", func(r *row) any { return &r.entry.User })
	add(query.FieldAttributes, "attributes", func(r *row) any { return &r.entry.Attributes })
	add(query.FieldPermissions, "permissions", func(r *row) any { return &r.entry.Permissions })
	add(query.FieldMetadata, "metadata", func(r *row) any { return &r.entry.Metadata })
	if layout.has("sanitized") {
		add(query.FieldSanitized, "sanitized", func(r *row) any { return &r.entry.Sanitized })
	}
	return s
}

// statement returns the SQL of the next page and its arguments.
func (s *selection) statement(rows int) (string, []any) {
	names := make([]string, len(s.columns))
	for i, c := range s.columns {
		names[i] = c.sql
	}
	w := *s.where // its slices are not appended to in place
	w.conditions, w.args = w.conditions[:len(w.conditions):len(w.conditions)], w.args[:len(w.args):len(w.args)]
	order := "id"
	switch {
	case s.newest && s.begun:
		w.add("id < " + w.bind(s.id))
	default:
		w.add("id <= " + w.bind(s.last))
	}
	if s.newest {
		order = "id DESC"
	} else if s.begun {
		w.add("id > " + w.bind(s.id))
	}
	return "SELECT " + strings.Join(names, ", ") + " FROM " + s.reader.Table.SQL() + w.sql() +
		" ORDER BY " + order + " LIMIT " + strconv.Itoa(rows), w.args
}

// each yields the events, until yield returns false. An error of its own is still to be
// yielded.
func (s *selection) each(ctx context.Context, f query.Filter, yield func(audit.PermissionAuditEvent, error) bool) error {
	left, size := f.Limit, firstPage
	for {
		most := size
		if f.Limit > 0 && s.where.exact {
			most = min(most, left)
		}
		page, err := s.page(ctx, most)
		if err != nil {
			return err
		}
		for i := range page.rows {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if s.visit != nil {
				s.visit(&page.rows[i])
			}
			event, err := page.rows[i].event(s.reader.Place)
			if err == nil && !s.where.exact && !f.Match(event) {
				continue
			}
			if !yield(event, err) {
				return nil
			}
			if err != nil { // damage does not count
				continue
			}
			if left--; left == 0 {
				return nil
			}
		}
		if page.last {
			return ctx.Err()
		}
		if page.bytes < pageBytes/4 {
			size = min(4*size, maxPage)
		} else {
			size = max(size/2, 1)
		}
	}
}

// page is some rows that follow one another.
type page struct {
	rows  []row
	bytes int
	last  bool // there are no more
}

func (s *selection) page(ctx context.Context, rows int) (page, error) {
	var p page
	full := false
	sql, args := s.statement(rows)
	into := make([]any, len(s.columns))
	err := s.reader.Query(ctx, sql, args, func(scan Scan) (bool, error) {
		p.rows = append(p.rows, row{})
		r := &p.rows[len(p.rows)-1]
		for i, c := range s.columns {
			into[i] = c.row(r)
		}
		if err := scan(into...); err != nil {
			return false, fmt.Errorf("row %d: %w", r.id, err)
		}
		if s.begun && (r.id > s.id) == s.newest || r.id == s.id && s.begun {
			return false, fmt.Errorf("row %d comes after row %d: the database is damaged, or changed under its reader", r.id, s.id)
		}
		s.id, s.begun = r.id, true
		p.bytes += r.size()
		full = p.bytes >= pageBytes
		return !full, nil
	})
	if err != nil {
		return page{}, err
	}
	p.last = !full && len(p.rows) < rows
	return p, nil
}
