package audit

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// Action is what the user wanted to do: 1 to 32 bytes. Actions of your own are
// allowed beside the constants.
type Action string

// The actions that general_manager knows, and the one that the library writes
// itself.
const (
	ActionCreate   Action = "create"
	ActionRead     Action = "read"
	ActionUpdate   Action = "update"
	ActionDelete   Action = "delete"
	ActionMutation Action = "mutation"

	// ActionGap is reserved: the library writes such an event where OverflowDrop
	// dropped events, with their number in the metadata key "dropped". Readers do
	// not take it for a decision; Record it only to copy a log.
	ActionGap Action = "gap"
)

// The most that is recorded of one event. What is longer is cut, on a rune where
// it is text, and named in Sanitized.
const (
	MaxActionBytes   = 32        // a longer action is refused
	MaxNameBytes     = 1 << 10   // of a manager, a user id or a metadata key
	MaxStringBytes   = 16 << 10  // of any other string
	MaxListBytes     = 256 << 10 // of attributes, and of permissions, as JSON
	MaxMetadataBytes = 64 << 10  // of the metadata as JSON
	MaxDepth         = 32        // of containers in the metadata
	MaxSanitized     = 16        // names in Sanitized; then "..."
	MaxLineBytes     = 1 << 20   // of a line, which follows from the others
)

// UserRepr is the text of a user who has no identity that could be recorded. As
// the User of an event it is stored as it is, in user. Readers set User to it.
type UserRepr string

// PermissionAuditEvent is one permission decision.
//
// The zero value of every field but Action is meaningful. Loggers change no event
// and keep no part of it.
type PermissionAuditEvent struct {
	// ID is assigned when the event is recorded, if it is zero. Sinks store an id
	// once, so that giving the same one twice is a safe way to repeat.
	ID EventID
	// Timestamp is the moment of the decision. Zero: the moment of Emit or
	// Record, never that of the write. It is stored in UTC, in microseconds.
	Timestamp time.Time
	// Action is required.
	Action Action
	// Attributes are the fields that were checked, in the order of the check.
	Attributes []string
	// Granted is the outcome.
	Granted bool
	// Bypassed says that a superuser skipped the rules.
	Bypassed bool
	// Manager is the class or type of resource that was checked; "" is stored as null.
	Manager string
	// UserID identifies the user. "": it is taken from User.
	UserID string
	// User gives the identity if UserID is empty: by a method
	// AuditUserID() string, or as a value whose kind is string, integer or
	// array of bytes (its MarshalText, else String, else the value). Of any
	// other value the text of its String method is stored as user, or else the
	// name of its type; never its fields, which may hold secrets. Nil and
	// pointers that are nil are null.
	User any
	// Permissions are the rule expressions that were evaluated, in order.
	Permissions []string
	// Metadata is context that JSON can express.
	Metadata map[string]any
	// Sanitized names what was repaired on the way in, as "path:reason". The
	// library sets it.
	Sanitized []string
}

// critical reports whether the event is one that must never be dropped.
func (event *PermissionAuditEvent) critical() bool { return !event.Granted || event.Bypassed }

// stamp fills in ID and Timestamp.
func (event *PermissionAuditEvent) stamp() {
	if !event.ID.IsZero() && !event.Timestamp.IsZero() {
		return
	}
	now := time.Now()
	if event.ID.IsZero() {
		event.ID = newEventID(now)
	}
	if event.Timestamp.IsZero() {
		event.Timestamp = now
	}
}

// Freeze returns a deep copy that shares nothing with the event: ID, Timestamp,
// UserID and the metadata of ctx are filled in, User is nil or a UserRepr, and
// metadata values other than numbers, strings, booleans and times, and maps and
// slices of them, are replaced by what their JSON form says; metadata that is too
// deep or too large for a log is cut as it is there. Nothing is redacted. It is what
// a logger keeps of an event.
func (event PermissionAuditEvent) Freeze(ctx context.Context) PermissionAuditEvent {
	event.stamp()
	event.Attributes = slices.Clone(event.Attributes)
	event.Permissions = slices.Clone(event.Permissions)
	event.Sanitized = slices.Clone(event.Sanitized)
	var moved bool
	if event.Timestamp, moved = clampTime(event.Timestamp); moved {
		event.Sanitized = appendNote(event.Sanitized, "timestamp:range")
	}

	user := resolveUser(&event)
	event.UserID, event.User = user.id, nil
	if user.repr != "" {
		event.User = UserRepr(user.repr)
	}
	if user.note != "" {
		event.Sanitized = appendNote(event.Sanitized, user.note)
	}

	outer := contextMetadata(ctx)
	if own := event.Metadata; own != nil || len(outer.metadata) > 0 {
		var f freezer
		event.Metadata = make(map[string]any, len(own)+len(outer.metadata))
		f.metadata(event.Metadata, outer.metadata)
		f.metadata(event.Metadata, own)
		for _, name := range slices.Concat(outer.notes, f.values.notes) {
			event.Sanitized = appendNote(event.Sanitized, name)
		}
	}
	return event
}

// MarshalJSON returns the line that a file logger writes for the event, with
// DefaultRedactor. ID and Timestamp are filled in if they are zero.
func (event PermissionAuditEvent) MarshalJSON() ([]byte, error) {
	entry, err := NewEntry(context.Background(), event)
	if err != nil {
		return nil, err
	}
	return entry.AppendJSON(nil), nil
}

// UnmarshalJSON reads a line of a log, written by this library or by
// general_manager. Keys that it does not know are ignored. An event without id
// keeps the zero ID. Numbers in the metadata become json.Number.
func (event *PermissionAuditEvent) UnmarshalJSON(line []byte) error {
	decoded, err := decodeLine(line)
	if err != nil {
		return err
	}
	*event = decoded
	return nil
}

var (
	_ json.Marshaler   = PermissionAuditEvent{}
	_ json.Unmarshaler = (*PermissionAuditEvent)(nil)
)
