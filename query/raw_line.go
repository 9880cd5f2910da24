package query

import (
	"bytes"
	"encoding/json"
	"iter"
	"time"

	"github.com/permaudit/audit"
)

// event decodes those fields that are asked for.
func (l *rawLine) event(fields Fields) audit.PermissionAuditEvent {
	var event audit.PermissionAuditEvent
	if fields.Has(FieldID) {
		event.ID = l.id
	}
	if fields.Has(FieldTimestamp) {
		event.Timestamp = l.time()
	}
	if fields.Has(FieldAction) {
		event.Action = audit.Action(l.action.string())
	}
	if fields.Has(FieldAttributes) {
		event.Attributes = l.attributes.strings()
	}
	if fields.Has(FieldGranted) {
		event.Granted = l.granted
	}
	if fields.Has(FieldBypassed) {
		event.Bypassed = l.bypassed
	}
	if fields.Has(FieldManager) {
		event.Manager = l.manager.string()
	}
	if fields.Has(FieldUser) {
		event.UserID = l.userID.string()
		if user := l.user.string(); user != "" {
			event.User = audit.UserRepr(user)
		}
	}
	if fields.Has(FieldPermissions) {
		event.Permissions = l.permissions.strings()
	}
	if fields.Has(FieldMetadata) && l.metadata.json != nil {
		event.Metadata, _ = decodeJSON(l.metadata.json).(map[string]any)
	}
	if fields.Has(FieldSanitized) {
		event.Sanitized = l.sanitized.strings()
	}
	return event
}

func (l *rawLine) time() time.Time { return time.UnixMicro(l.at).UTC() }

// userText is what Filter.User is compared with.
func (l *rawLine) userText() rawText {
	if l.userID.empty() {
		return l.user
	}
	return l.userID
}

// empty reports whether a text is null or "".
func (t rawText) empty() bool { return len(t.json) <= 2 }

// is reports whether the text is that; null is "".
func (t rawText) is(text string) bool {
	if !t.plain && t.json != nil {
		return t.string() == text
	}
	if t.json == nil {
		return text == ""
	}
	return string(t.json[1:len(t.json)-1]) == text
}

// strings returns the elements of a list, nil for null.
func (t rawText) strings() []string {
	if t.json == nil {
		return nil
	}
	list := []string{}
	for element := range t.elements() {
		list = append(list, element.string())
	}
	return list
}

// elements are those of a list, which lineScanner.list has read.
func (t rawText) elements() iter.Seq[rawText] {
	return func(yield func(rawText) bool) {
		s := lineScanner{line: t.json}
		for s.take('['); s.i < len(s.line); s.i++ { // behind a comma or a bracket
			s.space()
			element, ok := s.text()
			if !ok || !yield(element) {
				return
			}
			s.space()
		}
	}
}

// member returns the value of a key of an object, which lineScanner.any has read. Of
// several the last one counts.
func (t rawText) member(key string) (value rawText) {
	s := lineScanner{line: t.json}
	for s.take('{'); s.i < len(s.line); s.i++ {
		s.space()
		name, ok := s.text()
		if !ok {
			break
		}
		s.space()
		s.take(':')
		s.space()
		found, _ := s.any()
		if name.is(key) {
			value = found
		}
		s.space()
	}
	return value
}

// member is a value of the metadata. Filters and dimensions ask for the same one, mostly.
func (l *rawLine) member(key *string) rawText {
	if found := &l.found; found.key == nil || *found.key != *key {
		found.key, found.value = key, l.metadata.member(*key)
	}
	return l.found.value
}

// valueText is what Filter.Metadata is compared with: see metadataText.
func (t rawText) valueText() string {
	if t.json == nil {
		return ""
	}
	switch t.json[0] {
	case '"':
		return t.string()
	case '{', '[':
		return metadataText(decodeJSON(t.json))
	case 'n':
		return ""
	}
	return string(t.json)
}

// decodeJSON decodes text that is known to be JSON. Numbers stay as they are written.
func decodeJSON(text []byte) (value any) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	_ = decoder.Decode(&value)
	return value
}

// string returns the text of a JSON string, "" for null.
func (t rawText) string() string {
	if t.plain && t.json != nil {
		return string(t.json[1 : len(t.json)-1])
	}
	var text string
	if t.json != nil {
		_ = json.Unmarshal(t.json, &text) // it is a JSON string
	}
	return text
}
