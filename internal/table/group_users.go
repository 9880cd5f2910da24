package table

import (
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// GroupUsers implements query.UserGrouper. The database selects the rows of each set, and
// hands over no more of them than is counted; what their values mean is said by query
// alone.
func (r *Reader) GroupUsers(ctx context.Context, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
	if err := errors.Join(query.CheckSets(sets), query.CheckDimensions(by)); err != nil {
		return nil, err
	}
	sets, by = slices.Clone(sets), slices.Clone(by)
	return func(yield func(query.UserGroup, error) bool) {
		g, err := r.groupUsers(ctx, sets, by)
		if err == nil {
			g.yield(yield)
			return
		}
		read := func() (iter.Seq2[query.UserGroup, error], error) {
			return query.GroupUsersBy(ctx, eventsOnly{r}, sets, by)
		}
		yieldInstead(ctx, r, err, read, yield)
	}, nil
}

// groupUsers counts the checks.
func (r *Reader) groupUsers(ctx context.Context, sets []query.Set, by []string) (*userGrouping, error) {
	windows := make([]counting.Windows, len(sets))
	for i := range sets {
		windows[i] = query.WindowsOf(sets[i])
	}
	layout, there, err := r.Look(ctx)
	if err != nil || !there {
		return newUserGrouping(by, windows), err
	}
	g, err := r.countUsers(ctx, sets, by, windows, layout, false)
	if errors.Is(err, ErrSampled) {
		g, err = r.countUsers(ctx, sets, by, windows, layout, true)
	}
	if err == nil {
		err = r.countUserGaps(ctx, g)
	}
	if err == nil {
		err = ctx.Err()
	}
	return g, err
}

// countUsers counts the rows of the sets where they are read. Each reader has a grouping
// of its own.
func (r *Reader) countUsers(ctx context.Context, sets []query.Set, by []string, windows []counting.Windows, layout Layout, weighed bool) (*userGrouping, error) {
	var statements []Parts
	var of []int // the set of each statement
	for i := range sets {
		stretches := windows[i].Stretches()
		if len(stretches) == 0 {
			continue
		}
		p, err := r.rowsOf(sets[i].Filter, stretches, by, layout, weighed)
		if err != nil {
			return nil, err
		}
		statements, of = append(statements, p), append(of, i)
	}
	all := newUserGrouping(by, windows)
	if len(statements) == 0 {
		return all, nil
	}
	var groupings []*userGrouping
	err := r.Rows(ctx, statements, func() func(int, *Part) error {
		g := newUserGrouping(by, windows)
		groupings = append(groupings, g)
		return func(statement int, row *Part) error { return g.add(ctx, of[statement], row) }
	})
	if err != nil {
		return nil, err
	}
	for i, g := range groupings {
		if i == 0 {
			all = g
			continue
		}
		all.Absorb(g.ByUser)
	}
	return all, nil
}

// rowsOf is the statement for the rows that a filter selects in some stretches of time.
func (r *Reader) rowsOf(f query.Filter, stretches counting.Windows, by []string, layout Layout, weighed bool) (Parts, error) {
	f.Since, f.Until = counting.Bound(stretches[0].Since), counting.Bound(stretches[len(stretches)-1].Until)
	w := newWhere(r.RowDialect, r.Table, layout, f)
	if !w.exact {
		return Parts{}, ErrUnsure
	}
	w.stretches(stretches)
	p := Parts{Layout: layout, User: userSQL, Rows: true}
	for _, name := range by {
		p.Columns = append(p.Columns, columnOf(r.RowDialect, layout, name, w.bind))
	}
	if weighed {
		p.Rate = r.RowDialect.MetadataJSON(audit.MetadataSampleRate, w.bind)
	}
	p.Where, p.Args = w.sql(), w.args
	span := &where{dialect: r.RowDialect}
	span.times(f.Since, f.Until)
	span.stretches(stretches)
	p.Span, p.SpanArgs = span.sql(), span.args
	return p, nil
}

// countUserGaps counts the gaps in a window of any set.
func (r *Reader) countUserGaps(ctx context.Context, g *userGrouping) error {
	var all counting.Windows
	for _, windows := range g.windows {
		all = append(all, windows.Stretches()...)
	}
	if len(all) == 0 {
		return nil
	}
	bounds := all[0]
	for _, one := range all {
		bounds = counting.Window{Since: min(bounds.Since, one.Since), Until: max(bounds.Until, one.Until)}
	}
	isIn := func(at time.Time) bool {
		return slices.ContainsFunc(g.windows, func(w counting.Windows) bool { return w.Index(at.UnixMicro()) >= 0 })
	}
	return r.countGaps(ctx, &g.gaps, counting.Bound(bounds.Since), counting.Bound(bounds.Until), isIn)
}
