package audittest

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/permaudit/audit"
)

// Texts that a logger has to bring back as they are.
const (
	plainText = "status"
	hardText  = "line\nbreak\r, \"quotes\", back\\slash, tab\t, <&>, ünïcödé, 日本語, 🔒, \u2028, '; DROP TABLE x; --"
)

// member is a user with an identity.
type member struct {
	id       string
	password string
}

func (m *member) AuditUserID() string { return m.id }

// guest is a user without one.
type guest struct{ name string }

func (g *guest) String() string { return g.name }

// actions are those that samples have in turn.
var actions = []audit.Action{
	audit.ActionCreate, audit.ActionRead, audit.ActionUpdate, audit.ActionDelete, audit.ActionMutation,
	"approve", "exactly-thirty-two-bytes-in-size",
}

// sample is an event in which every field is filled in, another one for each number.
// Nothing in it needs to be repaired or redacted. Its slices have spare room, with
// something in it.
func sample(number int) audit.PermissionAuditEvent {
	event := audit.PermissionAuditEvent{
		ID:          audit.NewEventID(),
		Timestamp:   time.Now(),
		Action:      actions[number%len(actions)],
		Attributes:  roomy(fmt.Sprintf("attribute%d", number), plainText, hardText, plainText),
		Granted:     number%3 != 0,
		Bypassed:    number%4 == 1,
		Manager:     fmt.Sprintf("Manager%d", number),
		Permissions: roomy("isSelf", fmt.Sprintf("level > %d", number), hardText, ""),
		Metadata: map[string]any{
			audit.MetadataRequestID: fmt.Sprintf("request-%d", number),
			"number":                number,
			"float":                 0.1,
			"large":                 json.Number("9007199254740993"), // no float64
			"true":                  true,
			"null":                  nil,
			"hard":                  hardText,
			hardText:                "key",
			"object":                map[string]any{"list": []any{"x", 1, nil, map[string]any{}}, "empty": []any{}},
		},
	}
	switch number % 6 {
	case 0:
		event.UserID = fmt.Sprintf("user-%d", number)
	case 1:
		event.User = &member{id: fmt.Sprintf("member-%d", number), password: secret}
	case 2:
		event.User = &guest{fmt.Sprintf("guest %d %s", number, hardText)}
	case 3:
		event.User = number
	case 4:
		event.User = audit.UserRepr("AnonymousUser")
	case 5:
		event.UserID, event.Manager = hardText, hardText
	}
	return event
}

// roomy returns a slice with spare capacity: a logger that appends to it writes into
// its caller's memory.
func roomy(values ...string) []string {
	const spare = 2
	all := append(make([]string, 0, len(values)+spare), values...)
	for range spare {
		all = append(all, "beyond the end")
	}
	return all[:len(values)]
}

// secret must not appear in any log.
const secret = "correct-horse-battery-staple"

// byID counts the events of each id, and returns the first of each.
func byID(events []audit.PermissionAuditEvent) (first map[audit.EventID]audit.PermissionAuditEvent, count map[audit.EventID]int) {
	first, count = map[audit.EventID]audit.PermissionAuditEvent{}, map[audit.EventID]int{}
	for _, event := range events {
		if count[event.ID]++; count[event.ID] == 1 {
			first[event.ID] = event
		}
	}
	return first, count
}
