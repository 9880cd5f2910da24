package audittest

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// TestSource checks that a source keeps the contract of query.Source, and yields
// what query.Filter.Match says. Each case is a subtest of t, for which open is called
// at least once: it stores the events, in their order, and returns a source over
// exactly them. They are complete, as they are read back from a log: with ids that do
// not repeat, and metadata numbers as json.Number. What open needs is cleaned up by
// tb.Cleanup.
//
// The package documentation lists the cases.
func TestSource(t *testing.T, open func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source) {
	t.Helper()
	for _, c := range sourceCases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// sourceCase checks one promise.
type sourceCase struct {
	name    string
	who     string // says the rule
	rule    string // the promise, as it stands in that comment
	filters func() []query.Filter
	run     func(*reading)
}

var sourceCases = []sourceCase{
	{
		"Everything", "query.Filter",
		"The zero value selects all of them, in order of arrival, but for the gaps", everything, asMatchOfMany,
	},
	{
		"Empty", "query.Source",
		"Events yields the events that match f", combined, empty,
	},
	{
		"Newest", "query.Filter",
		"Newest reverses the order: what arrived last comes first", newest, asMatchOfMany,
	},
	{
		"Limit", "query.Filter",
		"Limit is how many events are yielded at most, the first ones in the order of reading; 0 or less: all", limits, asMatchOfMany,
	},
	{
		"Time", "query.Filter",
		"Since is included, Until is not", times, asMatch,
	},
	{
		"Action", "query.Filter",
		"Action selects by the action", actionFilters, asMatch,
	},
	{
		"Gaps", "query.Filter",
		"which are no decisions, match only if Action.In names them", gaps, asMatch,
	},
	{
		"Manager", "query.Filter",
		`Manager selects by the manager, "" for null`, managerFilters, asMatch,
	},
	{
		"User", "query.Filter",
		"User selects by the user's id, or by the text in user where there is no id", userFilters, asMatch,
	},
	{
		"Attribute", "query.Terms",
		"A field of several values is accepted if In accepts one of them and NotIn excludes none of them", attributeFilters, asMatch,
	},
	{
		"Permission", "query.Terms",
		"A field of several values is accepted if In accepts one of them and NotIn excludes none of them", permissionFilters, asMatch,
	},
	{
		"Metadata", "query.Filter",
		"A value is compared by its text", metadataFilters, asMatch,
	},
	{
		"Outcome", "query.Filter",
		"Granted and Bypassed select by the outcome", outcomes, asMatch,
	},
	{
		"ManyTerms", "query.Terms",
		"The zero Terms accepts everything. Texts are compared byte by byte", manyTerms, asMatch,
	},
	{
		"Combined", "query.Source",
		"Events yields the events that match f", combined, asMatch,
	},
	{
		"Fields", "query.Filter",
		"Fields is what the caller needs of each event; a Source may leave the others zero", fieldSets, onlyFields,
	},
	{
		"Again", "query.Source",
		"it may be ranged over more than once, and each time reads anew", newest, again,
	},
	{
		"Break", "query.Source",
		"it may be ranged over more than once, and each time reads anew", newest, breaks,
	},
	{
		"ContextDone", "query.Source",
		"When ctx ends, the last pair is its cause", newest, endsWithContext,
	},
	{
		"Concurrent", "query.Source",
		"A Source may be used concurrently", combined, concurrently,
	},
}

// test runs the case, on any testing.TB.
func (c sourceCase) test(tb testing.TB, open func(testing.TB, []audit.PermissionAuditEvent) query.Source) {
	tb.Helper()
	c.run(&reading{probe: probe{TB: tb, who: c.who, rule: c.rule}, filters: c.filters(), open: open})
}
