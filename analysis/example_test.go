package analysis_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
)

// What rules are missing? The most users first: one user who was denied often may be
// a user who tried often.
func ExampleDenied() {
	at := time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC)
	decision := func(user, attribute string, granted bool) audit.PermissionAuditEvent {
		at = at.Add(time.Second)
		return audit.PermissionAuditEvent{
			Timestamp: at, Action: audit.ActionUpdate, Manager: "Project", UserID: user, Attributes: []string{attribute}, Granted: granted,
		}
	}
	source := query.Slice([]audit.PermissionAuditEvent{
		decision("1", "status", false),
		decision("2", "status", false),
		decision("7", "salary", false),
		decision("7", "salary", false),
		decision("7", "salary", false),
		decision("1", "title", true),
		decision("3", "status", true),
	})
	report, err := analysis.Denied(context.Background(), source, query.Filter{}, "manager", "attribute")
	if err != nil {
		log.Fatal(err)
	}
	for _, group := range report.Groups {
		fmt.Println(group.Key, group.Events, "of", group.Checks, "denied, to", group.Users, "users")
	}
	// Output:
	// [Project status] 2 of 3 denied, to 2 users
	// [Project salary] 3 of 3 denied, to 1 users
}

// Some denials are right. Who owns them writes that down, and until when.
func ExampleReport_Acknowledge() {
	at := time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC)
	denied := func(manager, attribute string) audit.PermissionAuditEvent {
		return audit.PermissionAuditEvent{Timestamp: at, Action: audit.ActionUpdate, Manager: manager, UserID: "7", Attributes: []string{attribute}}
	}
	source := query.Slice([]audit.PermissionAuditEvent{denied("Invoice", "total"), denied("Invoice", "total"), denied("Project", "status")})
	report, err := analysis.Denied(context.Background(), source, query.Filter{}, "manager", "attribute")
	if err != nil {
		log.Fatal(err)
	}
	acknowledgments, err := analysis.ReadAcknowledgments(strings.NewReader(`
# What only a job may do.
{"manager":"Invoice","attribute":"total","owner":"billing@example.com","reason":"only the billing job may","expires":"2027-03-31"}
{"manager":"Order","owner":"shop@example.com","reason":"it is closed in winter","expires":"2027-02-28"}
`), "acknowledged.jsonl")
	if err != nil {
		log.Fatal(err)
	}
	groups := report.Groups
	done := report.Acknowledge(acknowledgments, at)
	for _, c := range done.Covered {
		fmt.Println(c.Key, groups[c.Index].Events, "denied, owned by", c.Entry.Owner, "until", c.Entry.Until())
	}
	for _, entry := range done.Unused {
		fmt.Println("line", entry.Line, "covers nothing")
	}
	for _, group := range report.Groups {
		fmt.Println(group.Key, group.Events, "denied")
	}
	// Output:
	// [Invoice total] 2 denied, owned by billing@example.com until 2027-03-31
	// line 4 covers nothing
	// [Project status] 1 denied
}

// Who uses the superuser bypass, and for what? A group is an object of JSON that
// other programs may rely on.
func ExampleBypasses() {
	at := time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC)
	source := query.Slice([]audit.PermissionAuditEvent{
		{Timestamp: at, Action: audit.ActionDelete, Manager: "Project", UserID: "root", Granted: true, Bypassed: true},
		{Timestamp: at.Add(time.Minute), Action: audit.ActionDelete, Manager: "Project", UserID: "root", Granted: true, Bypassed: true},
		{Timestamp: at, Action: audit.ActionRead, Manager: "Project", UserID: "alice", Granted: true},
	})
	report, err := analysis.Bypasses(context.Background(), source, query.Filter{})
	if err != nil {
		log.Fatal(err)
	}
	for _, group := range report.Groups {
		line, err := json.Marshal(group)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(string(line))
	}
	// Output:
	// {"user":"root","manager":"Project","bypassed":2,"checks":2,"first":"2026-11-23T07:46:20.000000Z","last":"2026-11-23T07:47:20.000000Z"}
}

// What happened to this request?
func ExampleTrace() {
	at := time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC)
	decision := func(request string, action audit.Action, granted bool) audit.PermissionAuditEvent {
		at = at.Add(time.Millisecond)
		return audit.PermissionAuditEvent{
			Timestamp: at, Action: action, Manager: "Project", UserID: "7", Granted: granted,
			Metadata: map[string]any{audit.MetadataRequestID: request},
		}
	}
	source := query.Slice([]audit.PermissionAuditEvent{
		decision("r-1", audit.ActionRead, true),
		decision("r-2", audit.ActionRead, true),
		decision("r-1", audit.ActionUpdate, false),
	})
	events, _, err := analysis.Trace(context.Background(), source, query.Filter{}, audit.MetadataRequestID, "r-1")
	if err != nil {
		log.Fatal(err)
	}
	for _, event := range events {
		fmt.Println(event.Timestamp.Format("15:04:05.000"), event.Action, event.Manager, event.Granted)
	}
	// Output:
	// 07:46:20.001 read Project true
	// 07:46:20.003 update Project false
}

// How much is there, and is it complete?
func ExampleStats() {
	source, err := query.Open(context.Background(), "../query/testdata/general_manager.log")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = source.Close() }()
	totals, err := analysis.Stats(context.Background(), source, query.Filter{})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(totals.Events, "decisions,", totals.Denied, "denied,", totals.Bypassed, "bypassed")
	fmt.Println(totals.Damaged, "lines damaged,", totals.Dropped, "events dropped")
	// Output:
	// 600 decisions, 151 denied, 15 bypassed
	// 0 lines damaged, 0 events dropped
}
