package query

import (
	"encoding/binary"

	"github.com/permaudit/audit"
)

// written says which lines write their dimensions alike, so that what they are written
// is taken to pieces once.
type written struct {
	fields Fields // of the dimensions
	keys   []func(key []byte, l *rawLine) []byte

	key  []byte // of one line
	kept int    // bytes of the keys that are kept
}

// Ways of writing the same are kept up to so many, and up to so many bytes.
const (
	mostCombos   = 1 << 16
	mostKeyBytes = 16 << 20
)

func newWritten(dimensions []dimension) written {
	var w written
	for _, d := range dimensions {
		w.fields |= d.field
		w.keys = append(w.keys, rawKey(d))
	}
	return w
}

// keyOf is the same for lines that write their dimensions alike. It is valid until the
// next line.
func (w *written) keyOf(l *rawLine) []byte {
	w.key = w.key[:0]
	for _, key := range w.keys {
		w.key = key(w.key, l)
	}
	return w.key
}

// full reports whether there is no room for another key beside those that are kept, and
// counts it as the first one then.
func (w *written) full(keys int, key string) bool {
	w.kept += len(key)
	if keys < mostCombos && w.kept <= mostKeyBytes {
		return false
	}
	w.kept = len(key)
	return true
}

// eventOf decodes what the dimensions are made of.
func (w *written) eventOf(l *rawLine) audit.PermissionAuditEvent {
	return l.event(w.fields | FieldSanitized) // never all of them
}

// rawKey returns what appends the value of a dimension as it is written. No JSON text
// has an LF in a line.
func rawKey(d dimension) func(key []byte, l *rawLine) []byte {
	text := func(value func(*rawLine) rawText) func([]byte, *rawLine) []byte {
		return func(key []byte, l *rawLine) []byte { return append(append(key, value(l).json...), '\n') }
	}
	truth := func(b bool) byte {
		if b {
			return 1
		}
		return 0
	}
	const hour = 3600 * 1_000_000
	switch d.name {
	case "manager":
		return text(func(l *rawLine) rawText { return l.manager })
	case "attribute":
		return text(func(l *rawLine) rawText { return l.attributes })
	case "action":
		return text(func(l *rawLine) rawText { return l.action })
	case "user":
		return text((*rawLine).userText)
	case "permission":
		return text(func(l *rawLine) rawText { return l.permissions })
	case "day", "hour":
		return func(key []byte, l *rawLine) []byte {
			beginning := (l.at%hour + hour) % hour // not negative before 1970
			return binary.AppendVarint(key, (l.at-beginning)/hour)
		}
	case "granted":
		return func(key []byte, l *rawLine) []byte { return append(key, truth(l.granted)) }
	case "bypassed":
		return func(key []byte, l *rawLine) []byte { return append(key, truth(l.bypassed)) }
	}
	name, _ := MetadataDimension(d.name)
	return text(func(l *rawLine) rawText { return l.member(&name) })
}
