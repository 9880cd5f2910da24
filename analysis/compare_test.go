package analysis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// night makes up the checks of a service under two deployments.
type night []audit.PermissionAuditEvent

// outcome is how a check ends.
type ending int

const (
	granted ending = iota
	refused
	skipped // the rules, by a superuser
)

// add lets so many users, the first one by its number, check an attribute of Project so
// many times each.
func (n *night) add(deployment, attribute string, first, users, times int, end ending) {
	for user := first; user < first+users; user++ {
		for range times {
			*n = append(*n, audit.PermissionAuditEvent{
				Timestamp: at(26, 22).Add(time.Duration(len(*n)) * time.Millisecond),
				Action:    audit.ActionUpdate, Manager: "Project", Attributes: strings.Split(attribute, " "), UserID: fmt.Sprint(user),
				Granted: end != refused, Bypassed: end == skipped, Metadata: map[string]any{"deployment": deployment},
			})
		}
	}
}

func deployment(name string) query.Filter {
	return query.Filter{Metadata: map[string]query.Terms{"deployment": {In: []string{name}}}}
}

// compare compares v1 and v2, which ran at once or one after the other.
func (n night) compare(t *testing.T, options CompareOptions) *Comparison {
	t.Helper()
	options.Match = MatchNone
	c, err := Compare(t.Context(), query.Slice(n), deployment("v1"), deployment("v2"), &options)
	require.NoError(t, err)
	return c
}

// of is the verdict on an attribute.
func (c *Comparison) of(t *testing.T, attribute string) KeyVerdict {
	t.Helper()
	i := slices.IndexFunc(c.Keys, func(k KeyVerdict) bool { return k.Key[2] == attribute })
	require.GreaterOrEqual(t, i, 0, attribute)
	return c.Keys[i]
}

// quiet is the same under both deployments: 40 keys with 50 users, of whom some are denied.
func quiet() night {
	var n night
	for key := range 40 {
		for _, name := range []string{"v1", "v2"} {
			n.add(name, fmt.Sprint("quiet", key), 0, 40, 2, granted)
			n.add(name, fmt.Sprint("quiet", key), 40, key%10, 2, refused)
			n.add(name, fmt.Sprint("quiet", key), 40+key%10, 2, 2, skipped)
		}
	}
	return n
}

func TestAlertsComeFirstAndTheWorstBeforeOthers(t *testing.T) {
	n := quiet()
	n.add("v1", "strict", 0, 60, 1, granted)
	n.add("v2", "strict", 0, 40, 1, granted)
	n.add("v2", "strict", 40, 20, 1, refused)
	n.add("v1", "stricter", 0, 60, 1, granted)
	n.add("v2", "stricter", 0, 20, 1, granted)
	n.add("v2", "stricter", 20, 40, 1, refused)
	n.add("v1", "lost", 0, 20, 1, granted)
	n.add("v2", "lost", 0, 20, 1, refused)
	n.add("v1", "gone", 0, 20, 1, granted)
	n.add("v1", "mended", 0, 60, 1, refused)
	n.add("v2", "mended", 0, 60, 1, granted)
	n.add("v2", "new", 0, 30, 1, refused)
	n.add("v2", "few", 0, 1, 1, granted)
	c := n.compare(t, CompareOptions{})
	var order []string
	for _, k := range c.Keys[:6] {
		order = append(order, k.Key[2])
	}
	require.Equal(t, []string{"lost", "stricter", "strict", "new", "gone", "mended"}, order)
	require.Equal(t, VerdictTooFew, c.Keys[6].Verdict)
	require.Len(t, c.Alerts(), 5)
	require.Equal(t, len(c.Keys)-1, c.Judged())
}

func TestWhatOneAttributeExplainsIsNoAlertOfItsOwn(t *testing.T) {
	n := quiet()
	for _, name := range []string{"v1", "v2"} {
		end := granted
		if name == "v2" {
			end = refused
		}
		n.add(name, "lost", 0, 50, 1, end)
		n.add(name, "lost beside", 0, 30, 1, end)
		n.add(name, "beside", 0, 60, 1, granted)
		n.add(name, "lost strict", 50, 10, 1, end)
		n.add(name, "strict", 100, 60, 1, granted)
	}
	n.add("v2", "strict", 130, 30, 1, refused)
	c := n.compare(t, CompareOptions{})
	require.Equal(t, VerdictLostRule, c.of(t, "lost").Verdict)
	require.Nil(t, c.of(t, "lost").DeniedWith)
	require.Equal(t, VerdictRegression, c.of(t, "beside").Verdict)
	require.Equal(t, []string{"Project", "update", "lost"}, c.of(t, "beside").DeniedWith)
	require.Equal(t, VerdictRegression, c.of(t, "strict").Verdict)
	require.Nil(t, c.of(t, "strict").DeniedWith, "its other users are enough")
	require.Len(t, c.Alerts(), 2)
}

func TestAttributesThatAlwaysComeTogetherAreBothNamed(t *testing.T) {
	n := quiet()
	n.add("v1", "one other", 0, 50, 1, granted)
	n.add("v2", "one other", 0, 50, 1, refused)
	require.Len(t, n.compare(t, CompareOptions{}).Alerts(), 2)
}

func TestAKeyThatIsNotCheckedEveryWeekDoesNotVanish(t *testing.T) {
	for name, c := range map[string]struct {
		weeks []int
		want  Verdict
	}{
		"every week":     {[]int{0, 1, 2}, VerdictVanished},
		"but not in one": {[]int{0, 2}, VerdictTooFew},
	} {
		var n night
		add := func(week, hour int, manager string, users int) {
			for user := range users {
				n = append(n, audit.PermissionAuditEvent{
					Timestamp: at(2+7*week, hour), Action: audit.ActionRead, Manager: manager, UserID: fmt.Sprint(user), Granted: true,
				})
			}
		}
		for week := range 4 {
			add(week, 8, "Project", 60)
			if slices.Contains(c.weeks, week) {
				add(week, 9, "Report", 60)
			}
		}
		comparison, err := Compare(t.Context(), query.Slice(n), query.Filter{Until: at(23, 0)}, query.Filter{Since: at(23, 0), Until: at(24, 0)}, &CompareOptions{By: []string{"manager"}})
		require.NoError(t, err)
		require.Equal(t, "Report", comparison.Keys[0].Key[0], name)
		require.Equal(t, c.want, comparison.Keys[0].Verdict, name)
	}
}

func TestOptionsOfCompareMatter(t *testing.T) {
	n := quiet()
	n.add("v1", "it", 0, 96, 1, granted)
	n.add("v1", "it", 96, 4, 1, refused)
	n.add("v2", "it", 0, 84, 1, granted)
	n.add("v2", "it", 84, 16, 1, refused)
	require.Equal(t, VerdictUnchanged, n.compare(t, CompareOptions{}).of(t, "it").Verdict, "not among 41 keys")
	alone := CompareOptions{By: []string{"attribute"}, Alpha: 0.2}
	attribute := func(options CompareOptions) Verdict {
		c := n.compare(t, options)
		return c.Keys[slices.IndexFunc(c.Keys, func(k KeyVerdict) bool { return k.Key[0] == "it" })].Verdict
	}
	require.Equal(t, VerdictRegression, attribute(alone))
	alone.MinUsers = 13
	require.Equal(t, VerdictUnchanged, attribute(alone))
	alone.MinUsers, alone.MinRatio = 0, 5
	require.Equal(t, VerdictUnchanged, attribute(alone))
}

func TestOptionsOfCompareAreChecked(t *testing.T) {
	for want, options := range map[string]CompareOptions{
		"Alpha is 1,":              {Alpha: 1},
		"Alpha is -0.1,":           {Alpha: -0.1},
		"Alpha is NaN,":            {Alpha: math.NaN()},
		"MinRatio is 0.5,":         {MinRatio: 0.5},
		"MinRatio is +Inf,":        {MinRatio: math.Inf(1)},
		"MinUsers is -1,":          {MinUsers: -1},
		`Match is "x",`:            {Match: "x"},
		`group by "colour"`:        {By: []string{"colour"}},
		`it is named twice`:        {By: []string{"user", "user"}},
		`never ran at once`:        {Match: MatchOverlap},
		`no hours match by "hour"`: {Match: MatchHour},
	} {
		_, err := Compare(t.Context(), query.Slice(dayAndNight()), deployment("v1"), deployment("v2"), &options)
		require.ErrorContains(t, err, want)
	}
}

// dayAndNight has one check of v1 at night, and one of v2 by day.
func dayAndNight() night {
	var n night
	n.add("v1", "it", 0, 2, 1, granted)
	n.add("v2", "it", 0, 2, 1, granted)
	for i := range n[2:] {
		n[2+i].Timestamp = at(26, 10+i)
	}
	return n
}

func TestTheSameChecksAreNotComparedWithThemselves(t *testing.T) {
	source := query.Slice(quiet())
	_, err := Compare(t.Context(), source, deployment("v1"), deployment("v1"), nil)
	require.ErrorContains(t, err, "select the same checks from 2026-11-26T22:00:00Z")
	_, err = Compare(t.Context(), source, query.Filter{Since: at(1, 0), Until: at(28, 0)}, query.Filter{Since: at(27, 0), Until: at(29, 0)}, nil)
	require.ErrorContains(t, err, "select the same checks from 2026-11-27T00:00:00Z to 2026-11-28T00:00:00Z")
}

func TestASideWithoutChecksHasNoVerdicts(t *testing.T) {
	c, err := Compare(t.Context(), query.Slice(quiet()), deployment("v1"), deployment("v3"), nil)
	require.NoError(t, err)
	require.Empty(t, c.Keys)
	require.Zero(t, c.Judged())
	require.Len(t, c.Baseline.Windows, 1)
	require.Empty(t, c.Candidate.Windows)
}

func TestAUserCountsOnceInEachWindow(t *testing.T) {
	var n night
	for week := range 4 { // three of the baseline
		for hour := range 24 {
			for user := range 30 {
				n = append(n, audit.PermissionAuditEvent{
					Timestamp: at(2+7*week, hour), Action: audit.ActionRead, Manager: "Project", UserID: fmt.Sprint(user),
					Granted: user >= 3 || week == 1 && user > 0,
				})
			}
		}
	}
	c, err := Compare(t.Context(), query.Slice(n), query.Filter{Until: at(23, 0)}, query.Filter{Since: at(23, 8), Until: at(23, 20)}, nil)
	require.NoError(t, err)
	require.Equal(t, MatchWeekday, c.Match)
	require.Equal(t, []query.Window{window(at(2, 8), at(2, 20)), window(at(9, 8), at(9, 20)), window(at(16, 8), at(16, 20))}, c.Baseline.Windows)
	require.Equal(t, int64(90), c.Baseline.Users)
	require.Equal(t, int64(30), c.Candidate.Users)
	require.Len(t, c.Keys, 1)
	require.Equal(t, KeySide{Checks: 1080, Denied: 7 * 12, Users: 90, DeniedUsers: 7, AllUsers: 90}, c.Keys[0].Baseline)
	require.Equal(t, KeySide{Checks: 360, Denied: 36, Users: 30, DeniedUsers: 3, AllUsers: 30}, c.Keys[0].Candidate)
}

func TestProbersAreNamed(t *testing.T) {
	n := quiet()
	for key := range 5 {
		n.add("v2", fmt.Sprint("quiet", key), 666, 1, 3, refused)
		n.add("v2", fmt.Sprint("quiet", key), 777, 1, 1, refused) // who did so before
		n.add("v1", fmt.Sprint("quiet", key), 777, 1, 1, refused)
	}
	for key := range 4 {
		n.add("v2", fmt.Sprint("quiet", key), 888, 1, 1, refused) // of too few keys
		n.add("v2", fmt.Sprint("quiet", key+20), 666, 1, 1, granted)
	}
	for key := range 10 {
		n.add("v2", fmt.Sprint("quiet", key), 999, 1, 1, []ending{granted, refused}[key%2]) // for whom half is granted
	}
	c := n.compare(t, CompareOptions{})
	require.Equal(t, []Prober{{User: "666", Keys: 5, Asked: 9, Denied: 15}}, c.Probers)
	require.Empty(t, c.Alerts())
	text, err := json.Marshal(c.Probers[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"user":"666","keys":5,"asked":9,"denied":15}`, string(text))
}

// failing yields events, and then an error or damage.
type failing struct {
	night
	err error
}

func (f failing) Events(ctx context.Context, filter query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		if yield(audit.PermissionAuditEvent{}, f.err) {
			query.Slice(f.night).Events(ctx, filter)(yield)
		}
	}
}

func TestCompareSkipsDamageAndReturnsErrors(t *testing.T) {
	_, err := Compare(t.Context(), failing{quiet(), errors.New("disk is gone")}, deployment("v1"), deployment("v2"), nil)
	require.ErrorContains(t, err, "disk is gone")
	c, err := Compare(t.Context(), failing{quiet(), &query.DamageError{File: "x", Line: 1, Err: errors.New("torn")}}, deployment("v1"), deployment("v2"), &CompareOptions{Match: MatchNone})
	require.NoError(t, err)
	require.Equal(t, int64(1), c.Damaged)
	require.Len(t, c.Keys, 40)
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, err = Compare(ended, query.Slice(quiet()), deployment("v1"), deployment("v2"), nil)
	require.EqualError(t, err, "enough")
}
