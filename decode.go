package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// decodeLine reads a line of the file format, of ours or of general_manager's.
func decodeLine(line []byte) (PermissionAuditEvent, error) {
	// A map, since the field names of a struct match keys in any case.
	var keys map[string]json.RawMessage
	if err := json.Unmarshal(line, &keys); err != nil {
		return PermissionAuditEvent{}, fmt.Errorf("audit: read event: %w", err)
	}
	if keys == nil {
		return PermissionAuditEvent{}, errors.New("audit: read event: want an object, got null")
	}
	var event PermissionAuditEvent
	var timestamp, user string
	var bad error
	read := func(key string, required bool, into any) {
		text, found := keys[key]
		switch {
		case bad != nil:
		case !found || string(text) == "null":
			if required {
				bad = fmt.Errorf("audit: read event: no %q", key)
			}
		default:
			if err := readValue(text, into); err != nil {
				bad = fmt.Errorf("audit: read event: key %q: %w", key, err)
			}
		}
	}
	read("id", false, &event.ID)
	read("timestamp", true, &timestamp)
	read("action", true, &event.Action)
	read("attributes", false, &event.Attributes)
	read("granted", true, &event.Granted)
	read("bypassed", false, &event.Bypassed)
	read("manager", false, &event.Manager)
	read("user_id", false, &event.UserID)
	read("user", false, &user)
	read("permissions", false, &event.Permissions)
	read("metadata", false, &event.Metadata)
	read("sanitized", false, &event.Sanitized)
	if bad != nil {
		return PermissionAuditEvent{}, bad
	}
	if user != "" {
		event.User = UserRepr(user)
	}
	var err error
	if event.Timestamp, err = parseTime(timestamp); err != nil {
		return PermissionAuditEvent{}, fmt.Errorf("audit: read event: key \"timestamp\": %w", err)
	}
	return event, nil
}

// readValue reads the value of a key, which is known to be one JSON value. Most are
// plain strings, lists of them, and booleans.
func readValue(text []byte, into any) error {
	switch into := into.(type) {
	case *map[string]any:
		return unmarshal(text, into)
	case *string:
		if plain, ok := plainText(text); ok {
			*into = plain
			return nil
		}
	case *EventID:
		if plain, ok := plainText(text); ok {
			return into.UnmarshalText([]byte(plain))
		}
	}
	return json.Unmarshal(text, into)
}

// plainText returns what stands between the quotes of a JSON string, if that is
// what it means.
func plainText(text []byte) (plain string, ok bool) {
	if text[0] != '"' {
		return "", false
	}
	plain = string(text[1 : len(text)-1])
	return plain, isPlain(plain)
}

// parseTime reads a timestamp of ours, or one that Python's isoformat wrote: with
// an offset, which has seconds in old times, or without one where Django is set to
// naive times, which are taken for UTC. Like one that is recorded, it is moved into
// the range of times.
func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	for _, layout := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00:00"} {
		if err == nil {
			break
		}
		if other, otherErr := time.Parse(layout, text); otherErr == nil {
			t, err = other, nil
		}
	}
	if err != nil {
		return time.Time{}, err
	}
	t, _ = clampTime(t)
	return t, nil
}
