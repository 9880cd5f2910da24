package audittest

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// TestUserGrouper checks that a source counts its events by key and user as
// query.UserGrouper says; one that is no query.UserGrouper passes if query.GroupUsersBy
// can read it. It is called like TestGrouper, with the same events.
//
// The package documentation lists the cases.
func TestUserGrouper(t *testing.T, open func(tb testing.TB, events []audit.PermissionAuditEvent) query.Source) {
	t.Helper()
	for _, c := range userGrouperCases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// userGrouperCase checks one promise.
type userGrouperCase struct {
	name string
	who  string // says the rule
	rule string // the promise, as it stands in that comment
	run  func(*userReading)
}

var userGrouperCases = []userGrouperCase{
	{
		"Keys", "query.UserGrouper",
		"GroupUsers counts the events of each set by the dimensions named in by", userKeys,
	},
	{
		"Sets", "query.UserGrouper",
		"A check that several sets select counts in each of them", userSets,
	},
	{
		"Windows", "query.Window",
		"Since is included, Until is not", userWindows,
	},
	{
		"SetFilters", "query.Set",
		"those that Filter selects and whose timestamp is in one of Windows", userFilterSets,
	},
	{
		"SetOrder", "query.Set",
		"Newest, Limit and Fields of the filter do not matter", userOrder,
	},
	{
		"Weights", "query.SetCounts",
		"Counts are weighed as those of Group, and not rounded", userWeights,
	},
	{
		"Numbers", "query.UserCounts",
		"the same in every group of a sequence, from 0 on", userNumbers,
	},
	{
		"WindowGaps", "query.UserGrouper",
		"the gaps are those within a window of a set", userGaps,
	},
	{
		"Nobody", "query.UserGrouper",
		"GroupUsers counts the events of each set by the dimensions named in by", nobody,
	},
	{
		"Refused", "query.GroupUsersBy",
		"It returns an error if by or the windows of a set are wrong", wrongSets,
	},
	{
		"UsersAgain", "query.UserGroup",
		"It may be ranged over until the next group is asked for", usersAgain,
	},
	{
		"UsersEnd", "query.Grouper",
		"When ctx ends, the last pair is its cause", usersEndWithContext,
	},
	{
		"UsersConcurrent", "query.Source",
		"A Source may be used concurrently", usersConcurrently,
	},
}

// test runs the case, on any testing.TB.
func (c userGrouperCase) test(tb testing.TB, open func(testing.TB, []audit.PermissionAuditEvent) query.Source) {
	tb.Helper()
	c.run(&userReading{reading: reading{probe: probe{TB: tb, who: c.who, rule: c.rule}, open: open}})
}
