// Package projects is a piece of a service that decides something, to show how one
// tests that its decisions are logged: see projects_test.go.
package projects

import (
	"context"
	"log/slog"

	"github.com/permaudit/audit"
)

// User is who asks.
type User struct {
	ID    string
	Admin bool
}

// AuditUserID tells the log who the user is.
func (u User) AuditUserID() string { return u.ID }

// Project is what is asked about.
type Project struct{ ID, Owner string }

// CanRename reports whether user may rename project: its owner may, and an admin
// whatever the rules say. The decision is logged, both ways.
func CanRename(ctx context.Context, user User, project Project) bool {
	granted := user.Admin || user.ID == project.Owner
	if !audit.AuditLoggingEnabled() {
		return granted
	}
	event := audit.PermissionAuditEvent{
		Action:     audit.ActionUpdate,
		Manager:    "Project",
		Attributes: []string{"name"},
		User:       user,
		Granted:    granted,
		Bypassed:   user.Admin,
		Metadata:   map[string]any{audit.MetadataObjectID: project.ID},
	}
	if !user.Admin {
		event.Permissions = []string{"isOwner"}
	}
	if err := audit.EmitPermissionAuditEvent(ctx, event); err != nil {
		// This service goes on when its decisions cannot be logged, but not silently.
		slog.ErrorContext(ctx, "permission decision not logged", "err", err)
	}
	return granted
}
