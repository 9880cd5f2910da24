package sample

import (
	"time"

	"github.com/permaudit/audit"
)

// PanelEvents are decisions of two minutes, a superuser's and a gap among them, for the
// tests of the panels in docs/sql; one is out of their time.
func PanelEvents() []audit.PermissionAuditEvent {
	at := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	event := func(after time.Duration, granted, bypassed bool, manager, user string, attributes ...string) audit.PermissionAuditEvent {
		return audit.PermissionAuditEvent{
			Timestamp: at.Add(after), Action: audit.ActionUpdate, Granted: granted, Bypassed: bypassed, Manager: manager, UserID: user, Attributes: attributes,
		}
	}
	sampled := event(90*time.Second, true, false, "Project", "1", "status")
	sampled.Metadata = map[string]any{audit.MetadataSampleRate: 0.25}
	gap := event(2*time.Minute, true, false, "", "")
	gap.Action, gap.Metadata = audit.ActionGap, map[string]any{"dropped": 7}
	return []audit.PermissionAuditEvent{
		event(0, false, false, "Project", "1", "status", "owner"),
		event(time.Second, false, false, "Project", "2", "status"),
		event(61*time.Second, false, false, "", "2"),
		event(62*time.Second, true, true, "Project", "root", "status"),
		sampled, gap,
		event(-48*time.Hour, false, true, "Old", "3", "status"), // out of the panels' time
	}
}
