package analysis_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
)

// Which rules may be missing? Everybody reads the budget, and nobody may change it; somebody
// tries to read salaries, again and again.
func ExampleSuggest() {
	at := time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC)
	decision := func(user string, action audit.Action, attribute string, granted bool) audit.PermissionAuditEvent {
		at = at.Add(time.Minute)
		return audit.PermissionAuditEvent{
			Timestamp: at, Action: action, Manager: "Invoice", UserID: user, Attributes: []string{attribute},
			Permissions: []string{"isAdmin"}, Granted: granted,
		}
	}
	var events []audit.PermissionAuditEvent
	for _, user := range []string{"1", "2", "3", "4"} {
		events = append(events,
			decision(user, audit.ActionRead, "budget", true),
			decision(user, audit.ActionUpdate, "budget", false),
		)
	}
	for range 20 {
		events = append(events, decision("7", audit.ActionRead, "salary", false))
	}
	suggestions, err := analysis.Suggest(context.Background(), query.Slice(events), query.Filter{}, nil)
	if err != nil {
		log.Fatal(err)
	}
	for _, s := range suggestions.Candidates {
		fmt.Println(s.Class, s.Action, s.Manager, s.Attributes, "denied to", s.Users, "users,", s.Elsewhere, "of them granted other things")
	}
	for _, h := range suggestions.Hammering {
		fmt.Println("hammering", h.Action, h.Manager, h.Attributes, "denied", h.Denied, "times to", h.Users)
	}
	// Output:
	// missing update Invoice [budget] denied to 4 users, 4 of them granted other things
	// hammering read Invoice [salary] denied 20 times to [7]
}
