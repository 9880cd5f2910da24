package analysis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestReplayGoesOnAfterErrorsAndPanics(t *testing.T) {
	var events []audit.PermissionAuditEvent
	for i := range 7 {
		events = append(events, event(i, fmt.Sprint(i), "P", true, i%2 == 0))
	}
	decide := func(_ context.Context, e audit.PermissionAuditEvent) (bool, error) {
		switch e.UserID {
		case "1":
			return true, errors.New("no database")
		case "2":
			panic("nil map")
		case "3":
			return false, (*broken)(nil)
		case "4":
			panic(errors.New(strings.Repeat("é", 1<<20)))
		case "5":
			return false, errors.New("the fourth")
		}
		return e.Granted, nil
	}
	report := replay(t, query.Slice(events), query.Filter{}, decide)
	require.EqualValues(t, 5, report.Errors.Checks)
	require.EqualValues(t, 5, report.Errors.Users)
	require.EqualValues(t, 2, report.Errors.Bypassed)
	require.EqualValues(t, 2, report.Unchanged.Checks)
	require.Empty(t, report.Unchanged.Examples)
	examples := report.Errors.Examples
	require.Len(t, examples, analysis.MaxExamples)
	require.Equal(t, "no database", examples[0].Error)
	require.Equal(t, "1", examples[0].Event.UserID)
	require.Equal(t, "panic: nil map", examples[1].Error)
	require.Equal(t, "<nil>", examples[2].Error)
	require.Equal(t, examples, report.Groups[0].Errors.Examples)

	report = replay(t, query.Slice(events[4:5]), query.Filter{}, decide)
	require.Len(t, report.Errors.Examples[0].Error, 1<<10-1, "it is cut on a rune")
	require.True(t, strings.HasPrefix(report.Errors.Examples[0].Error, "panic: éé"))
}

// broken is an error whose method panics.
type broken struct{ text string }

func (b *broken) Error() string { return b.text }

func TestReplayEndsWithTheGoroutineThatDecides(t *testing.T) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = analysis.Replay(context.Background(), decisions, query.Filter{}, func(context.Context, audit.PermissionAuditEvent) (bool, error) {
			runtime.Goexit()
			return true, nil
		})
	}()
	<-done
}

func TestReplayEndsWithItsContext(t *testing.T) {
	cause := errors.New("enough")
	type key struct{}
	for last, f := range map[int]query.Filter{0: {}, 1: {}, 3: {}, 7: {}} {
		ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "kept"))
		calls := 0
		if last == 0 {
			cancel(cause)
		}
		report, err := analysis.Replay(ctx, decisions, f, func(ctx context.Context, _ audit.PermissionAuditEvent) (bool, error) {
			require.Equal(t, "kept", ctx.Value(key{}))
			if calls++; calls == last {
				cancel(cause)
				return false, context.Cause(ctx)
			}
			return true, nil
		})
		require.ErrorIs(t, err, cause)
		require.Nil(t, report)
		require.Equal(t, last, calls)
		cancel(nil)
	}
}

func TestReplayReturnsWhatKeepsItFromReading(t *testing.T) {
	failed := errors.New("disk on fire")
	report, err := analysis.Replay(t.Context(), damaged{decisions, failed}, query.Filter{}, keep)
	require.ErrorIs(t, err, failed)
	require.Nil(t, report)
}

func TestReplayHandsOutCopies(t *testing.T) {
	recorded := event(0, "1", "P", true, false, "a", "b")
	recorded.Permissions, recorded.Metadata = []string{"isOwner"}, map[string]any{"n": json.Number("1"), "in": map[string]any{"list": []any{"x"}}}
	before := recorded.Freeze(t.Context())
	events := []audit.PermissionAuditEvent{recorded}
	ctx := audit.ContextWithMetadata(t.Context(), map[string]any{"request_id": "of the replay"})
	report, err := analysis.Replay(ctx, query.Slice(events), query.Filter{}, func(_ context.Context, e audit.PermissionAuditEvent) (bool, error) {
		require.Equal(t, events[0], e, "without what was not recorded")
		e.Attributes[0], e.Permissions[0], e.Metadata["n"] = "changed", "changed", "changed"
		e.Metadata["in"].(map[string]any)["list"].([]any)[0] = "changed"
		return false, nil
	})
	require.NoError(t, err)
	before.ID = audit.EventID{}
	require.Equal(t, before, events[0])
	require.Equal(t, before, report.NewlyDenied.Examples[0].Event)
}
