package truth

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// log is what was asked in a world. It is a query.Source that counts for itself what
// analysis.Compare needs, with what the other sources count with, but makes no events:
// that is four times as fast. Slice has the same as events.
type log struct{ *world }

// deployments are the metadata of the sides.
var deployments = [...]map[string]any{
	baseline:  {audit.MetadataDeployment: "v1"},
	candidate: {audit.MetadataDeployment: "v2"},
}

// byDeployment selects the two sides.
func byDeployment() (b, c query.Filter) {
	of := func(name string) query.Filter {
		return query.Filter{Metadata: map[string]query.Terms{audit.MetadataDeployment: {In: []string{name}}}}
	}
	return of("v1"), of("v2")
}

// Slice returns a source of the events, in order of time.
func (l log) Slice() query.Source {
	requests := slices.Clone(l.requests)
	slices.SortStableFunc(requests, func(a, b request) int { return cmp.Compare(a.at, b.at) })
	events := make([]audit.PermissionAuditEvent, len(requests))
	for i := range requests {
		events[i] = l.event(&requests[i])
	}
	return query.Slice(events)
}

// event is that of a request; its lists and metadata are shared.
func (l log) event(r *request) audit.PermissionAuditEvent {
	k := &l.keys[r.key]
	return audit.PermissionAuditEvent{
		Timestamp: time.UnixMicro(begin + r.at).UTC(), Action: k.action, Manager: k.manager, Attributes: k.attributes[r.with],
		Granted: !r.denied, Bypassed: r.bypassed, UserID: l.users[r.user].id, Metadata: deployments[r.side],
	}
}

// Events implements query.Source. A log has none.
func (l log) Events(context.Context, query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		yield(audit.PermissionAuditEvent{}, errors.New("truth: a log yields no events; want Slice"))
	}
}

// Group implements query.Grouper as far as analysis.Compare needs it: the times of what a
// filter selects, by deployment or in all.
func (l log) Group(_ context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	isByDeployment := slices.Equal(by, []string{"metadata." + audit.MetadataDeployment})
	if !isByDeployment && len(by) > 0 {
		return nil, errors.New("truth: a log has groups by deployment only; want Slice")
	}
	s, err := newSelection(query.Set{Filter: f})
	if err != nil {
		return nil, err
	}
	return func(yield func(query.Group, error) bool) {
		var groups [len(deployments)]query.Group
		for i := range l.requests {
			r := &l.requests[i]
			if s.window(r) < 0 {
				continue
			}
			g := &groups[0]
			if isByDeployment {
				g = &groups[r.side]
				name, _ := deployments[r.side][audit.MetadataDeployment].(string)
				g.Key = []string{name}
			}
			at := time.UnixMicro(begin + r.at).UTC()
			if g.Events == 0 || at.Before(g.First) {
				g.First = at
			}
			if at.After(g.Last) {
				g.Last = at
			}
			g.Events++
		}
		for _, g := range groups {
			if g.Events > 0 && !yield(g, nil) {
				return
			}
		}
	}, nil
}

// GroupUsers implements query.UserGrouper by manager, action and attribute.
func (l log) GroupUsers(_ context.Context, sets []query.Set, by []string) (iter.Seq2[query.UserGroup, error], error) {
	if !slices.Equal(by, []string{"manager", "action", "attribute"}) {
		return nil, errors.New("truth: a log is grouped by manager, action and attribute; want Slice")
	}
	counted := counting.NewByUser(len(sets))
	numbers := make([]uint32, len(l.users)) // one more than that of counted
	groups := make([][][]*counting.UserGroup, len(l.keys))
	for i := range groups {
		groups[i] = make([][]*counting.UserGroup, len(l.keys[i].attributes))
	}
	for i, set := range sets {
		s, err := newSelection(set)
		if err != nil {
			return nil, err
		}
		for j := range l.requests {
			r := &l.requests[j]
			window := s.window(r)
			if window < 0 {
				continue
			}
			if numbers[r.user] == 0 {
				numbers[r.user] = counted.Users.Number([]byte(l.users[r.user].id)) + 1
			}
			of := groups[r.key][r.with]
			if of == nil {
				k := &l.keys[r.key]
				for _, attribute := range k.attributes[r.with] {
					of = append(of, counted.Group([]string{k.manager, string(k.action), attribute}))
				}
				groups[r.key][r.with] = of
			}
			check := counting.Check{
				Set: i, Window: window, User: numbers[r.user] - 1, Granted: !r.denied, Bypassed: r.bypassed,
				Weight: 1, At: begin + r.at,
			}
			counted.Add(of, &check)
		}
	}
	counted.Groups() // settles: the sequence only reads
	return func(yield func(query.UserGroup, error) bool) { query.YieldByUser(counted, yield) }, nil
}

// selection is a query.Set of a trial.
type selection struct {
	isAny   bool
	side    side
	windows counting.Windows
}

func newSelection(set query.Set) (selection, error) {
	f := set.Filter
	bounds := counting.Always
	if !f.Since.IsZero() {
		bounds.Since = counting.Microsecond(f.Since)
	}
	if !f.Until.IsZero() {
		bounds.Until = counting.Microsecond(f.Until)
	}
	windows := counting.Windows{counting.Always}
	if len(set.Windows) > 0 {
		windows = nil
		for _, w := range set.Windows {
			windows = append(windows, counting.Window{Since: counting.Microsecond(w.Since), Until: counting.Microsecond(w.Until)})
		}
	}
	in := f.Metadata[audit.MetadataDeployment].In
	s := selection{isAny: len(f.Metadata) == 0 || len(in) == len(deployments), windows: windows.Within(bounds)}
	if s.isAny {
		return s, nil
	}
	of := slices.IndexFunc(deployments[:], func(d map[string]any) bool {
		return len(in) == 1 && d[audit.MetadataDeployment] == in[0]
	})
	if of < 0 {
		return s, errors.New("truth: a log is selected by one of its deployments; want Slice")
	}
	s.side = side(of) //nolint:gosec // G115: there are two
	return s, nil
}

// window is the window that a request is in; -1: it is not selected.
func (s *selection) window(r *request) int {
	if !s.isAny && r.side != s.side {
		return -1
	}
	return s.windows.Index(begin + r.at)
}
