package table

import (
	"context"
	"hash/maphash"
	"maps"

	"github.com/permaudit/audit/query"
)

// recent is among how many of the last ids, at least, a watcher knows the rows.
const recent = 16384

// memory is what a watcher knows of the selected rows above from.
type memory struct {
	seed maphash.Seed
	from int64
	seen map[int64]uint64 // by id
}

// forget forgets the rows that do not lie between two ids.
func (m *memory) forget(from, until int64) {
	m.from = from
	maps.DeleteFunc(m.seen, func(id int64, _ uint64) bool { return id <= from || id > until })
}

// spot is a row: its id, and what it says of itself, by which it is told from another
// one that has the id after it.
type spot struct {
	id   int64
	hash uint64
}

// identity is what a row says of itself: its event id, or when it was created.
func identity(layout Layout) string {
	if layout.has("event_id") {
		return "coalesce(CAST(event_id AS text), CAST(created_at AS text), '')"
	}
	return "coalesce(CAST(created_at AS text), '')"
}

// ends are the first and the last row of a table.
type ends struct {
	first, last spot
	found       bool // there are rows
	same        bool // the row that the watcher is at is the one that it was
}

// table looks at the table. Nothing is found while it is not there.
func (w *watcher) table(ctx context.Context) (layout Layout, e ends, err error) {
	layout, err = w.reader.Layout(ctx)
	if err != nil || len(layout.Columns) == 0 {
		return layout, e, err
	}
	if err := layout.Check(w.reader.Table); err != nil {
		return layout, e, err
	}
	e, err = w.ends(ctx, layout)
	if err != nil { // it may have been dropped a moment ago
		again, failed := w.reader.Layout(ctx)
		if failed == nil && len(again.Columns) == 0 {
			err = nil
		}
	}
	return layout, e, err
}

func (w *watcher) ends(ctx context.Context, layout Layout) (e ends, err error) {
	name := w.reader.Table.SQL()
	sql := "SELECT id, " + identity(layout) + " FROM " + name + " WHERE id IN ((SELECT min(id) FROM " + name + "), " +
		w.reader.Dialect.Placeholder(1) + ", (SELECT max(id) FROM " + name + ")) ORDER BY id"
	err = w.spots(ctx, sql, []any{w.at.id}, func(row spot) {
		if !e.found {
			e.first, e.found = row, true
		}
		e.last = row
		e.same = e.same || row == w.at
	})
	if err != nil {
		return ends{}, err
	}
	return e, nil
}

// rows calls each for the selected rows with ids above after, up to until.
func (w *watcher) rows(ctx context.Context, layout Layout, after, until int64, each func(spot)) error {
	where := newWhere(w.reader.Dialect, w.reader.Table, layout, w.filter)
	where.add("id > " + where.bind(after))
	where.add("id <= " + where.bind(until))
	sql := "SELECT id, " + identity(layout) + " FROM " + w.reader.Table.SQL() + where.sql() + " ORDER BY id"
	return w.spots(ctx, sql, where.args, each)
}

func (w *watcher) spots(ctx context.Context, sql string, args []any, each func(spot)) error {
	return w.reader.Query(ctx, sql, args, func(scan Scan) (bool, error) {
		var id int64
		var text string
		if err := scan(&id, &text); err != nil {
			return false, err
		}
		each(spot{id, maphash.String(w.seed, text)})
		return true, nil
	})
}

// selection reads the rows up to an id. Those that it comes to are seen, also if Match
// refuses them.
func (w *watcher) selection(f query.Filter, layout Layout, last int64) *selection {
	s := w.reader.newSelection(f, layout, last)
	s.columns = append(s.columns, column{identity(layout), func(r *row) any { return &r.identity }})
	s.visit = func(r *row) {
		seen := spot{r.id, maphash.String(w.seed, r.identity)}
		w.seen[seen.id] = seen.hash
		if seen.id > w.at.id {
			w.at = seen
		}
	}
	return s
}
