package audittest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/permaudit/audit/query"
)

// groupReading is a case of TestGrouper at work, and its source.
type groupReading struct{ reading }

// askGroups is what the source yields.
func askGroups(ctx context.Context, source query.Source, f query.Filter, by []string) (groups []query.Group, gaps []*query.GapError, err error) {
	sequence, err := query.GroupBy(ctx, source, f, by)
	if err != nil {
		return nil, nil, err
	}
	for group, err := range sequence {
		var gap *query.GapError
		switch {
		case errors.As(err, &gap) && reflect.ValueOf(group).IsZero():
			gaps = append(gaps, gap)
		case err != nil:
			return nil, nil, err
		default:
			groups = append(groups, group)
		}
	}
	return groups, gaps, nil
}

// groups asks the source, and compares. It reports whether all is well.
func (r *groupReading) groups(f query.Filter, by ...string) bool {
	r.Helper()
	var groups []query.Group
	var gaps []*query.GapError
	err := r.call("Group", patience, func() (err error) {
		groups, gaps, err = askGroups(r.Context(), r.source, f, by)
		return err
	})
	if err != nil {
		r.broken("the source yielded an error: %v\nBy %q, the filter: %s", err, by, filterText(f))
		r.FailNow()
	}
	return r.sameGroups(f, by, groups, gaps)
}

// sameGroups compares groups with their definition.
func (r *groupReading) sameGroups(f query.Filter, by []string, groups []query.Group, gaps []*query.GapError) bool {
	r.Helper()
	expected, gap := r.expectedGroups(f, by)
	problem := compareGroups(expected, groups)
	switch {
	case problem != "":
	case len(gaps) > 1:
		problem = fmt.Sprintf("there are %d errors of gaps", len(gaps))
	case len(gaps) == 0 && gap.Gaps > 0:
		problem = fmt.Sprintf("nothing is said of %d gaps", gap.Gaps)
	case len(gaps) == 1 && *gaps[0] != gap:
		problem = fmt.Sprintf("the gaps are %+v, want %+v", *gaps[0], gap)
	}
	if problem != "" {
		r.broken("%s\nBy %q, the filter: %s", problem, by, filterText(f))
	}
	return problem == ""
}

// compareGroups says where groups are not what is expected; "": nowhere.
func compareGroups(expected map[string]query.Group, groups []query.Group) string {
	seen := map[string]bool{}
	for _, group := range groups {
		id := strings.Join(group.Key, "\x00")
		want, found := expected[id]
		switch {
		case seen[id]:
			return fmt.Sprintf("there are two groups with the key %q", group.Key)
		case !found:
			return fmt.Sprintf("there is a group that should not be: %+v", group)
		case !slices.Equal(want.Key, group.Key):
			return fmt.Sprintf("a key is %q, want %q", group.Key, want.Key)
		case !want.First.Equal(group.First), !want.Last.Equal(group.Last), group.First.Location() != want.First.Location():
			return fmt.Sprintf("the group %q is from %v to %v, want from %v to %v", group.Key, group.First, group.Last, want.First, want.Last)
		}
		seen[id] = true
		group.Key, group.First, group.Last = want.Key, want.First, want.Last
		if !reflect.DeepEqual(want, group) {
			return fmt.Sprintf("a group is %+v, want %+v", group, want)
		}
	}
	for id, want := range expected {
		if !seen[id] {
			return fmt.Sprintf("a group is missing: %+v", want)
		}
	}
	return ""
}
