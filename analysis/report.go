package analysis

import (
	"cmp"
	"context"
	"slices"

	"github.com/permaudit/audit/query"
)

// What is counted in Group.Events, as JSON calls it.
const (
	denied   = "denied"
	bypassed = "bypassed"
)

// Report is the answer of Denied and Bypasses.
type Report struct {
	By     []string // the dimensions
	Groups []Group  // most users first, then most events
	Notes
}

// Group is one group of a Report. Events are the denied or bypassed ones.
type Group struct {
	query.Group

	by      []string
	measure string
}

// MarshalJSON implements json.Marshaler: an object with a key for each dimension,
// null where there is no value, and then "denied", "checks", "users", "first" and "last";
// of bypasses "bypassed", "checks", "first" and "last".
func (g Group) MarshalJSON() ([]byte, error) {
	o := object{'{'}
	if err := o.addKey(g.by, g.Key); err != nil {
		return nil, err
	}
	members := []member{{g.measure, g.Events}, {"checks", g.Checks}}
	if g.measure == denied {
		members = append(members, member{"users", g.Users})
	}
	return o.close(append(members, member{"first", moment(g.First)}, member{"last", moment(g.Last)}))
}

// Denied groups the denied events that f selects by any of query.Dimensions; none
// named means manager and attribute. Granted, Newest, Limit and Fields of f do not matter.
// Groups are sorted by users, then by denied events, descending.
//
// It returns an error for a dimension that does not exist, and if the source cannot
// be read.
func Denied(ctx context.Context, source query.Source, f query.Filter, by ...string) (*Report, error) {
	f.Granted = query.No
	return grouped(ctx, source, f, denied, orDefault(by, "manager", "attribute"))
}

// Bypasses groups the events that f selects in which a superuser skipped the rules,
// by any of query.Dimensions; none named means user and manager. Bypassed, Newest, Limit and
// Fields of f do not matter. Order and errors are those of Denied.
func Bypasses(ctx context.Context, source query.Source, f query.Filter, by ...string) (*Report, error) {
	f.Bypassed = query.Yes
	return grouped(ctx, source, f, bypassed, orDefault(by, "user", "manager"))
}

func orDefault(by []string, names ...string) []string {
	if len(by) == 0 {
		return names
	}
	return slices.Clone(by)
}

func grouped(ctx context.Context, source query.Source, f query.Filter, measure string, by []string) (*Report, error) {
	f.Fields = 0
	groups, err := query.GroupBy(ctx, source, f, by)
	if err != nil {
		return nil, err
	}
	report := &Report{By: by}
	for group, err := range groups {
		switch {
		case err == nil:
			report.Groups = append(report.Groups, Group{group, by, measure})
			report.Sampled += group.Sampled
			report.Anonymous += group.Anonymous
		case !report.skip(err):
			return nil, err
		}
	}
	slices.SortFunc(report.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Users, a.Users), cmp.Compare(b.Events, a.Events), slices.Compare(a.Key, b.Key))
	})
	return report, nil
}
