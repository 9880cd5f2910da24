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

// mayUpdate is the permission code of a service, with the rule that is being tried: only
// the staff may update a salary, and everybody the status. It logs what it decides.
func mayUpdate(ctx context.Context, user, attribute string) (bool, error) {
	isStaff := map[string]bool{"alice": true, "bob": false, "carol": false}
	staff, isKnown := isStaff[user]
	if !isKnown {
		return false, fmt.Errorf("user %q does not exist any more", user)
	}
	granted := staff || attribute != "salary"
	return granted, audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Manager: "Employee", UserID: user, Attributes: []string{attribute}, Granted: granted,
	})
}

// What would have been decided differently on that day if the rules were these?
func ExampleReplay() {
	day := time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	decision := func(hour int, user, attribute string, granted bool) audit.PermissionAuditEvent {
		return audit.PermissionAuditEvent{
			Timestamp: day.Add(time.Duration(hour) * time.Hour), Action: audit.ActionUpdate,
			Manager: "Employee", UserID: user, Attributes: []string{attribute}, Granted: granted,
		}
	}
	source := query.Slice([]audit.PermissionAuditEvent{
		decision(8, "alice", "salary", true),
		decision(9, "bob", "salary", true),
		decision(9, "bob", "salary", true), // he asked twice: one check
		decision(10, "carol", "salary", true),
		decision(10, "carol", "status", false),
		decision(11, "mallory", "status", false),
		decision(30, "bob", "status", false), // on the day after
	})
	filter := query.Filter{Since: day, Until: day.AddDate(0, 0, 1)}
	report, err := analysis.Replay(context.Background(), source, filter, func(ctx context.Context, event audit.PermissionAuditEvent) (bool, error) {
		return mayUpdate(ctx, event.UserID, event.Attributes[0]) // is not logged
	})
	if err != nil {
		log.Fatal(err)
	}
	for _, group := range report.Groups {
		fmt.Println(group.Key, group.NewlyDenied.Users, "users newly denied,", group.NewlyGranted.Users, "newly granted")
		for _, example := range group.NewlyDenied.Examples {
			fmt.Println("  denied:", example.Event.UserID)
		}
		for _, example := range group.Errors.Examples {
			fmt.Println("  error:", example.Error)
		}
	}
	fmt.Println(report.Unchanged.Checks, "checks stay as they are")
	// Output:
	// [Employee update salary] 2 users newly denied, 0 newly granted
	//   denied: bob
	//   denied: carol
	// [Employee update status] 0 users newly denied, 1 newly granted
	//   error: user "mallory" does not exist any more
	// 1 checks stay as they are
}
