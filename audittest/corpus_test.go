package audittest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// A filter that selects nothing of the corpus, or all of it, would check little.
func TestCorpusTellsFiltersApart(t *testing.T) {
	for _, c := range sourceCases {
		filters := c.filters()
		events := corpus(smallCorpus)
		telling := 0
		for _, f := range filters {
			r := reading{stored: events}
			if n := len(r.expected(f)); n > 0 && n < len(events) {
				telling++
			}
		}
		require.GreaterOrEqual(t, 3*telling, len(filters), "of the %d filters of %s, %d select some events", len(filters), c.name, telling)
	}
}

func TestCorpusIsInNoOtherOrderThanArrival(t *testing.T) {
	events := corpus(largeCorpus)
	require.False(t, slices.IsSortedFunc(events, func(a, b audit.PermissionAuditEvent) int { return a.Timestamp.Compare(b.Timestamp) }))
	require.False(t, slices.IsSortedFunc(events, func(a, b audit.PermissionAuditEvent) int { return slices.Compare(a.ID[:], b.ID[:]) }))
	_, count := byID(events)
	require.Len(t, count, largeCorpus, "ids do not repeat")
}

func TestFilterTextSaysWhatIsAskedFor(t *testing.T) {
	require.Equal(t, "{}", filterText(query.Filter{}))
	require.Equal(t, `{Since: 2026-11-23T07:46:20.123456Z, Manager: {["Project" "\x00"] []}, Granted: no, Newest: true}`,
		filterText(query.Filter{Since: begin, Manager: in("Project", "\x00"), Granted: query.No, Newest: true}))
	require.Less(t, len(filterText(manyTerms()[0])), 1100)
}
