package audittest

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// TestGrouper checks that a source groups its events as query.Grouper says; one that is
// no query.Grouper passes if query.GroupBy can read it. Each case is a subtest of t,
// for which open is called at least once: it stores the events, in their order, and
// returns a source over exactly them. They are those of TestSource, but that some have
// a sample rate. What open needs is cleaned up by tb.Cleanup.
//
// The package documentation lists the cases.
func TestGrouper(t *testing.T, open func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source) {
	t.Helper()
	for _, c := range grouperCases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// grouperCase checks one promise.
type grouperCase struct {
	name string
	who  string // says the rule
	rule string // the promise, as it stands in that comment
	run  func(*groupReading)
}

var grouperCases = []grouperCase{
	{
		"Dimensions", "query.Grouper",
		"Group groups what f selects by the dimensions named in by", eachDimension,
	},
	{
		"Pairs", "query.Grouper",
		"An event of several attributes or permissions belongs to the group of each of them, once", pairsOfDimensions,
	},
	{
		"Filters", "query.Group",
		"Checks is what it would select with Granted and Bypassed at Any: all decisions of the same key", filteredGroups,
	},
	{
		"Order", "query.Grouper",
		"Newest and Limit of f do not matter", orderedGroups,
	},
	{
		"Uncounted", "query.Grouper",
		"If Fields lacks FieldUser, users are not counted", groupsWithoutUsers,
	},
	{
		"Empty", "query.Grouper",
		"Groups without selected events are left out", noGroups,
	},
	{
		"Gaps", "query.Grouper",
		"a *GapError, at most one, says that the log itself is incomplete", gapsBesideGroups,
	},
	{
		"Sampled", "query.Group",
		"an event with a metadata sample_rate r, a number in (0, 1], stands for 1/r events", sampledGroups,
	},
	{
		"Metadata", "query.Filter",
		"A value is compared by its text", metadataGroups,
	},
	{
		"Unknown", "query.Grouper",
		"The error that Group returns says that by is wrong", wrongDimensions,
	},
	{
		"Again", "query.Source",
		"it may be ranged over more than once, and each time reads anew", groupsAgain,
	},
	{
		"ContextDone", "query.Grouper",
		"When ctx ends, the last pair is its cause", groupsEndWithContext,
	},
	{
		"Concurrent", "query.Source",
		"A Source may be used concurrently", groupsConcurrently,
	},
}

// test runs the case, on any testing.TB.
func (c grouperCase) test(tb testing.TB, open func(testing.TB, []audit.PermissionAuditEvent) query.Source) {
	tb.Helper()
	c.run(&groupReading{reading: reading{probe: probe{TB: tb, who: c.who, rule: c.rule}, open: open}})
}
