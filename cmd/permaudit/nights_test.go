package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/permaudit/audit"
)

// nights are the checks of two deployments that run at once.
type nights struct {
	events []audit.PermissionAuditEvent
	next   map[string]int
}

// check adds a check by each of some users, of whom the first ones are denied.
func (n *nights) check(deployment, manager, attribute string, users, denied int) {
	for i := range users {
		n.add(deployment, fmt.Sprintf("u%d", i), func(e *audit.PermissionAuditEvent) {
			e.Manager, e.Attributes, e.Granted = manager, []string{attribute}, i >= denied
		})
	}
}

func (n *nights) add(deployment, user string, change func(*audit.PermissionAuditEvent)) {
	if n.next == nil {
		n.next = make(map[string]int)
	}
	at := begin.Add(time.Duration(n.next[deployment]) * 10 * time.Second)
	n.next[deployment]++
	n.events = append(n.events, event(len(n.events), func(e *audit.PermissionAuditEvent) {
		e.UserID, e.Timestamp, e.Metadata = user, at, map[string]any{"deployment": deployment}
		change(e)
	}))
}

func (n *nights) log(t *testing.T) string {
	t.Helper()
	slices.SortStableFunc(n.events, func(a, b audit.PermissionAuditEvent) int { return a.Timestamp.Compare(b.Timestamp) })
	return log(t, n.events...)
}

// everyVerdict are two deployments between which everything happened.
func everyVerdict() *nights {
	n := &nights{}
	for _, v := range []string{"v1", "v2"} {
		for k := range 10 {
			n.check(v, fmt.Sprint("Same", k), "name", 60, 6)
		}
		n.check(v, "Few", "name", 2, 0)
	}
	n.check("v1", "Lost", "name", 40, 0)
	n.check("v2", "Lost", "name", 40, 40)
	n.check("v1", "Worse", "name", 80, 4)
	n.check("v2", "Worse", "name", 80, 40)
	n.check("v2", "New", "name", 50, 50)
	n.check("v1", "Gone", "name", 60, 0)
	n.check("v1", "Better", "name", 80, 60)
	n.check("v2", "Better", "name", 80, 4)
	n.check("v1", "Owned", "name", 80, 0)
	n.check("v2", "Owned", "name", 80, 60)
	for _, v := range []string{"v1", "v2"} {
		for i := range 60 {
			n.add(v, fmt.Sprintf("u%d", i), func(e *audit.PermissionAuditEvent) {
				e.Manager, e.Bypassed = "Root", v == "v2" && i < 40
			})
			n.add(v, fmt.Sprintf("u%d", i), func(e *audit.PermissionAuditEvent) {
				e.Manager, e.Attributes, e.Granted = "Both", []string{"cause", "with"}, v == "v1"
			})
			n.add(v, fmt.Sprintf("w%d", i), func(e *audit.PermissionAuditEvent) { e.Manager, e.Attributes = "Both", []string{"with"} })
		}
	}
	n.check("v1", "Loop", "name", 30, 0)
	n.check("v2", "Loop", "name", 30, 0)
	for range 150 {
		n.add("v2", "robot", func(e *audit.PermissionAuditEvent) { e.Manager, e.Granted = "Loop", false })
	}
	for k := range 10 {
		n.add("v2", "scanner", func(e *audit.PermissionAuditEvent) {
			e.Manager, e.Attributes, e.Granted = fmt.Sprint("Same", k), []string{"name"}, false
		})
	}
	// Both sides last as long.
	for n.next["v1"] < n.next["v2"] {
		n.add("v1", "u1", func(e *audit.PermissionAuditEvent) { e.Manager = "Filler" })
	}
	for n.next["v2"] < n.next["v1"] {
		n.add("v2", "u1", func(e *audit.PermissionAuditEvent) { e.Manager = "Filler" })
	}
	return n
}

var versions = []string{"compare", "--baseline", "metadata.deployment=v1", "--candidate", "metadata.deployment=v2"}

func compared(args ...string) []string { return append(slices.Clone(versions), args...) }

const acknowledgedOwned = `{"manager":"Owned","action":"update","owner":"billing@example.com","reason":"as it should be","expires":"2999-12-31"}` + "\n"
