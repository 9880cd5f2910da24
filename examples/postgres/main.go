// Postgres logs permission decisions to PostgreSQL and asks it who was refused.
//
//	DATABASE_URL=postgres://user:password@localhost:5432/app go run ./examples/postgres
//
// It creates the table permission_audit_log and leaves it there.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/query"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Getenv("DATABASE_URL"), ""); err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err) // no error holds the password
		os.Exit(1)                                //nolint:gocritic // exitAfterDefer: stop frees nothing that outlives the process
	}
}

// run logs some decisions to a table, "" for the default one, and reads it.
func run(ctx context.Context, out io.Writer, dsn, tableName string) (err error) {
	// Open checks the DSN and connects to nothing. A service that has a pool of pgx
	// already hands it to postgres.New.
	store, err := postgres.Open(ctx, dsn, &postgres.Options{TableName: tableName})
	if err != nil {
		return err
	}
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{
		WriteTimeout: 5 * time.Second,
		Buffer: audit.BufferOptions{
			// While the database is down, decisions wait in the queue, and the
			// default OnError says so on slog. Then Record waits too: so long.
			QueueSize: 100_000,
			MaxWait:   time.Second,
		},
	})
	if err != nil {
		return errors.Join(err, store.Close())
	}
	// What waits for the database does not wait for ever.
	waiting, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	// The logger owns the store: shutting it down closes the store, at the end, when
	// nobody reads any more.
	defer func() { err = errors.Join(err, logger.Shutdown(waiting)) }()
	defer audit.ConfigureAuditLogger(logger)()

	for _, document := range []string{"budget", "roadmap"} {
		for _, user := range []string{"alice", "bob", "mallory"} {
			if mayRead(ctx, user, document) {
				slog.Debug("served", "document", document, "user", user)
			}
		}
	}

	// The decisions are in the table when Flush returns.
	if err := audit.Flush(waiting); err != nil {
		return err
	}
	return printDenied(ctx, out, store)
}

// mayRead decides, and logs the decision.
func mayRead(ctx context.Context, user, document string) bool {
	granted := user == "alice" || user == "bob" && document == "roadmap"
	err := audit.EmitPermissionAuditEvent(ctx, audit.PermissionAuditEvent{
		Action: audit.ActionRead, Granted: granted, Manager: "Document", UserID: user,
		Permissions: []string{"isOwner", "isReader"},
		Metadata:    map[string]any{audit.MetadataObjectID: document},
	})
	return granted && err == nil // what cannot be logged is not done
}

// printDenied prints who was refused what, newest first. PostgreSQL does the work.
func printDenied(ctx context.Context, out io.Writer, source query.Source) error {
	var text strings.Builder
	text.WriteString("USER\tACTION\tMANAGER\tOBJECT\n")
	for event, err := range source.Events(ctx, query.Filter{Granted: query.No, Newest: true, Limit: 20}) {
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%s\t%s\t%s\t%s\n", event.UserID, event.Action, event.Manager, event.Metadata[audit.MetadataObjectID])
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, err := io.WriteString(table, text.String())
	return errors.Join(err, table.Flush())
}
