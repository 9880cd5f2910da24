package main

import (
	"fmt"
	"slices"

	"github.com/permaudit/audit"
)

// The reference event: what every logger gets.
var (
	attributes  = []string{"status", "owner"}
	permissions = []string{"isAdmin", "isSelf", "relatedUserField:owner"}
)

const referenceKeys = 2 // of its metadata

// pair is one key of metadata. Call sites of other loggers name their keys: they get
// them sorted, as our lines have them.
type pair struct{ key, value string }

// decision is an event in the words of the library, with what others need besides.
type decision struct {
	audit.PermissionAuditEvent

	pairs []pair
}

// newDecision returns the reference event, or one with another number of metadata keys.
func newDecision(keys int) *decision {
	d := &decision{PermissionAuditEvent: audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Attributes: attributes, Granted: true, Manager: "Project", UserID: "4711",
		Permissions: permissions, Metadata: map[string]any{},
	}}
	d.pairs = []pair{{audit.MetadataDeployment, "v2026.11"}, {audit.MetadataRequestID, "req-0123456789"}}
	for i := len(d.pairs); i < keys; i++ {
		d.pairs = append(d.pairs, pair{fmt.Sprintf("key_%03d", i), fmt.Sprintf("value-%04d", i)})
	}
	if keys < len(d.pairs) {
		d.pairs = d.pairs[len(d.pairs)-keys:]
	}
	slices.SortFunc(d.pairs, func(a, b pair) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	for _, p := range d.pairs {
		d.Metadata[p.key] = p.value
	}
	return d
}

// denied returns the same event, but denied.
func (d *decision) denied() *decision {
	other := *d
	other.Granted = false
	return &other
}

// timeLayout is that of our lines.
const timeLayout = "2006-01-02T15:04:05.000000Z"
