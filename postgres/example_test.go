package postgres_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/query"
)

// What Django's ORM says as objects.filter(granted=False).order_by("-created_at"), where
// the newest is what arrived last.
func ExampleStore_Events() {
	ctx := context.Background()
	store, err := postgres.Open(ctx, os.Getenv("DATABASE_URL"), &postgres.Options{ReadOnly: true})
	if err != nil {
		log.Fatal(err)
	}
	for event, err := range store.Events(ctx, query.Filter{Granted: query.No, Newest: true}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(event.Timestamp, event.UserID, event.Action, event.Manager)
	}
	if err := store.Close(); err != nil {
		log.Fatal(err)
	}
}

func ExampleOpen() {
	ctx := context.Background()
	store, err := postgres.Open(ctx, os.Getenv("DATABASE_URL"), nil)
	if err != nil {
		log.Fatal(err)
	}
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{WriteTimeout: 3 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	audit.ConfigureAuditLogger(logger)
	// ... the service runs ...
	if err := audit.Shutdown(ctx); err != nil { // closes the store too
		log.Fatal(err)
	}
}

// Those who migrate by hand put the table into a migration of theirs.
func ExampleSchema() {
	ddl, err := postgres.Schema("audit.permission_log")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(ddl[:61])
	// Output: CREATE TABLE IF NOT EXISTS "audit"."permission_log" (
	//     id
}
