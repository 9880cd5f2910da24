package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// Sink is what the worker of a logger writes batches to: a database table, or
// anything of a user's own.
//
// WriteBatch stores the batch, all of it or nothing, in its order, and skips entries
// whose ID it has already, in the batch itself too: after an error of unknown outcome
// the batch comes again. It must not change the batch. An error is retried for ever,
// with growing pauses, unless it is marked with Permanent, which says that the events
// are at fault, never the context. It is never called concurrently, and should return
// soon after ctx is cancelled. A batch has at least one entry.
//
// Close is called once, after the last WriteBatch has returned.
type Sink interface {
	WriteBatch(ctx context.Context, batch []Entry) error
	Close() error
}

// Entry is one event, frozen and encoded. The entries of a batch and their slices
// are valid until WriteBatch returns; those of NewEntry belong to the caller.
type Entry struct {
	ID                      EventID
	Timestamp               time.Time // UTC, microseconds
	Action                  Action
	Granted, Bypassed       bool
	Manager, UserID, User   string // "" is null; valid UTF-8 without NUL
	Attributes, Permissions []byte // JSON arrays, never null
	Metadata, Sanitized     []byte // a JSON object and a JSON array; nil is null
}

// NewEntry encodes event as Record does, with DefaultRedactor. Its error wraps
// ErrInvalidEvent.
func NewEntry(ctx context.Context, event PermissionAuditEvent) (Entry, error) {
	e := newEncoder()
	defer e.free()
	if err := e.encode(ctx, &event, nil); err != nil {
		return Entry{}, err
	}
	return e.entry(), nil
}

// RecordedEntry encodes an event that was read from a log, for a program that copies or
// prints it as it is. Nothing is redacted, since that was done when it was recorded, and
// an event without id stays without: it would have another one each time. Nor is its
// action refused, however long or short: another program may have written the log.
func RecordedEntry(event PermissionAuditEvent) Entry {
	entry, err := recordedEntry(event)
	if err != nil { // nothing but the action is ever refused
		action := valid(string(event.Action))
		event.Action = ActionRead
		entry, _ = recordedEntry(event)
		entry.Action = Action(action)
	}
	return entry
}

// recordedEntry does so for an event that is to be recorded again. Its error wraps
// ErrInvalidEvent.
func recordedEntry(event PermissionAuditEvent) (Entry, error) {
	e := newEncoder()
	defer e.free()
	if err := e.encode(context.Background(), &event, NoRedaction); err != nil {
		return Entry{}, err
	}
	entry := e.entry()
	entry.ID = event.ID
	return entry, nil
}

// entry copies the parts.
func (p *parts) entry() Entry {
	return Entry{
		ID: p.id, Timestamp: p.time, Action: Action(p.action), Granted: p.granted, Bypassed: p.bypassed,
		Manager: string(p.manager), UserID: string(p.userID), User: string(p.user),
		Attributes: bytes.Clone(p.attributes), Permissions: bytes.Clone(p.permissions),
		Metadata: bytes.Clone(p.metadata), Sanitized: bytes.Clone(p.sanitized),
	}
}

// AppendJSON appends the entry as a line of the file format, without LF.
func (e *Entry) AppendJSON(dst []byte) []byte {
	at, _ := clampTime(e.Timestamp)
	return appendLine(dst, e.ID, new(timeText), at, valid(string(e.Action)), e.Granted, e.Bypassed, valid(e.Manager), valid(e.UserID), valid(e.User),
		e.Attributes, e.Permissions, e.Metadata, e.Sanitized)
}

// valid repairs what somebody put into an Entry by hand.
func valid(s string) string {
	s, _ = repair(s, MaxLineBytes)
	return s
}

// appendLine appends the parts as a line, without LF.
func (e *encoder) appendLine(dst []byte) []byte {
	p := &e.parts
	return appendLine(dst, p.id, &e.when, p.time, p.action, p.granted, p.bypassed, p.manager, p.userID, p.user,
		p.attributes, p.permissions, p.metadata, p.sanitized)
}

// appendLine is the file format. The texts need no repair.
func appendLine[T string | []byte](dst []byte, id EventID, when *timeText, at time.Time, action string, granted, bypassed bool,
	manager, userID, user T, attributes, permissions, metadata, sanitized []byte,
) []byte {
	dst = id.appendText(append(dst, `{"id":"`...))
	dst = when.append(append(dst, `","timestamp":"`...), at)
	dst = appendQuoted(append(dst, `","action":`...), action)
	dst = appendRaw(append(dst, `,"attributes":`...), attributes, "[]")
	dst = appendBool(append(dst, `,"granted":`...), granted)
	dst = appendBool(append(dst, `,"bypassed":`...), bypassed)
	dst = appendOptional(append(dst, `,"manager":`...), manager)
	dst = appendOptional(append(dst, `,"user_id":`...), userID)
	dst = appendOptional(append(dst, `,"user":`...), user)
	dst = appendRaw(append(dst, `,"permissions":`...), permissions, "[]")
	dst = appendRaw(append(dst, `,"metadata":`...), metadata, "null")
	if sanitized != nil {
		dst = append(append(dst, `,"sanitized":`...), sanitized...)
	}
	return append(dst, '}')
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}

// appendOptional appends a text, "" as null.
func appendOptional[T string | []byte](dst []byte, s T) []byte {
	if len(s) == 0 {
		return append(dst, "null"...)
	}
	return appendQuoted(dst, s)
}

// appendRaw appends JSON, or what stands for none.
func appendRaw(dst, text []byte, none string) []byte {
	if text == nil {
		return append(dst, none...)
	}
	return append(dst, text...)
}

// Event returns the event that the entry was made from, as far as it is recorded:
// a user without id is a UserRepr, numbers in the metadata are json.Number.
func (e *Entry) Event() (PermissionAuditEvent, error) {
	event := PermissionAuditEvent{
		ID: e.ID, Timestamp: e.Timestamp, Action: e.Action, Granted: e.Granted, Bypassed: e.Bypassed,
		Manager: e.Manager, UserID: e.UserID,
	}
	if e.User != "" {
		event.User = UserRepr(e.User)
	}
	for _, column := range []struct {
		name string
		text []byte
		into any
	}{
		{"attributes", e.Attributes, &event.Attributes},
		{"permissions", e.Permissions, &event.Permissions},
		{"metadata", e.Metadata, &event.Metadata},
		{"sanitized", e.Sanitized, &event.Sanitized},
	} {
		if column.text == nil {
			continue
		}
		if err := unmarshal(column.text, column.into); err != nil {
			return PermissionAuditEvent{}, fmt.Errorf("audit: read %s of event %s: %w", column.name, e.ID, err)
		}
	}
	return event, nil
}

// unmarshal is json.Unmarshal that keeps numbers as they are written.
func unmarshal(text []byte, into any) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if rest := bytes.TrimSpace(text[decoder.InputOffset():]); len(rest) > 0 {
		return fmt.Errorf("%d bytes after the end of the JSON value", len(rest))
	}
	return nil
}
