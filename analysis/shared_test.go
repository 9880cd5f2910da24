package analysis

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// What both sides select would be compared with itself.
func TestSidesThatShareChecksAreRefused(t *testing.T) {
	n := days(50, 22) // of v1, and the night of v2
	deployments := func(in, notIn []string) query.Filter {
		return query.Filter{Metadata: map[string]query.Terms{"deployment": {In: in, NotIn: notIn}}}
	}
	v2 := deployments([]string{"v2"}, nil)
	for name, row := range map[string]struct {
		baseline, candidate query.Filter
		shared              bool
	}{
		"a time":               {query.Filter{Since: at(1, 0)}, v2, true},
		"everything":           {query.Filter{}, v2, true},
		"two deployments":      {deployments([]string{"v1", "v2"}, nil), v2, true},
		"one of each two":      {deployments([]string{"v1", "v2"}, nil), deployments([]string{"v2", "v3"}, nil), true},
		"all but the other":    {deployments(nil, []string{"v1"}), v2, true},
		"all but both":         {deployments(nil, []string{"v1"}), deployments(nil, []string{"v0"}), true},
		"another field":        {query.Filter{Manager: query.Terms{In: []string{"Project"}}}, v2, true},
		"an attribute":         {query.Filter{Attribute: query.Terms{In: []string{"it"}}}, v2, true},
		"the baseline without": {query.Filter{Since: at(1, 0), Metadata: map[string]query.Terms{"deployment": {NotIn: []string{"v2"}}}}, v2, false},
		"other deployments":    {deployments([]string{"v1"}, nil), v2, false},
		"the time before":      {query.Filter{Until: at(9, 0)}, v2, false},
		"another manager":      {query.Filter{Manager: query.Terms{In: []string{"Order"}}}, v2, false},
	} {
		for _, sides := range [][2]query.Filter{{row.baseline, row.candidate}, {row.candidate, row.baseline}} {
			_, err := Compare(t.Context(), query.Slice(n), sides[0], sides[1], &CompareOptions{Match: MatchNone})
			require.Equal(t, row.shared, errors.Is(err, ErrSameChecks), "%s: %v", name, err)
		}
	}
	_, err := Compare(t.Context(), query.Slice(n), query.Filter{}, v2, &CompareOptions{Match: MatchNone})
	require.EqualError(t, err, "analysis: compare: baseline and candidate select the same checks: "+
		"12.5 % of the baseline's and 100 % of the candidate's are those of both; want filters that leave them to one side")
	_, err = Compare(t.Context(), query.Slice(n), query.Filter{}, v2, &CompareOptions{Match: MatchOverlap})
	require.ErrorIs(t, err, ErrSameChecks)
}

// They may share none at other times.
func TestAMatchWithoutSharedChecksIsLookedFor(t *testing.T) {
	n := days(50, 20, 21, 22, 23)
	for i, event := range n { // v2 runs for hours
		if event.Metadata["deployment"] == "v2" {
			n[i].Timestamp = at(9, 22).Add(event.Timestamp.Sub(at(9, 22)) * 100)
		}
	}
	c, err := Compare(t.Context(), query.Slice(n), query.Filter{Since: at(1, 0)}, deployment("v2"), nil)
	require.NoError(t, err)
	require.Equal(t, MatchWeekday, c.Match, "not MatchOverlap, in which both are v2")
	require.Len(t, c.Alerts(), 1)
}

func TestSharedFiltersSelectWhatBothDo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	values := func() (some []string) {
		for _, value := range []string{"a", "b", "c", ""} {
			if random.IntN(4) == 0 {
				some = append(some, value)
			}
		}
		return some
	}
	one := func() string { return []string{"a", "b", "c", ""}[random.IntN(4)] }
	terms := func() query.Terms { return query.Terms{In: values(), NotIn: values()} }
	second := func() time.Time { return at(1, 0).Add(time.Duration(random.IntN(5)) * time.Second) }
	filter := func() (f query.Filter) {
		for _, field := range []*query.Terms{&f.Action, &f.Manager, &f.User, &f.Attribute, &f.Permission} {
			if random.IntN(3) == 0 {
				*field = terms()
			}
		}
		if random.IntN(2) == 0 {
			f.Metadata = map[string]query.Terms{"x": terms()}
		}
		if random.IntN(3) == 0 {
			f.Since = second()
		}
		if random.IntN(3) == 0 {
			f.Until = second()
		}
		return f
	}
	said := 0
	for range 20_000 {
		a, b := filter(), filter()
		both, ok := sharedFilter(a, b)
		for range 20 {
			event := audit.PermissionAuditEvent{
				Timestamp: second(), Action: audit.Action(one()), Manager: one(), UserID: one(), Attributes: values(), Permissions: values(),
				Metadata: map[string]any{"x": one()},
			}
			isBoth := a.Match(event) && b.Match(event)
			isSeveral := len(a.Attribute.In)*len(b.Attribute.In)+len(a.Permission.In)*len(b.Permission.In) > 0
			switch {
			case ok:
				require.Equal(t, isBoth, both.Match(event), "%+v and %+v: %+v", a, b, event)
			case !isSeveral:
				require.False(t, isBoth, "%+v and %+v: %+v", a, b, event)
			}
			if isBoth {
				said++
			}
		}
	}
	require.Greater(t, said, 1000)
}
