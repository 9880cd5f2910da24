package table

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// keysOf finds out to which groups events with the values of a part belong, by asking
// query about one of them. What is damaged in them is ErrUnsure.
func keysOf(ctx context.Context, by []string, part *Part) (keys [][]string, err error) {
	event, err := eventOf(by, part)
	if err != nil {
		return nil, ErrUnsure
	}
	f := query.Filter{Fields: query.FieldTimestamp} // no users
	if event.Action == audit.ActionGap {
		f.Action.In = []string{string(event.Action)}
	}
	groups, err := query.GroupBy(ctx, query.Slice([]audit.PermissionAuditEvent{event}), f, by)
	if err != nil {
		return nil, err
	}
	for group, err := range groups {
		if gap := (*query.GapError)(nil); errors.As(err, &gap) {
			continue
		}
		if err != nil {
			return nil, err
		}
		keys = append(keys, group.Key)
	}
	return keys, nil
}

// eventOf is one of the events of a part, as far as its group depends on it.
func eventOf(by []string, part *Part) (audit.PermissionAuditEvent, error) {
	var entry audit.Entry
	var metadata []byte
	for i, name := range by {
		value := strings.Clone(part.Values[i])
		switch name {
		case "manager":
			entry.Manager = value
		case "action":
			entry.Action = audit.Action(value)
		case "user":
			entry.UserID = value
		case "attribute":
			entry.Attributes = []byte(value)
		case "permission":
			entry.Permissions = []byte(value)
		case "day", "hour":
			entry.Timestamp = part.First
		case "granted":
			entry.Granted = isTrue(value)
		case "bypassed":
			entry.Bypassed = isTrue(value)
		default:
			if value != "" {
				key, _ := query.MetadataDimension(name)
				quoted, _ := json.Marshal(key) // a string always is JSON
				metadata = append(append(append(append(metadata, ','), quoted...), ':'), value...)
			}
		}
	}
	if metadata != nil {
		metadata[0] = '{'
		metadata = append(metadata, '}')
		entry.Metadata = metadata
	}
	return entry.Event()
}

// isTrue reads a boolean as databases print it.
func isTrue(text string) bool { return text == "1" || text == "true" }
