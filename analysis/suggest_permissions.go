package analysis

import (
	"cmp"
	"context"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/counting"
	"github.com/permaudit/audit/query"
)

// permissions finds out which permissions were evaluated when keys were denied, and when that
// was, without the probers.
func (s *suggester) permissions(ctx context.Context, source query.Source, f query.Filter, rules []*checkedKey) error {
	type place struct{ manager, action, attribute string }
	at := make(map[place]*checkedKey)
	for _, k := range rules {
		for _, attribute := range k.attributes {
			at[place{k.manager, k.action, attribute}] = k
		}
	}
	by := []string{"manager", "action", "attribute", "permission"}
	err := eachGroup(ctx, source, s.withoutProbers(deniedOf(f, rules)), by, func(group *query.Group) {
		k := at[place{group.Key[0], group.Key[1], group.Key[2]}]
		if k == nil {
			return
		}
		k.deniedAt = k.deniedAt.with(spanOf(group))
		if group.Key[3] != "" {
			k.permissions = append(k.permissions, group.Key[3])
		}
	})
	for _, k := range rules {
		slices.Sort(k.permissions)
		k.permissions = slices.Compact(k.permissions)
	}
	return err
}

// deniedOf selects the denied checks of some keys, and of other attributes.
func deniedOf(f query.Filter, keys []*checkedKey) query.Filter {
	f.Granted, f.Bypassed = query.No, query.Any
	f.Manager.In, f.Action.In = nil, nil // theirs are among those that f selects
	for _, k := range keys {
		f.Manager.In = append(f.Manager.In, k.manager)
		f.Action.In = append(f.Action.In, k.action)
	}
	for _, in := range []*[]string{&f.Manager.In, &f.Action.In} {
		slices.Sort(*in)
		*in = slices.Compact(*in)
	}
	return f
}

// withoutProbers excludes the probers, however many there are: a file looks names up, and a
// database gets all of them as one argument.
func (s *suggester) withoutProbers(f query.Filter) query.Filter {
	f.User.NotIn = slices.Clone(f.User.NotIn)
	for number, is := range s.isProber {
		if is {
			f.User.NotIn = append(f.User.NotIn, s.everyone[number].name)
		}
	}
	return f
}

// eachGroup groups events without counting users. Damage and gaps are told by whoever
// counts the checks.
func eachGroup(ctx context.Context, source query.Source, f query.Filter, by []string, each func(*query.Group)) error {
	f.Fields = query.FieldTimestamp // no users
	groups, err := query.GroupBy(ctx, source, f, by)
	if err != nil {
		return err
	}
	var ignored Notes
	for group, err := range groups {
		switch {
		case err == nil:
			each(&group)
		case !ignored.skip(err):
			return err
		}
	}
	return nil
}

// sortRules puts those that the most users miss first.
func sortRules(rules []*checkedKey) {
	slices.SortFunc(rules, func(a, b *checkedKey) int {
		return cmp.Or(
			cmp.Compare(len(b.denied), len(a.denied)),
			cmp.Compare(b.Denied.Events-b.probed, a.Denied.Events-a.probed),
			compareKeys(a, b),
		)
	})
}

// keptShare is the share of what was granted that a sampled log has.
func keptShare(ctx context.Context, source query.Source, f query.Filter) (float64, error) {
	f.Granted, f.Bypassed = query.Yes, query.No
	var events, all float64
	by := []string{"metadata." + audit.MetadataSampleRate}
	err := eachGroup(ctx, source, f, by, func(group *query.Group) {
		weight, _ := counting.Weight(group.Key[0])
		events += float64(group.Events) / weight
		all += float64(group.Events)
	})
	if all == 0 {
		return 1, err
	}
	return events / all, err
}
