package query

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/permaudit/audit"
)

// userText is what Filter.User is compared with.
func userText(event *audit.PermissionAuditEvent) string {
	if event.UserID != "" {
		return event.UserID
	}
	switch user := event.User.(type) {
	case nil:
		return ""
	case audit.UserRepr:
		return string(user)
	}
	// A value of the host's: what would be read back of it?
	var recorded audit.PermissionAuditEvent
	line, err := json.Marshal(audit.PermissionAuditEvent{Action: audit.ActionRead, User: event.User})
	if err != nil || json.Unmarshal(line, &recorded) != nil {
		return ""
	}
	return userText(&recorded)
}

// metadataText is what Filter.Metadata is compared with.
func metadataText(value any) string {
	switch value := value.(type) {
	case nil:
		return ""
	case string:
		return value
	case json.Number:
		return string(value)
	case bool:
		return strconv.FormatBool(value)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(value) != nil {
		return ""
	}
	compact := bytes.TrimSuffix(text.Bytes(), []byte("\n"))
	switch {
	case string(compact) == "null":
		return ""
	case compact[0] == '"':
		var s string
		_ = json.Unmarshal(compact, &s) // it was encoded a moment ago
		return s
	}
	return string(compact)
}
