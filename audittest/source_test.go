package audittest

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

func TestSourceAcceptsSlice(t *testing.T) {
	TestSource(t, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source { return query.Slice(events) })
}

func TestSourceAcceptsFiles(t *testing.T) { TestSource(t, file) }

// file is a log with the events.
func file(tb testing.TB, events []audit.PermissionAuditEvent) query.Source {
	return query.Files(logFile(tb, events))
}
