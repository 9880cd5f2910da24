package audit

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"
)

// encoder turns events into their parts. Everything that Record does for an event
// happens in it, on the caller's goroutine and outside of every lock, so that a
// method of the user's that panics or hangs is its caller's affair alone. The
// parts lie in its buffers, valid until the encoder is used again.
type encoder struct {
	parts
	text []byte // manager, user id and representation
	json []byte // attributes, permissions, metadata, sanitized
	line []byte // all of it, for sinks that write lines
	when timeText

	values valueEncoder
	noted  []string // the names for sanitized
}

// parts are an event, frozen: what NewEntry and the worker make entries from.
type parts struct {
	id                      EventID
	time                    time.Time
	action                  string
	granted, bypassed       bool
	manager, userID, user   []byte // "" is null
	attributes, permissions []byte // JSON arrays
	metadata, sanitized     []byte // JSON; nil is null
}

// size is what the event takes up in the queue, about.
func (p *parts) size() int {
	return len(p.action) + len(p.manager) + len(p.userID) + len(p.user) +
		len(p.attributes) + len(p.permissions) + len(p.metadata) + len(p.sanitized)
}

var encoders = sync.Pool{New: func() any { return new(encoder) }}

func newEncoder() *encoder { return encoders.Get().(*encoder) }

// free returns e to the pool, unless it has grown too much.
func (e *encoder) free() {
	if !e.blownUp() {
		encoders.Put(e)
	}
}

// blownUp reports whether a giant event has left e with more memory than one
// encoder should keep.
func (e *encoder) blownUp() bool {
	const most = 256 << 10
	return cap(e.text)+cap(e.json)+cap(e.line)+e.values.size() > most
}

// encode takes everything from event that is recorded.
func (e *encoder) encode(ctx context.Context, event *PermissionAuditEvent, redact Redactor) error {
	if n := len(event.Action); n == 0 || n > MaxActionBytes {
		return fmt.Errorf("%w: action %q has %d bytes, want 1 to %d", ErrInvalidEvent, shorten(string(event.Action)), n, MaxActionBytes)
	}
	e.text, e.json, e.noted = e.text[:0], e.json[:0], e.noted[:0]
	for _, name := range event.Sanitized {
		e.addNote(name)
	}

	e.id, e.time = event.ID, event.Timestamp
	if e.id.IsZero() || e.time.IsZero() {
		now := time.Now()
		if e.id.IsZero() {
			e.id = newEventID(now)
		}
		if e.time.IsZero() {
			e.time = now
		}
	}
	var moved bool
	if e.time, moved = clampTime(e.time); moved {
		e.addNote("timestamp:range")
	}
	e.granted, e.bypassed = event.Granted, event.Bypassed
	action, done := repair(string(event.Action), MaxActionBytes)
	e.action = action
	e.addRepairs("action", done)

	managerEnd := e.addText("manager", event.Manager, MaxNameBytes)
	idEnd, userEnd := e.addUser(event)
	e.manager, e.userID, e.user = e.text[:managerEnd], e.text[managerEnd:idEnd], e.text[idEnd:userEnd]

	attributesEnd := e.addList("attributes", event.Attributes)
	permissionsEnd := e.addList("permissions", event.Permissions)
	metadataEnd := e.addMetadata(ctx, event.Metadata, redact)
	e.addSanitized()
	e.attributes = e.json[:attributesEnd]
	e.permissions = e.json[attributesEnd:permissionsEnd]
	e.metadata = nilIfEmpty(e.json[permissionsEnd:metadataEnd])
	e.sanitized = nilIfEmpty(e.json[metadataEnd:])
	return nil
}

func nilIfEmpty(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	return b
}

// addText appends s to e.text, repaired, and returns the end.
func (e *encoder) addText(name, s string, most int) int {
	s, done := repair(s, most)
	e.addRepairs(name, done)
	e.text = append(e.text, s...)
	return len(e.text)
}

// addUser appends the user's id and representation to e.text.
func (e *encoder) addUser(event *PermissionAuditEvent) (idEnd, userEnd int) {
	switch {
	case event.UserID != "" && event.User == nil:
		end := e.addText("user_id", event.UserID, MaxNameBytes)
		return end, end
	case event.UserID == "":
		if user, ok := event.User.(int); ok { // the usual key, without a string between
			e.text = strconv.AppendInt(e.text, int64(user), 10)
			return len(e.text), len(e.text)
		}
	}
	user := resolveUser(event)
	if user.note != "" {
		e.addNote(user.note)
	}
	idEnd = e.addText("user_id", user.id, MaxNameBytes)
	return idEnd, e.addText("user", user.repr, MaxStringBytes)
}

// addList appends list to e.json as an array, never null, and returns the end.
func (e *encoder) addList(name string, list []string) int {
	start, dst := len(e.json), e.json
	dst = append(dst, '[')
	for i, s := range list {
		end := len(dst)
		if i > 0 {
			dst = append(dst, ',')
		}
		var done repairs
		dst, done = appendJSONString(dst, s, MaxStringBytes)
		if len(dst)-start >= MaxListBytes {
			dst = dst[:end]
			e.addNote(name + ":size")
			break
		}
		if done != 0 {
			e.addRepairs(name+"."+strconv.Itoa(i), done)
		}
	}
	dst = append(dst, ']')
	e.json = dst
	return len(dst)
}

// addMetadata appends the event's metadata and that of ctx to e.json, nothing if
// there is neither, and returns the end.
func (e *encoder) addMetadata(ctx context.Context, own map[string]any, redact Redactor) int {
	outer := contextMetadata(ctx)
	if own == nil && len(outer.metadata) == 0 {
		return len(e.json)
	}
	e.json = e.values.appendMetadata(e.json, own, outer.metadata, redact)
	for _, name := range outer.notes {
		e.addNote(name)
	}
	for _, name := range e.values.notes {
		e.addNote(name)
	}
	return len(e.json)
}

func (e *encoder) addRepairs(name string, done repairs) {
	if done == 0 {
		return
	}
	for bit, reason := range reasons {
		if done&(1<<bit) != 0 {
			e.addNote(name + ":" + reason)
		}
	}
}

// addNote adds name to sanitized.
func (e *encoder) addNote(name string) {
	name, _ = repair(name, MaxNameBytes)
	e.noted = appendNote(e.noted, name)
}

// appendNote appends name, once, and "..." in place of those that are too many.
func appendNote(names []string, name string) []string {
	switch {
	case len(names) > MaxSanitized || slices.Contains(names, name):
		return names
	case len(names) == MaxSanitized:
		return append(names, "...")
	}
	return append(names, name)
}

// addSanitized appends what was noted to e.json as an array; nothing if all was well.
func (e *encoder) addSanitized() {
	for i, name := range e.noted {
		separator := byte(',')
		if i == 0 {
			separator = '['
		}
		e.json = appendQuoted(append(e.json, separator), name)
	}
	if len(e.noted) > 0 {
		e.json = append(e.json, ']')
	}
}
