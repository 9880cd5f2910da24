package audittest

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/permaudit/audit"
)

// mostListed is how many events a failure lists.
const mostListed = 50

// list describes what was recorded, an event a line, and why m does not match each;
// nil: nothing was looked for.
func list(events []audit.PermissionAuditEvent, m *Match) string {
	switch len(events) {
	case 0:
		return "recorded: nothing"
	case 1:
		return "recorded 1 event:" + listed(1, events[0], m)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "recorded %d events:", len(events))
	for i, event := range events {
		if i == mostListed {
			fmt.Fprintf(&text, "\n  ... and %d more", len(events)-mostListed)
			break
		}
		text.WriteString(listed(i+1, event, m))
	}
	return text.String()
}

func listed(number int, event audit.PermissionAuditEvent, m *Match) string {
	text := fmt.Sprintf("\n  %d. %s", number, describe(event))
	if m == nil {
		return text
	}
	why := m.mismatches(event)
	if len(why) == 0 {
		return text + "\n     matches"
	}
	return text + "\n     does not match: " + strings.Join(why, ", ")
}

// describe is an event in words, on one line.
func describe(event audit.PermissionAuditEvent) string {
	outcome := "denied"
	if event.Granted {
		outcome = "granted"
	}
	if event.Bypassed {
		outcome += " (bypassed)"
	}
	text := fmt.Sprintf("%s %q", outcome, event.Action)
	if event.Manager != "" {
		text += fmt.Sprintf(" of %q", event.Manager)
	}
	if user := userText(event); user != "" {
		text += fmt.Sprintf(" by %q", user)
	}
	if len(event.Attributes) > 0 {
		text += fmt.Sprintf(", attributes %q", event.Attributes)
	}
	if len(event.Permissions) > 0 {
		text += fmt.Sprintf(", permissions %q", event.Permissions)
	}
	if len(event.Metadata) > 0 {
		text += ", metadata " + jsonText(event.Metadata)
	}
	return text
}

// shortly is describe for events that were made to be long.
func shortly(event audit.PermissionAuditEvent) string { return shortened(describe(event)) }

// shortened is the beginning of a text that may be long.
func shortened(text string) string {
	const most = 300
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "..."
	}
	return text
}

// userText is the user's id, or else the representation.
func userText(event audit.PermissionAuditEvent) string {
	if event.UserID != "" {
		return event.UserID
	}
	repr, _ := event.User.(audit.UserRepr)
	return string(repr)
}

// jsonText is value as JSON, or why there is none.
func jsonText(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("[%v]", err)
	}
	return string(text)
}
