package audittest

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestUserGrouperAcceptsSlice(t *testing.T) {
	TestUserGrouper(t, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source { return query.Slice(events) })
}

func TestUserGrouperAcceptsFiles(t *testing.T) { TestUserGrouper(t, file) }

func TestUserGrouperAcceptsSeveralLogs(t *testing.T) {
	TestUserGrouper(t, func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
		half := len(events) / 2
		return openAll(tb, logFile(tb, events[:half]), logFile(tb, events[half:]))
	})
}

func TestUserGrouperAcceptsSourcesOfSeveralKinds(t *testing.T) {
	slices, err := registered()
	require.NoError(t, err)
	TestUserGrouper(t, func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
		half := len(events) / 2
		return openAll(tb, slices.add(events[:half]), logFile(tb, events[half:]))
	})
}

// logFile is the path of a log of the events.
func logFile(tb testing.TB, events []audit.PermissionAuditEvent) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "permission.log")
	logger, err := audit.NewFileAuditLogger(path, nil)
	require.NoError(tb, err)
	for _, event := range events {
		require.NoError(tb, logger.Record(tb.Context(), event))
	}
	require.NoError(tb, logger.Close())
	return path
}

// openAll opens sources that are closed with the test.
func openAll(tb testing.TB, specs ...string) query.Source {
	tb.Helper()
	handle, err := query.OpenAll(tb.Context(), specs...)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, handle.Close()) })
	return handle
}

// slicesByName are sources that query.Open finds.
type slicesByName struct {
	mu     sync.Mutex
	events map[string][]audit.PermissionAuditEvent
}

// registered are those of the scheme slices, which can be registered once.
var registered = sync.OnceValues(func() (*slicesByName, error) {
	s := &slicesByName{events: map[string][]audit.PermissionAuditEvent{}}
	return s, query.RegisterSource("slices", s.open)
})

func (s *slicesByName) add(events []audit.PermissionAuditEvent) (spec string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	spec = fmt.Sprint("slices:", len(s.events))
	s.events[spec] = events
	return spec
}

func (s *slicesByName) open(_ context.Context, spec string) (*query.Handle, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return query.NewHandle(query.Slice(s.events[spec]), nil), nil
}
