package query_test

import (
	"context"
	"fmt"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// Who was denied what on projects, newest first?
func ExampleFilter() {
	at := time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC)
	source := query.Slice([]audit.PermissionAuditEvent{
		{Timestamp: at, Action: audit.ActionRead, Manager: "Project", UserID: "42", Granted: true},
		{Timestamp: at.Add(1 * time.Second), Action: audit.ActionUpdate, Manager: "Project", UserID: "42", Attributes: []string{"status"}},
		{Timestamp: at.Add(2 * time.Second), Action: audit.ActionUpdate, Manager: "Order", UserID: "42"},
		{Timestamp: at.Add(3 * time.Second), Action: audit.ActionDelete, Manager: "Project", User: audit.UserRepr("AnonymousUser")},
	})
	filter := query.Filter{
		Manager: query.Terms{In: []string{"Project"}},
		Granted: query.No,
		Newest:  true,
		Limit:   10,
	}
	for event, err := range source.Events(context.Background(), filter) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(event.Timestamp.Format(time.TimeOnly), event.Action, event.Attributes, event.UserID, event.User)
	}
	// Output:
	// 07:46:23 delete []  AnonymousUser
	// 07:46:21 update [status] 42 <nil>
}

// Terms exclude as well: all but reading, by known users only.
func ExampleFilter_Match() {
	filter := query.Filter{
		Action: query.Terms{NotIn: []string{"read"}},
		User:   query.Terms{NotIn: []string{""}},
	}
	fmt.Println(filter.Match(audit.PermissionAuditEvent{Action: audit.ActionUpdate, UserID: "42"}))
	fmt.Println(filter.Match(audit.PermissionAuditEvent{Action: audit.ActionUpdate}))
	// Output:
	// true
	// false
}
