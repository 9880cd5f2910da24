package table

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Why a reading in parts is given up.
var (
	// ErrUnsure says that the database cannot say what query.GroupBy would: the
	// events are read then.
	ErrUnsure = errors.New("the rows must be read one by one")
	// ErrSampled says that there are events with a sample rate, which was not asked
	// for.
	ErrSampled = errors.New("some events have a sample rate")
)

// Parts is a statement that counts events. Events with the same values of all
// Columns, User and Rate may be counted together, as one Part. All of those are SQL,
// and null if there is no value.
type Parts struct {
	Layout  Layout
	Columns []string
	User    string // "": nobody asks who it is
	Rate    string // the sample rate; "": see ErrSampled
	Where   string // with WHERE before it
	Args    []any  // of all of them
}

// Part is events that were counted together.
type Part struct {
	Values      []string // of Columns, as text; null is ""
	User, Rate  string   // as text
	Events      int64
	First, Last time.Time // in UTC
}

// Group implements query.Grouper. The database counts the rows; what their values
// mean is said by query alone.
func (r *Reader) Group(ctx context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	if err := query.CheckDimensions(by); err != nil {
		return nil, err
	}
	by = slices.Clone(by)
	return func(yield func(query.Group, error) bool) {
		g, err := r.group(ctx, f, by)
		switch {
		case err == nil:
			g.yield(yield)
		case errors.Is(err, ErrUnsure):
			one, err := query.GroupBy(ctx, eventsOnly{r}, f, by)
			if err != nil { // CheckDimensions knows better
				yield(query.Group{}, err)
				return
			}
			one(yield)
		case ctx.Err() != nil:
			yield(query.Group{}, context.Cause(ctx))
		default:
			yield(query.Group{}, r.Failed("group", err))
		}
	}, nil
}

// eventsOnly is a source that is no query.Grouper.
type eventsOnly struct{ reader *Reader }

func (s eventsOnly) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return s.reader.Events(ctx, f)
}

// group counts the events.
func (r *Reader) group(ctx context.Context, f query.Filter, by []string) (*grouping, error) {
	g := newGrouping(by)
	layout, there, err := r.Look(ctx)
	if err != nil || !there {
		return g, err
	}
	if !newWhere(r.Dialect, r.Table, layout, f).exact {
		return nil, ErrUnsure
	}
	err = r.count(ctx, g, f, layout, false)
	if errors.Is(err, ErrSampled) {
		g = newGrouping(by)
		err = r.count(ctx, g, f, layout, true)
	}
	if err == nil {
		err = r.countGaps(ctx, g, f)
	}
	if err == nil {
		err = ctx.Err()
	}
	return g, err
}

// count counts the checks: first those that f selects, then the others, whose users
// and times do not matter.
func (r *Reader) count(ctx context.Context, g *grouping, f query.Filter, layout Layout, weighed bool) error {
	statement := func(selected bool) Parts {
		checks := f
		checks.Granted, checks.Bypassed = query.Any, query.Any
		w := newWhere(r.Dialect, r.Table, layout, checks)
		p := Parts{Layout: layout}
		if selected {
			w.choice("granted", f.Granted)
			w.choice("bypassed", f.Bypassed)
			p.User = userSQL
		} else {
			not := &where{}
			not.choice("granted", f.Granted)
			not.choice("bypassed", f.Bypassed)
			w.add("(" + not.conjunction() + ") IS NOT TRUE")
		}
		for _, name := range g.by {
			p.Columns = append(p.Columns, columnOf(r.Dialect, layout, name, w.bind))
		}
		if weighed {
			p.Rate = r.Dialect.MetadataJSON(audit.MetadataSampleRate, w.bind)
		}
		p.Where, p.Args = w.sql(), w.args
		return p
	}
	err := r.Parts(ctx, statement(true), func(part *Part) error { return g.add(ctx, part, true) })
	if err != nil || f.Granted == query.Any && f.Bypassed == query.Any {
		return err
	}
	return r.Parts(ctx, statement(false), func(part *Part) error { return g.add(ctx, part, false) })
}

// columnOf is what stands for a dimension in Parts.Columns: what grouping.event reads.
func columnOf(d Dialect, layout Layout, name string, bind Bind) string {
	switch name {
	case "manager", "action", "granted", "bypassed":
		return name
	case "user":
		return userSQL
	case "attribute":
		return list(layout, "attributes")
	case "permission":
		return list(layout, "permissions")
	case "day", "hour":
		return d.Period(name)
	}
	key, _ := query.MetadataDimension(name)
	if !isStorable(key) { // no event has it
		return "NULL"
	}
	return d.MetadataJSON(key, bind)
}

// list is a column of JSON, in which null is the JSON null.
func list(layout Layout, column string) string {
	if layout.NotNull[column] {
		return column
	}
	return "coalesce(" + column + ", 'null')"
}

// countGaps reads the gaps, which are few, with the words of their index.
func (r *Reader) countGaps(ctx context.Context, g *grouping, f query.Filter) error {
	w := &where{dialect: r.Dialect}
	w.times(f.Since, f.Until)
	w.add("action = '" + string(audit.ActionGap) + "'")
	return r.Query(ctx, "SELECT metadata FROM "+r.Table.SQL()+w.sql(), w.args, func(scan Scan) (bool, error) {
		entry := audit.Entry{Action: audit.ActionGap}
		if err := scan(&entry.Metadata); err != nil {
			return false, fmt.Errorf("gaps: %w", err)
		}
		g.addGap(&entry)
		return true, nil
	})
}
