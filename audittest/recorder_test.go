package audittest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

func denied(manager, user string) audit.PermissionAuditEvent {
	return audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Manager: manager, UserID: user, Attributes: []string{"status", "owner"},
		Permissions: []string{"isOwner"}, Metadata: map[string]any{audit.MetadataRequestID: "r-1", "try": 1},
	}
}

func TestRecorderKeepsEventsInOrder(t *testing.T) {
	recorder := NewRecorder()
	require.Empty(t, recorder.Events())
	event := denied("Project", "bob")
	require.NoError(t, recorder.Record(t.Context(), event))
	require.NoError(t, recorder.Record(t.Context(), denied("Order", "alice")))
	event.Attributes[0] = "changed"
	events := recorder.Events()
	require.Len(t, events, 2)
	require.Equal(t, "Project", events[0].Manager)
	require.Equal(t, "status", events[0].Attributes[0], "frozen")
	require.False(t, events[0].ID.IsZero())

	events[0].Attributes[0], events[0].Metadata["try"] = "changed", "changed"
	require.Equal(t, "status", recorder.Events()[0].Attributes[0], "a copy")
	require.Equal(t, 1, recorder.Events()[0].Metadata["try"])
}

func TestRecorderRefusesWhatLoggersRefuse(t *testing.T) {
	recorder := NewRecorder()
	event := denied("Project", "bob")
	event.Action = ""
	require.ErrorIs(t, recorder.Record(t.Context(), event), audit.ErrInvalidEvent)
	event.Action = audit.Action(strings.Repeat("x", audit.MaxActionBytes+1))
	require.ErrorIs(t, recorder.Record(t.Context(), event), audit.ErrInvalidEvent)
	require.Empty(t, recorder.Events())
}

func TestRecorderFailsWith(t *testing.T) {
	recorder := NewRecorder()
	full := errors.New("disk full")
	recorder.FailWith(full)
	require.ErrorIs(t, recorder.Record(t.Context(), denied("Project", "bob")), full)
	require.Empty(t, recorder.Events())
	recorder.FailWith(nil)
	require.NoError(t, recorder.Record(t.Context(), denied("Project", "bob")))
	require.Len(t, recorder.Events(), 1)
}

func TestRecorderIsClosedByShutdown(t *testing.T) {
	recorder := NewRecorder()
	require.NoError(t, recorder.Record(t.Context(), denied("Project", "bob")))
	require.NoError(t, recorder.Flush(t.Context()))
	require.NoError(t, recorder.Shutdown(t.Context()))
	require.NoError(t, recorder.Close(), "as often as it is called")
	require.ErrorIs(t, recorder.Record(t.Context(), denied("Project", "bob")), audit.ErrClosed)
	require.ErrorIs(t, recorder.Flush(t.Context()), audit.ErrClosed)
	require.Len(t, recorder.Events(), 1)
}

func TestRecorderIsNewAfterReset(t *testing.T) {
	recorder := NewRecorder()
	require.NoError(t, recorder.Record(t.Context(), denied("Project", "bob")))
	recorder.FailWith(errors.New("disk full"))
	require.NoError(t, recorder.Close())
	recorder.Reset()
	require.Empty(t, recorder.Events())
	require.NoError(t, recorder.Record(t.Context(), denied("Project", "bob")))
}

func TestWaitForReturnsWhenThereAreEnough(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := NewRecorder()
		go func() {
			for range 3 {
				<-time.After(time.Second)
				_ = recorder.Record(t.Context(), denied("Project", "bob"))
			}
		}()
		start := time.Now()
		events, err := recorder.WaitFor(t.Context(), 2)
		require.NoError(t, err)
		require.Len(t, events, 2)
		require.Equal(t, 2*time.Second, time.Since(start), "no later than the second event")
		require.Len(t, recorder.Wait(t, 3), 3)
		events, err = recorder.WaitFor(t.Context(), 0)
		require.NoError(t, err)
		require.Len(t, events, 3, "all that there are")
	})
}

func TestWaitForListsWhatThereIsWhenTheContextEnds(t *testing.T) {
	recorder := NewRecorder()
	require.NoError(t, recorder.Record(t.Context(), denied("Project", "bob")))
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("enough")
	cancel(cause)
	events, err := recorder.WaitFor(ctx, 2)
	require.Len(t, events, 1)
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "audittest: wait for 2 events: enough\nrecorded 1 event:\n  1. denied \"update\" of \"Project\" by \"bob\"")
	_, err = recorder.WaitFor(ctx, 1)
	require.NoError(t, err, "there are as many already")
}

func TestWaitStopsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		recorder := NewRecorder()
		start := time.Now()
		fake := onFake(t, "test", func(tb testing.TB) {
			recorder.Wait(tb, 1)
			t.Error("Wait returned")
		})
		require.True(t, fake.failed)
		require.Equal(t, "audittest: wait for 1 events: gave up after 10s\nrecorded: nothing\n", fake.log.String())
		require.Equal(t, 10*time.Second, time.Since(start))
	})
}

func TestAssertionsTellOutcomesApart(t *testing.T) {
	byRule, byBypass, refused := denied("Project", "alice"), denied("Project", "root"), denied("Project", "bob")
	byRule.Granted = true
	byBypass.Granted, byBypass.Bypassed = true, true
	for name, check := range map[string]struct {
		assert func(r *Recorder, tb testing.TB, matches ...Match) bool
		event  audit.PermissionAuditEvent
	}{
		"granted":  {(*Recorder).AssertGranted, byRule},
		"bypassed": {(*Recorder).AssertBypassed, byBypass},
		"denied":   {(*Recorder).AssertDenied, refused},
	} {
		t.Run(name, func(t *testing.T) {
			for _, event := range []audit.PermissionAuditEvent{byRule, byBypass, refused} {
				recorder := NewRecorder()
				require.NoError(t, recorder.Record(t.Context(), event))
				var answer bool
				fake := onFake(t, "test", func(tb testing.TB) { answer = check.assert(recorder, tb) })
				require.Equal(t, event.UserID == check.event.UserID, answer)
				require.Equal(t, !answer, fake.failed)
				fake = onFake(t, "test", func(tb testing.TB) { answer = check.assert(recorder, tb, Match{Manager: "Order"}) })
				require.False(t, answer)
				require.True(t, fake.failed)
			}
		})
	}
}

func TestAssertionsSayWhy(t *testing.T) {
	recorder := NewRecorder()
	require.NoError(t, recorder.Record(t.Context(), denied("Project", "bob")))
	granted := audit.PermissionAuditEvent{Action: audit.ActionRead, Granted: true, Bypassed: true, User: audit.UserRepr("AnonymousUser")}
	require.NoError(t, recorder.Record(t.Context(), granted))
	fake := onFake(t, "test", func(tb testing.TB) {
		recorder.AssertDenied(tb, Match{
			Action: audit.ActionUpdate, Manager: "Project", User: "alice", Attributes: []string{"name", "owner"},
			Permissions: []string{"isAdmin"}, Metadata: map[string]any{"try": 2, "trace_id": "t"},
		})
	})
	require.Equal(t, `audittest: not recorded: not granted, action "update", manager "Project", user "alice", attribute "name", attribute "owner", permission "isAdmin", metadata "trace_id" = "t", metadata "try" = 2
recorded 2 events:
  1. denied "update" of "Project" by "bob", attributes ["status" "owner"], permissions ["isOwner"], metadata {"request_id":"r-1","try":1}
     does not match: user is "bob", attribute "name" is missing, permission "isAdmin" is missing, metadata "trace_id" is missing, metadata "try" is 1
  2. granted (bypassed) "read" by "AnonymousUser"
     does not match: granted, action is "read", manager is "", user is "AnonymousUser", attribute "name" is missing, attribute "owner" is missing, permission "isAdmin" is missing, metadata "trace_id" is missing, metadata "try" is missing
`, fake.log.String())
}

func TestMatchMatchesEveryFieldThatIsSet(t *testing.T) {
	event := denied("Project", "bob")
	event.Granted = true
	require.True(t, Match{}.Matches(event))
	require.True(t, Match{
		Action: audit.ActionUpdate, Manager: "Project", User: "bob", Attributes: []string{"owner", "status"}, Permissions: []string{"isOwner"},
		Metadata: map[string]any{"try": 1.0}, Granted: query.Yes, Bypassed: query.No,
	}.Matches(event))
	for _, m := range []Match{
		{Action: audit.ActionRead},
		{Manager: "project"},
		{User: "bo"},
		{Attributes: []string{"status", "name"}},
		{Permissions: []string{""}},
		{Metadata: map[string]any{"try": "1"}},
		{Metadata: map[string]any{"absent": nil}},
		{Granted: query.No},
		{Bypassed: query.Yes},
	} {
		require.False(t, m.Matches(event), m.String())
	}
	require.Equal(t, "any event", Match{}.String())
	require.Equal(t, "granted, not bypassed", Match{Granted: query.Yes, Bypassed: query.No}.String())
}

func TestAssertNone(t *testing.T) {
	recorder := NewRecorder()
	require.True(t, recorder.AssertNone(t))
	require.NoError(t, recorder.Record(t.Context(), denied("Project", "bob")))
	require.True(t, recorder.AssertNone(t, Match{User: "alice"}, Match{Manager: "Order"}))
	fake := onFake(t, "test", func(tb testing.TB) { recorder.AssertNone(tb) })
	require.Contains(t, fake.log.String(), "recorded what should not have been: any event\nrecorded 1 event:")
	fake = onFake(t, "test", func(tb testing.TB) { recorder.AssertNone(tb, Match{User: "alice"}, Match{User: "bob"}) })
	require.Contains(t, fake.log.String(), "recorded what should not have been: user \"bob\"\n")
	require.Contains(t, fake.log.String(), "\n     matches\n")
}

func TestListsAreBounded(t *testing.T) {
	events := make([]audit.PermissionAuditEvent, mostListed+7)
	require.Contains(t, list(events, nil), "recorded 57 events:")
	require.Contains(t, list(events, nil), "\n  ... and 7 more")
	require.Equal(t, mostListed+1, strings.Count(list(events, nil), "\n"))
}

func TestInstallLastsAsLongAsTheTest(t *testing.T) {
	outer := NewRecorder()
	t.Cleanup(audit.ConfigureAuditLogger(outer))
	t.Run("test", func(t *testing.T) {
		recorder := Install(t)
		require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), denied("Project", "bob")))
		recorder.AssertDenied(t, Match{User: "bob"})
		t.Run("inner", func(t *testing.T) {
			inner := Install(t)
			require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), denied("Order", "bob")))
			require.Len(t, inner.Events(), 1)
		})
		require.Len(t, recorder.Events(), 1)
		require.Same(t, recorder, audit.CurrentAuditLogger())
	})
	require.Same(t, outer, audit.CurrentAuditLogger())
	require.Empty(t, outer.Events())
}

func TestInstallIsNotForParallelTests(t *testing.T) {
	t.Run("before", func(t *testing.T) {
		Install(t)
		require.Panics(t, t.Parallel)
	})
}
