package table

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Group implements query.Grouper. The database counts the rows; what their values
// mean is said by query alone.
func (r *Reader) Group(ctx context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	if err := query.CheckDimensions(by); err != nil {
		return nil, err
	}
	by = slices.Clone(by)
	return func(yield func(query.Group, error) bool) {
		g, err := r.group(ctx, f, by)
		if err == nil {
			g.yield(yield)
			return
		}
		read := func() (iter.Seq2[query.Group, error], error) { return query.GroupBy(ctx, eventsOnly{r}, f, by) }
		yieldInstead(ctx, r, err, read, yield)
	}, nil
}

// yieldInstead yields what there is instead of groups that the database has not counted:
// those that reading the events gives, or what went wrong.
func yieldInstead[G any](ctx context.Context, r *Reader, err error, read func() (iter.Seq2[G, error], error), yield func(G, error) bool) {
	var none G
	switch {
	case errors.Is(err, ErrUnsure):
		groups, err := read()
		if err != nil { // who asks for them has been checked
			yield(none, err)
			return
		}
		groups(yield)
	case ctx.Err() != nil:
		yield(none, context.Cause(ctx))
	default:
		yield(none, r.Failed("group", err))
	}
}

// eventsOnly is a source that is no query.Grouper.
type eventsOnly struct{ reader *Reader }

func (s eventsOnly) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return s.reader.Events(ctx, f)
}

// group counts the events.
func (r *Reader) group(ctx context.Context, f query.Filter, by []string) (*grouping, error) {
	users := f.Fields.Has(query.FieldUser)
	g := newGrouping(by, users)
	layout, there, err := r.Look(ctx)
	if err != nil || !there {
		return g, err
	}
	if !newWhere(r.Dialect, r.Table, layout, f).exact {
		return nil, ErrUnsure
	}
	err = r.count(ctx, g, f, layout, false)
	if errors.Is(err, ErrSampled) {
		g = newGrouping(by, users)
		err = r.count(ctx, g, f, layout, true)
	}
	if err == nil {
		err = r.countGaps(ctx, &g.gaps, f.Since, f.Until, nil)
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
			if g.users {
				p.User = userSQL
			}
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
