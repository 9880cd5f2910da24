package audittest_test

import (
	"context"
	"fmt"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
)

func ExampleRecorder() {
	recorder := audittest.NewRecorder()
	var logger audit.AuditLogger = recorder // what the code under test is given

	ctx := audit.ContextWithMetadata(context.Background(), map[string]any{audit.MetadataRequestID: "r-1"})
	err := logger.Record(ctx, audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Manager: "Project", User: 42,
		Attributes: []string{"status"}, Permissions: []string{"isOwner"},
	})
	if err != nil {
		fmt.Println(err)
	}
	for _, event := range recorder.Events() {
		fmt.Println(event.Action, event.Manager, event.UserID, event.Granted, event.Metadata)
	}

	recorder.FailWith(audit.ErrQueueFull)
	fmt.Println(logger.Record(ctx, audit.PermissionAuditEvent{Action: audit.ActionRead}))
	// Output:
	// update Project 42 false map[request_id:r-1]
	// audit: queue full
}

func ExampleRecorder_WaitFor() {
	recorder := audittest.NewRecorder()
	go func() { // the code under test
		_ = recorder.Record(context.Background(), audit.PermissionAuditEvent{Action: audit.ActionRead, Granted: true})
	}()
	events, err := recorder.WaitFor(context.Background(), 1)
	fmt.Println(len(events), err)
	// Output:
	// 1 <nil>
}
