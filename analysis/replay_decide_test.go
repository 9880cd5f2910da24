package analysis_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
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
	require.Regexp(t, `^panic: nil map \(replay_decide_test\.go:\d+\)$`, examples[1].Error)
	require.Equal(t, "<nil>", examples[2].Error)
	require.Equal(t, examples, report.Groups[0].Errors.Examples)

	report = replay(t, query.Slice(events[4:5]), query.Filter{}, decide)
	text := report.Errors.Examples[0].Error
	require.Regexp(t, `^panic: é+ \(replay_decide_test\.go:\d+\)$`, text, "it is cut on a rune, and the place is not")
	require.LessOrEqual(t, len(text), 1<<10)
	require.Greater(t, len(text), 1<<10-2)
	report = replay(t, query.Slice(events[:1]), query.Filter{}, func(context.Context, audit.PermissionAuditEvent) (bool, error) {
		return false, errors.New("x" + strings.Repeat("é", 1<<20))
	})
	require.Len(t, report.Errors.Examples[0].Error, 1<<10-1, "it is cut on a rune")
}

// Whoever reads of a panic wants to know where to look.
func TestReplaySaysWhereDecidePanicked(t *testing.T) {
	line := 0 // that follows
	var granted map[string]bool
	var nobody *broken
	here := func() { _, _, line, _ = runtime.Caller(1); line++ }
	for name, c := range map[string]struct {
		decide func(context.Context, audit.PermissionAuditEvent) (bool, error)
		want   string
	}{
		"a nil map": {func(context.Context, audit.PermissionAuditEvent) (bool, error) {
			here()
			granted["a"] = true
			return true, nil
		}, "assignment to entry in nil map"},
		"a nil pointer": {func(context.Context, audit.PermissionAuditEvent) (bool, error) {
			here()
			return nobody.text == "", nil
		}, "runtime error: invalid memory address or nil pointer dereference"},
		"what the library calls back": {func(context.Context, audit.PermissionAuditEvent) (bool, error) {
			slices.SortFunc([]int{1, 2}, func(int, int) int {
				here()
				panic("within")
			})
			return true, nil
		}, "within"},
		"within this package": {func(context.Context, audit.PermissionAuditEvent) (bool, error) {
			here()
			return (*analysis.Acknowledgment)(nil).Until() == "", nil
		}, "runtime error: invalid memory address or nil pointer dereference"},
	} {
		t.Run(name, func(t *testing.T) {
			got := replay(t, query.Slice([]audit.PermissionAuditEvent{event(0, "1", "P", true, false)}), query.Filter{}, c.decide).Errors.Examples[0].Error
			require.Equal(t, fmt.Sprintf("panic: %s (replay_decide_test.go:%d)", c.want, line), got)
		})
	}
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
