//go:build cgo

package sqlite_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/permaudit/audit/sqlite"
)

// What general_manager asks as filter(granted=False).order_by("-created_at"): the
// denied decisions, the last one first.
func ExampleOpen() {
	directory, err := os.MkdirTemp("", "")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	ctx, path := context.Background(), filepath.Join(directory, "audit.db")

	store, err := sqlite.Open(ctx, path, nil)
	if err != nil {
		log.Panic(err)
	}
	logger, err := audit.NewDatabaseAuditLogger(store, nil)
	if err != nil {
		log.Panic(err)
	}
	for _, event := range []audit.PermissionAuditEvent{
		{Action: audit.ActionRead, Manager: "Project", UserID: "1", Granted: true},
		{Action: audit.ActionUpdate, Manager: "Project", UserID: "2", Attributes: []string{"status"}},
		{Action: audit.ActionDelete, Manager: "Invoice", UserID: "3"},
	} {
		if err := logger.Record(ctx, event); err != nil {
			log.Panic(err)
		}
	}
	if err := logger.Flush(ctx); err != nil {
		log.Panic(err)
	}
	for event, err := range store.Events(ctx, query.Filter{Granted: query.No, Newest: true}) {
		if err != nil {
			log.Panic(err)
		}
		fmt.Printf("user %s may not %s %s %v\n", event.UserID, event.Action, event.Manager, event.Attributes)
	}
	if err := logger.Close(); err != nil { // which closes the store
		log.Panic(err)
	}
	// Output:
	// user 3 may not delete Invoice []
	// user 2 may not update Project [status]
}

// With an import of the package, settings may name a table of SQLite.
func Example_settings() {
	directory, err := os.MkdirTemp("", "")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = os.RemoveAll(directory) }()
	ctx, path := context.Background(), filepath.Join(directory, "audit.db")

	_, err = audit.ConfigureAuditLoggerFromSettings(ctx, map[string]any{
		"AUDIT_LOGGER": map[string]any{"class": "DatabaseAuditLogger", "options": map[string]any{"table_name": "decisions"}},
		"DATABASES":    map[string]any{"default": map[string]any{"driver": "sqlite", "dsn": path}},
	})
	if err != nil {
		log.Panic(err)
	}
	if err := audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Project"}); err != nil {
		log.Panic(err)
	}
	if _, err := audit.ConfigureAuditLoggerFromSettings(ctx, nil); err != nil { // off: what is queued is written
		log.Panic(err)
	}

	source, err := query.Open(ctx, "sqlite:"+path+"?table_name=decisions")
	if err != nil {
		log.Panic(err)
	}
	defer func() { _ = source.Close() }()
	for event, err := range source.Events(ctx, query.Filter{}) {
		fmt.Println(event.Manager, event.Granted, err)
	}
	// Output: Project false <nil>
}
