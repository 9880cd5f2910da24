package analysis_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

var begin = time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC)

// event is a decision, so many seconds after begin.
func event(second int, user, manager string, granted, bypassed bool, attributes ...string) audit.PermissionAuditEvent {
	return audit.PermissionAuditEvent{
		Timestamp: begin.Add(time.Duration(second) * time.Second), Action: audit.ActionUpdate,
		UserID: user, Manager: manager, Granted: granted, Bypassed: bypassed, Attributes: attributes,
	}
}

// damaged is a source with damage, a gap and an error at its end, if it has one.
type damaged struct {
	query.Source

	end error
}

func (d damaged) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		if !yield(audit.PermissionAuditEvent{}, &query.DamageError{File: "x", Line: 1, Err: errors.New("torn")}) {
			return
		}
		for event, err := range d.Source.Events(ctx, f) {
			if !yield(event, err) {
				return
			}
		}
		if d.end != nil {
			yield(audit.PermissionAuditEvent{}, d.end)
		}
	}
}

func jsonLines[T any](t *testing.T, values []T) (lines []string) {
	t.Helper()
	for _, value := range values {
		line, err := json.Marshal(value)
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	return lines
}

var decisions = query.Slice([]audit.PermissionAuditEvent{
	event(0, "1", "Project", false, false, "status"),
	event(1, "1", "Project", false, false, "status"),
	event(2, "1", "Project", false, false, "status"),
	event(3, "2", "Project", false, false, "owner"),
	event(4, "3", "Project", false, false, "owner", "status"),
	event(5, "3", "Project", true, false, "owner"),
	event(6, "", "", false, false),
	event(7, "4", "Order", false, true, "total"),
	event(8, "4", "Order", true, true, "total"),
	event(9, "5", "Order", true, true, "total"),
	{
		Timestamp: begin.Add(10 * time.Second), Action: audit.ActionGap, Granted: true,
		Metadata: map[string]any{"dropped": json.Number("120")},
	},
})

// The shape that other programs rely on, and the order.
func TestDeniedGroupsAreSortedByUsersThenEvents(t *testing.T) {
	report, err := analysis.Denied(t.Context(), decisions, query.Filter{Granted: query.Yes})
	require.NoError(t, err)
	require.Equal(t, []string{"manager", "attribute"}, report.By)
	require.Equal(t, []string{
		`{"manager":"Project","attribute":"status","denied":4,"checks":4,"users":2,"first":"2026-11-23T07:46:20.000000Z","last":"2026-11-23T07:46:24.000000Z"}`,
		`{"manager":"Project","attribute":"owner","denied":2,"checks":3,"users":2,"first":"2026-11-23T07:46:23.000000Z","last":"2026-11-23T07:46:24.000000Z"}`,
		`{"manager":null,"attribute":null,"denied":1,"checks":1,"users":1,"first":"2026-11-23T07:46:26.000000Z","last":"2026-11-23T07:46:26.000000Z"}`,
		`{"manager":"Order","attribute":"total","denied":1,"checks":3,"users":1,"first":"2026-11-23T07:46:27.000000Z","last":"2026-11-23T07:46:27.000000Z"}`,
	}, jsonLines(t, report.Groups))
	require.Equal(t, analysis.Notes{Gaps: 1, Dropped: 120, Anonymous: 1}, report.Notes)
}

func TestOnlyNamedDimensionsAppear(t *testing.T) {
	report, err := analysis.Denied(t.Context(), decisions, query.Filter{Manager: query.Terms{In: []string{"Order"}}}, "metadata.a b")
	require.NoError(t, err)
	require.Equal(t, []string{
		`{"metadata.a b":null,"denied":1,"checks":3,"users":1,"first":"2026-11-23T07:46:27.000000Z","last":"2026-11-23T07:46:27.000000Z"}`,
	}, jsonLines(t, report.Groups))
}

func TestBypassesAreGroupedByUserAndManager(t *testing.T) {
	report, err := analysis.Bypasses(t.Context(), decisions, query.Filter{Bypassed: query.No})
	require.NoError(t, err)
	require.Equal(t, []string{
		`{"user":"4","manager":"Order","bypassed":2,"checks":2,"first":"2026-11-23T07:46:27.000000Z","last":"2026-11-23T07:46:28.000000Z"}`,
		`{"user":"5","manager":"Order","bypassed":1,"checks":1,"first":"2026-11-23T07:46:29.000000Z","last":"2026-11-23T07:46:29.000000Z"}`,
	}, jsonLines(t, report.Groups))
	report, err = analysis.Bypasses(t.Context(), decisions, query.Filter{Granted: query.No}, "manager")
	require.NoError(t, err)
	require.Len(t, report.Groups, 1)
	require.EqualValues(t, 1, report.Groups[0].Events)
	require.EqualValues(t, 3, report.Groups[0].Checks, "whatever the outcome")
}

func TestStatsCountDecisions(t *testing.T) {
	totals, err := analysis.Stats(t.Context(), damaged{Source: decisions}, query.Filter{})
	require.NoError(t, err)
	require.Equal(t,
		[]string{`{"events":10,"granted":3,"denied":7,"bypassed":3,"gaps":1,"dropped":120,"damaged":1,"first":"2026-11-23T07:46:20.000000Z","last":"2026-11-23T07:46:29.000000Z"}`},
		jsonLines(t, []analysis.Totals{totals}))
	totals, err = analysis.Stats(t.Context(), decisions, query.Filter{Manager: query.Terms{In: []string{"none"}}, Until: begin})
	require.NoError(t, err)
	require.Equal(t,
		[]string{`{"events":0,"granted":0,"denied":0,"bypassed":0,"gaps":0,"dropped":0,"damaged":0,"first":null,"last":null}`},
		jsonLines(t, []analysis.Totals{totals}))
}

func TestSampledEventsAreWeighed(t *testing.T) {
	sampled := event(0, "1", "Project", true, false)
	sampled.Metadata = map[string]any{audit.MetadataSampleRate: json.Number("0.1")}
	source := query.Slice([]audit.PermissionAuditEvent{sampled, sampled, event(1, "1", "Project", false, false)})
	totals, err := analysis.Stats(t.Context(), source, query.Filter{})
	require.NoError(t, err)
	require.EqualValues(t, 21, totals.Events)
	require.EqualValues(t, 20, totals.Granted)
	require.EqualValues(t, 2, totals.Sampled)
	report, err := analysis.Denied(t.Context(), source, query.Filter{}, "manager")
	require.NoError(t, err)
	require.EqualValues(t, 21, report.Groups[0].Checks)
	require.EqualValues(t, 2, report.Sampled)
}

func TestTraceIsInTheOrderOfTime(t *testing.T) {
	traced := func(second int, request string) audit.PermissionAuditEvent {
		e := event(second, "1", "Project", true, false)
		e.Metadata = map[string]any{audit.MetadataRequestID: request, "n": json.Number("7")}
		return e
	}
	source := damaged{Source: query.Slice([]audit.PermissionAuditEvent{traced(3, "r-1"), traced(1, "r-1"), traced(2, "r-2"), traced(1, "r-1"), event(0, "1", "P", true, false)})}
	filter := query.Filter{Newest: true, Metadata: map[string]query.Terms{audit.MetadataRequestID: {NotIn: []string{"r-9"}}}}
	events, notes, err := analysis.Trace(t.Context(), source, filter, audit.MetadataRequestID, "r-1")
	require.NoError(t, err)
	require.Equal(t, []audit.PermissionAuditEvent{traced(1, "r-1"), traced(1, "r-1"), traced(3, "r-1")}, events)
	require.EqualValues(t, 1, notes.Damaged)
	require.Equal(t, []string{"r-9"}, filter.Metadata[audit.MetadataRequestID].NotIn, "the filter is the caller's")
	filter.Metadata[audit.MetadataRequestID] = query.Terms{In: []string{"r-2", "r-3"}}
	events, _, err = analysis.Trace(t.Context(), source, filter, audit.MetadataRequestID, "r-1")
	require.NoError(t, err)
	require.Empty(t, events, "what the filter does not select")
	events, _, err = analysis.Trace(t.Context(), source, query.Filter{}, "n", "7")
	require.NoError(t, err)
	require.Len(t, events, 4)
}

func TestWhatCannotBeReadIsAnError(t *testing.T) {
	failed := errors.New("disk on fire")
	source := damaged{decisions, failed}
	_, err := analysis.Denied(t.Context(), source, query.Filter{})
	require.ErrorIs(t, err, failed)
	_, err = analysis.Bypasses(t.Context(), source, query.Filter{})
	require.ErrorIs(t, err, failed)
	_, err = analysis.Stats(t.Context(), source, query.Filter{})
	require.ErrorIs(t, err, failed)
	_, _, err = analysis.Trace(t.Context(), source, query.Filter{}, "request_id", "r-1")
	require.ErrorIs(t, err, failed)
	_, err = analysis.Denied(t.Context(), decisions, query.Filter{}, "color")
	require.ErrorContains(t, err, `group by "color": unknown`)
}

func TestOrderAndFieldsOfAFilterDoNotMatterToReports(t *testing.T) {
	answers := func(f query.Filter) (all []any) {
		for _, ask := range []func(context.Context, query.Source, query.Filter, ...string) (*analysis.Report, error){analysis.Denied, analysis.Bypasses} {
			report, err := ask(t.Context(), decisions, f)
			require.NoError(t, err)
			all = append(all, report)
		}
		totals, err := analysis.Stats(t.Context(), decisions, f)
		require.NoError(t, err)
		return append(all, totals)
	}
	want := answers(query.Filter{})
	for _, f := range []query.Filter{{Newest: true}, {Limit: 1}, {Fields: query.FieldID}, {Fields: query.FieldManager}} {
		require.Equal(t, want, answers(f), f)
	}
}
