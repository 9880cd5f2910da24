package analysis_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// serviceLog configures a file logger, as a service does, and returns what tells how many
// lines there are.
func serviceLog(t *testing.T) (lines func() int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "permission.log")
	logger, err := audit.NewFileAuditLogger(path, nil)
	require.NoError(t, err)
	restore := audit.ConfigureAuditLogger(logger)
	t.Cleanup(func() {
		restore()
		require.NoError(t, logger.Close())
	})
	return func() int {
		require.NoError(t, audit.Flush(t.Context()))
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		return strings.Count(string(text), "\n")
	}
}

func TestReplayedDecisionsAreNotLogged(t *testing.T) {
	lines := serviceLog(t)
	record := func(ctx context.Context, e audit.PermissionAuditEvent) {
		require.NoError(t, audit.EmitPermissionAuditEvent(ctx, e))
		require.NoError(t, audit.CurrentAuditLogger().Record(ctx, e))
	}
	calls := 0
	replay(t, decisions, query.Filter{}, func(ctx context.Context, e audit.PermissionAuditEvent) (bool, error) {
		calls++
		record(ctx, e)
		record(context.Background(), e) // by code that takes no context
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = audit.EmitPermissionAuditEvent(ctx, e)
		}()
		<-done
		if calls == 3 {
			panic("new code")
		}
		return e.Granted, nil
	})
	require.Equal(t, 7, calls)
	require.Zero(t, lines())
	record(t.Context(), event(0, "1", "P", true, false))
	require.Equal(t, 2, lines(), "afterwards as before")
}

func TestWhatOthersDecideDuringAReplayIsLogged(t *testing.T) {
	lines := serviceLog(t)
	const each = 50
	ask, answered := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(answered)
		for range ask {
			for range each {
				_ = audit.EmitPermissionAuditEvent(context.Background(), event(0, "1", "P", true, false))
			}
			answered <- struct{}{}
		}
	}()
	calls := 0
	replay(t, decisions, query.Filter{}, func(ctx context.Context, e audit.PermissionAuditEvent) (bool, error) {
		calls++
		ask <- struct{}{}
		_ = audit.EmitPermissionAuditEvent(ctx, e)
		<-answered
		return !e.Granted, audit.EmitPermissionAuditEvent(context.Background(), e)
	})
	close(ask)
	<-answered
	require.Equal(t, calls*each, lines())
}

// A log can be replayed into which the service goes on writing.
func TestReplayOfTheLogThatIsBeingWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger, err := audit.NewFileAuditLogger(path, nil)
	require.NoError(t, err)
	defer audit.ConfigureAuditLogger(logger)()
	for i := range 3 {
		require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), event(i, "1", "P", true, false)))
	}
	require.NoError(t, audit.Flush(t.Context()))
	report, err := analysis.Replay(t.Context(), query.Files(path), query.Filter{}, func(ctx context.Context, e audit.PermissionAuditEvent) (bool, error) {
		return false, audit.EmitPermissionAuditEvent(ctx, e)
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, report.NewlyDenied.Checks)
	require.EqualValues(t, 3, logger.Stats().Recorded)
	require.NoError(t, logger.Close())
}
