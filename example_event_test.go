package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/permaudit/audit"
)

func ExamplePermissionAuditEvent() {
	event := audit.PermissionAuditEvent{
		ID:          mustID(audit.ParseEventID("019a0c4e-9f3b-7c1d-8000-0123456789ab")), // left out, it is assigned
		Timestamp:   time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC),                    // left out, it is now
		Action:      audit.ActionUpdate,
		Attributes:  []string{"status"},
		Manager:     "Project",
		User:        42,
		Permissions: []string{"isSelf"},
		Metadata:    map[string]any{audit.MetadataRequestID: "r-1", "access_token": "eyJhbGciOi"},
	}
	line, err := event.MarshalJSON()
	fmt.Println(string(line), err)
	// Output:
	// {"id":"019a0c4e-9f3b-7c1d-8000-0123456789ab","timestamp":"2026-11-23T07:46:20.000000Z","action":"update","attributes":["status"],"granted":false,"bypassed":false,"manager":"Project","user_id":"42","user":null,"permissions":["isSelf"],"metadata":{"access_token":"[redacted]","request_id":"r-1"},"sanitized":["metadata.access_token:redacted"]} <nil>
}

func mustID(id audit.EventID, err error) audit.EventID {
	if err != nil {
		panic(err)
	}
	return id
}

// A line of general_manager's log becomes an event.
func ExamplePermissionAuditEvent_UnmarshalJSON() {
	line := `{"timestamp": "2026-11-23T09:07:37.197345+00:00", "action": "delete", "attributes": [], "granted": true, "bypassed": false, ` +
		`"manager": "Employee", "user_id": null, "user": "<AnonymousUser object>", "permissions": ["isAdmin"], "metadata": {"retries": 3}}`
	var event audit.PermissionAuditEvent
	err := json.Unmarshal([]byte(line), &event)
	fmt.Println(event.Action, event.Granted, event.Manager, event.User, event.Metadata["retries"], err)
	fmt.Println(event.Timestamp)
	// Output:
	// delete true Employee <AnonymousUser object> 3 <nil>
	// 2026-11-23 09:07:37.197345 +0000 UTC
}

// employee is a user of the application.
type employee struct {
	Number       int
	PasswordHash string // is never recorded: no field is
}

// AuditUserID is what identifies an employee in the audit log.
func (e employee) AuditUserID() string { return fmt.Sprintf("employee-%d", e.Number) }

func ExamplePermissionAuditEvent_Freeze() {
	ctx := audit.ContextWithMetadata(context.Background(), map[string]any{audit.MetadataRequestID: "r-1"})
	attributes := []string{"status"}
	event := audit.PermissionAuditEvent{Action: audit.ActionRead, Attributes: attributes, User: employee{Number: 7, PasswordHash: "..."}}

	kept := event.Freeze(ctx)
	attributes[0] = "changed"
	fmt.Println(kept.UserID, kept.Attributes, kept.Metadata, kept.ID.IsZero())
	// Output: employee-7 [status] map[request_id:r-1] false
}

func ExampleEventID_Time() {
	id, err := audit.ParseEventID("01A2075E-C15B-7800-8000-0123456789AB")
	fmt.Println(id, err)
	fmt.Println(id.Time())
	// Output:
	// 01a2075e-c15b-7800-8000-0123456789ab <nil>
	// 2026-11-23 07:46:20.123 +0000 UTC
}

// A redactor of one's own is asked about every key and element. Here it hides what
// the default one hides, and all of the key "customer".
func ExampleRedactor() {
	var redact audit.Redactor = func(path []string, value any) (replacement any, redacted bool) {
		if path[0] == "customer" {
			return "hidden", true
		}
		return audit.DefaultRedactor(path, value)
	}
	fmt.Println(redact([]string{"customer"}, map[string]any{"name": "Ada"}))
	fmt.Println(redact([]string{"request", "headers", "X-Auth-Token"}, "eyJhbGciOi"))
	fmt.Println(redact([]string{"request", "path"}, "/"))
	// Output:
	// hidden true
	// [redacted] true
	// / false
}
