package analysis_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// keep decides as it was recorded.
func keep(_ context.Context, event audit.PermissionAuditEvent) (bool, error) {
	return event.Granted, nil
}

// seen is a decide that keeps what it is given, and decides the opposite.
func seen(events *[]audit.PermissionAuditEvent) func(context.Context, audit.PermissionAuditEvent) (bool, error) {
	return func(_ context.Context, event audit.PermissionAuditEvent) (bool, error) {
		*events = append(*events, event)
		return !event.Granted, nil
	}
}

func replay(t *testing.T, source query.Source, f query.Filter, decide func(context.Context, audit.PermissionAuditEvent) (bool, error), by ...string) *analysis.Replayed {
	t.Helper()
	report, err := analysis.Replay(t.Context(), source, f, decide, by...)
	require.NoError(t, err)
	return report
}

func TestReplayDecidesEachCheckOnce(t *testing.T) {
	read := event(9, "1", "Project", true, false, "status", "owner")
	read.Action = audit.ActionRead
	byRepr := event(8, "", "Project", true, false)
	byRepr.User = audit.UserRepr("AnonymousUser")
	different := []audit.PermissionAuditEvent{
		event(2, "1", "Project", true, false, "owner", "status", "owner"), // the newest of three
		event(3, "1", "Project", true, false, "status"),
		event(4, "1", "Project", true, false, "status", ""),
		event(5, "1", "Project", true, false),
		event(6, "1", "Project", true, false, ""),
		event(7, "2", "Project", true, false, "status", "owner"),
		byRepr,
		event(8, "", "Project", true, false),
		event(8, "1", "", true, false, "status", "owner"),
		read,
	}
	source := query.Slice(append([]audit.PermissionAuditEvent{
		event(0, "1", "Project", true, false, "status", "owner"),
		event(1, "1", "Project", false, false, "owner", "status"),
	}, different...))
	var events []audit.PermissionAuditEvent
	report := replay(t, source, query.Filter{}, seen(&events))
	for i := range events {
		require.Equal(t, different[i].Attributes, events[i].Attributes)
		require.Equal(t, different[i].Timestamp, events[i].Timestamp)
	}
	require.Len(t, events, len(different))
	require.EqualValues(t, len(different), report.NewlyDenied.Checks)
	require.EqualValues(t, 4, report.NewlyDenied.Users)
	require.EqualValues(t, 1, report.Inconsistent)
	require.EqualValues(t, 1, report.Anonymous)
}

// A user who is known by a value of the host's is who would be recorded.
func TestReplayKnowsUsersAsTheyWouldBeRecorded(t *testing.T) {
	byID, byValue, text := event(0, "7", "P", true, false), event(1, "", "P", true, false), event(2, "", "P", true, false)
	byValue.User = 7
	text.User = struct{ secret string }{"s"}
	var events []audit.PermissionAuditEvent
	report := replay(t, query.Slice([]audit.PermissionAuditEvent{byID, byValue, text}), query.Filter{}, seen(&events), "user")
	require.Len(t, events, 2)
	require.EqualValues(t, 2, report.NewlyDenied.Users)
	require.Equal(t, []string{"7"}, report.Groups[0].Key)
}

func TestReplayComparesWithTheNewestOutcome(t *testing.T) {
	late, early := event(5, "1", "P", true, false, "a"), event(1, "1", "P", false, false, "a")
	first, second := event(7, "2", "P", true, false), event(7, "2", "P", false, false)
	for _, f := range []query.Filter{{}, {Newest: true}, {Newest: true, Limit: 100}, {Fields: query.FieldAction}} {
		var events []audit.PermissionAuditEvent
		report := replay(t, query.Slice([]audit.PermissionAuditEvent{late, early, first, second}), f, seen(&events))
		require.EqualValues(t, 1, report.NewlyDenied.Checks)
		require.Equal(t, late.Timestamp, report.NewlyDenied.Examples[0].Event.Timestamp, "what arrives late is not what is newest")
		require.EqualValues(t, 1, report.NewlyGranted.Checks)
		require.False(t, report.NewlyGranted.Examples[0].Event.Granted, "of one moment the last one")
		require.EqualValues(t, 2, report.Inconsistent)
	}
}

func TestReplayOfTheLastEvents(t *testing.T) {
	source := query.Slice([]audit.PermissionAuditEvent{
		event(0, "1", "P", true, false), event(1, "2", "P", true, false), event(2, "3", "P", true, false), event(3, "3", "P", true, false),
	})
	for limit, want := range map[int][]string{1: {"3"}, 3: {"3", "2"}} {
		var events []audit.PermissionAuditEvent
		replay(t, source, query.Filter{Newest: true, Limit: limit}, seen(&events))
		var users []string
		for _, e := range events {
			users = append(users, e.UserID)
		}
		require.Equal(t, want, users)
	}
	var events []audit.PermissionAuditEvent
	replay(t, source, query.Filter{Limit: 1}, seen(&events))
	require.Equal(t, "1", events[0].UserID)
}

func TestReplaySaysWhatWouldChangeByKey(t *testing.T) {
	decide := func(_ context.Context, e audit.PermissionAuditEvent) (bool, error) {
		switch {
		case e.Manager == "Order" && e.UserID == "5":
			return false, errors.New("no such order")
		case e.Manager == "Order":
			return false, nil
		case slices.Contains(e.Attributes, "status"):
			return true, nil
		}
		return e.Granted, nil
	}
	report := replay(t, damaged{Source: decisions}, query.Filter{}, decide)
	for i := range report.Groups {
		report.Groups[i].NewlyDenied.Examples, report.Groups[i].NewlyGranted.Examples = nil, nil // they have a test of their own
	}
	require.Equal(t, []string{"manager", "action", "attribute"}, report.By)
	require.Equal(t, []string{
		`{"manager":"Order","action":"update","attribute":"total","newly_granted":{"checks":0,"users":0,"bypassed":0},"newly_denied":{"checks":1,"users":1,"bypassed":1},"unchanged":{"checks":0,"users":0,"bypassed":0},` +
			`"errors":{"checks":1,"users":1,"bypassed":1,"examples":[{"event":{"id":null,"timestamp":"2026-11-23T07:46:29.000000Z","action":"update","attributes":["total"],"granted":true,"bypassed":true,"manager":"Order","user_id":"5","user":null,"permissions":[],"metadata":null},"error":"no such order"}]}}`,
		`{"manager":"Project","action":"update","attribute":"status","newly_granted":{"checks":2,"users":2,"bypassed":0},"newly_denied":{"checks":0,"users":0,"bypassed":0},"unchanged":{"checks":0,"users":0,"bypassed":0},"errors":{"checks":0,"users":0,"bypassed":0}}`,
		`{"manager":"Project","action":"update","attribute":"owner","newly_granted":{"checks":1,"users":1,"bypassed":0},"newly_denied":{"checks":0,"users":0,"bypassed":0},"unchanged":{"checks":2,"users":2,"bypassed":0},"errors":{"checks":0,"users":0,"bypassed":0}}`,
		`{"manager":null,"action":"update","attribute":null,"newly_granted":{"checks":0,"users":0,"bypassed":0},"newly_denied":{"checks":0,"users":0,"bypassed":0},"unchanged":{"checks":1,"users":1,"bypassed":0},"errors":{"checks":0,"users":0,"bypassed":0}}`,
	}, jsonLines(t, report.Groups))
	require.EqualValues(t, 2, report.NewlyGranted.Checks, "a check of two attributes is one")
	require.EqualValues(t, 3, report.Unchanged.Checks)
	require.EqualValues(t, 3, report.Unchanged.Users)
	require.EqualValues(t, 1, report.Inconsistent)
	require.Equal(t, analysis.Notes{Damaged: 1, Gaps: 1, Dropped: 120, Anonymous: 1}, report.Notes)

	whole := jsonLines(t, []*analysis.Replayed{report})[0]
	require.True(t, strings.HasPrefix(whole, `{"newly_granted":{"checks":2,"users":2,"bypassed":0,"examples":[{"event":{`), whole)
	require.Contains(t, whole, `"inconsistent":1,"gaps":1,"dropped":120,"damaged":1,"groups":[{"manager":"Order",`)
}

func TestReplayOfNothing(t *testing.T) {
	report := replay(t, query.Slice(nil), query.Filter{}, keep)
	none := `{"checks":0,"users":0,"bypassed":0}`
	require.JSONEq(t, `{"newly_granted":`+none+`,"newly_denied":`+none+`,"unchanged":`+none+`,"errors":`+none+`,"inconsistent":0,"gaps":0,"dropped":0,"damaged":0,"groups":[]}`,
		jsonLines(t, []*analysis.Replayed{report})[0])
	require.Zero(t, replay(t, decisions, query.Filter{Until: begin}, keep).Gaps, "those of its time")
	gap := query.Filter{Action: query.Terms{In: []string{string(audit.ActionGap), "update"}}}
	require.EqualValues(t, 7, replay(t, decisions, gap, keep).Unchanged.Checks, "a gap is no check, even if the filter names it")
}

func TestReplayedGroupsAreSortedByNewlyDeniedUsersThenNewlyGrantedOnes(t *testing.T) {
	source := query.Slice([]audit.PermissionAuditEvent{
		event(0, "1", "A", true, false, "a"), event(1, "1", "A", true, false, "b"), event(2, "1", "A", true, false, "c"),
		event(3, "1", "B", true, false), event(4, "2", "B", true, false),
		event(5, "1", "C", true, false), event(6, "1", "C", false, false, "a"),
		event(7, "1", "D", false, false), event(8, "2", "D", false, false),
		event(9, "1", "E", false, false, "a"), event(10, "1", "E", false, false, "b"), event(11, "1", "E", false, false, "c"),
		event(12, "1", "F", false, false),
	})
	var events []audit.PermissionAuditEvent
	var order []string
	for _, g := range replay(t, source, query.Filter{}, seen(&events), "manager").Groups {
		order = append(order, g.Key[0])
	}
	require.Equal(t, []string{"B", "C", "A", "D", "E", "F"}, order)
}

func TestReplayGroupsByAnyDimension(t *testing.T) {
	one, two := event(0, "1", "P", true, false, "a"), event(1, "2", "P", true, false, "a", "b", "a")
	one.Permissions, one.Metadata = []string{"isOwner", "isStaff"}, map[string]any{"deployment": "v1", audit.MetadataSampleRate: json.Number("0.1")}
	source := query.Slice([]audit.PermissionAuditEvent{one, two})
	for by, want := range map[string][][]string{
		"manager":             {{"P"}},
		"attribute":           {{"a"}, {"b"}},
		"user":                {{"1"}, {"2"}},
		"permission":          {{""}, {"isOwner"}, {"isStaff"}},
		"metadata.deployment": {{""}, {"v1"}},
		"day":                 {{"2026-11-23"}},
	} {
		var events []audit.PermissionAuditEvent
		report := replay(t, source, query.Filter{}, seen(&events), by)
		var keys [][]string
		for _, g := range report.Groups {
			keys = append(keys, g.Key)
		}
		require.ElementsMatch(t, want, keys, by)
		require.EqualValues(t, 2, report.NewlyDenied.Checks, "they are not weighed")
		require.EqualValues(t, 1, report.Sampled)
	}
	_, err := analysis.Replay(t.Context(), source, query.Filter{}, keep, "color")
	require.ErrorContains(t, err, `group by "color": unknown`)
	_, err = analysis.Replay(t.Context(), source, query.Filter{}, nil)
	require.ErrorContains(t, err, "decide is nil")
}

// A replay with the rules that decided changes nothing, whatever reads the log.
func TestReplayOfALogWithTheSameRulesChangesNothing(t *testing.T) {
	source := query.Files("../query/testdata/general_manager.log")
	report := replay(t, source, query.Filter{Fields: query.FieldAction}, keep)
	require.Greater(t, len(report.Groups), 10, "whatever the caller needs")
	require.Zero(t, report.NewlyDenied.Checks+report.NewlyGranted.Checks+report.Errors.Checks)
	var all []audit.PermissionAuditEvent
	for e, err := range source.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		all = append(all, e)
	}
	require.Equal(t, report, replay(t, query.Slice(all), query.Filter{}, keep))
}
