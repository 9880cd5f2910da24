package audittest

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

func TestGrouperAcceptsSlice(t *testing.T) {
	TestGrouper(t, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source { return query.Slice(events) })
}

func TestGrouperAcceptsFiles(t *testing.T) { TestGrouper(t, file) }
