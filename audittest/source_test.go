package audittest

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

func TestSourceAcceptsSlice(t *testing.T) {
	TestSource(t, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source { return query.Slice(events) })
}

func TestSourceAcceptsFiles(t *testing.T) { TestSource(t, file) }

// file is a log with the events.
func file(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
	path := filepath.Join(tb.TempDir(), "permission.log")
	logger, err := audit.NewFileAuditLogger(path, nil)
	require.NoError(tb, err)
	for _, event := range events {
		require.NoError(tb, logger.Record(tb.Context(), event))
	}
	require.NoError(tb, logger.Close())
	return query.Files(path)
}
