package query

import (
	"encoding/binary"

	"github.com/permaudit/audit"
)

// rawLine is an event as it stands in its line. Its slices are parts of the line.
type rawLine struct {
	id audit.EventID
	at int64 // microseconds since 1970

	granted, bypassed bool

	action, manager, userID, user rawText
	attributes, permissions       rawText // JSON arrays of strings
	metadata, sanitized           rawText // a JSON object; a JSON array of strings

	found rawMember // that was asked for last, since the line was scanned
}

// rawMember is a member of an object; nil: none.
type rawMember struct {
	key   *string
	value rawText
}

// rawText is a JSON value as it is written; nil is null.
type rawText struct {
	json []byte
	// plain: no string in it has an escape or more than ASCII, so that it means what
	// stands between its quotes.
	plain bool
}

// lineKeys are the keys of a line with their colons, in the order in which this
// library writes them.
var lineKeys = [...]string{
	`"id":`, `"timestamp":`, `"action":`, `"attributes":`, `"granted":`, `"bypassed":`, `"manager":`, `"user_id":`, `"user":`,
	`"permissions":`, `"metadata":`, `"sanitized":`,
}

// The places of lineKeys.
const (
	keyID = iota
	keyTimestamp
	keyAction
	keyAttributes
	keyGranted
	keyBypassed
	keyManager
	keyUserID
	keyUser
	keyPermissions
	keyMetadata
	keySanitized
	keyUnknown
)

// lineScanner reads lines in one go, without allocating. It is strict: it takes lines
// of this library, of general_manager and of others who write them alike, and leaves
// whatever is unusual to audit's own reader. What it takes means the same to both.
type lineScanner struct {
	line []byte
	i    int // what is read so far

	minute   [17]byte // that was read last, 2026-11-23T07:46:
	minuteAt int64    // when it is, in microseconds since 1970

	lists *knownLists // nil: none are remembered
}

// scan reads a line. If it returns false, nothing in raw is of use.
func (s *lineScanner) scan(line []byte, raw *rawLine) bool {
	s.line, s.i = line, 0
	raw.found = rawMember{}
	if s.ours(raw) {
		return true
	}
	s.i = 0
	*raw = rawLine{}
	s.space()
	if !s.take('{') {
		return false
	}
	seen := 0
	for expected := 0; ; {
		s.space()
		key, ok := s.key(expected)
		if !ok || key < keyUnknown && seen&(1<<key) != 0 {
			return false
		}
		expected = key + 1
		seen |= 1 << key
		s.space()
		if !s.value(key, raw) {
			return false
		}
		s.space()
		if s.take(',') {
			continue
		}
		if !s.take('}') {
			return false
		}
		s.space()
		const required = 1<<keyTimestamp | 1<<keyAction | 1<<keyGranted
		return s.i == len(line) && seen&required == required
	}
}

// ours reads a line just as this library writes it, which most lines are. It sets all of
// raw.
func (s *lineScanner) ours(raw *rawLine) (ok bool) {
	const (
		id        = len(`{"id":"`)
		timestamp = id + idLength + len(`","timestamp":"`)
		action    = timestamp + timeLength + len(`Z","action":`)
	)
	line := s.line
	if len(line) < action || string(line[:id]) != `{"id":"` || !parseID(line[id:id+idLength], &raw.id) ||
		string(line[id+idLength:timestamp]) != `","timestamp":"` || !s.parseTime(line[timestamp:timestamp+timeLength], &raw.at) ||
		string(line[timestamp+timeLength:action]) != `Z","action":` {
		return false
	}
	s.i = action
	if raw.action, ok = s.text(); !ok {
		return false
	}
	if !s.follows(&beforeAttributes) || !s.list(&raw.attributes) ||
		!s.follows(&beforeGranted) || !s.boolean(&raw.granted) ||
		!s.follows(&beforeBypassed) || !s.boolean(&raw.bypassed) ||
		!s.follows(&beforeManager) || !s.optional(&raw.manager) ||
		!s.follows(&beforeUserID) || !s.optional(&raw.userID) ||
		!s.follows(&beforeUser) || !s.optional(&raw.user) ||
		!s.follows(&beforePermissions) || !s.list(&raw.permissions) ||
		!s.follows(&beforeMetadata) || !s.value(keyMetadata, raw) {
		return false
	}
	raw.sanitized = rawText{}
	if s.follows(&beforeSanitized) && !s.list(&raw.sanitized) {
		return false
	}
	return s.take('}') && s.i == len(line)
}

// separator is what stands between two values, 8 to 16 bytes: it is compared as two
// words, which may overlap.
type separator struct {
	length      int
	first, last uint64
}

func newSeparator(text string) separator {
	return separator{
		len(text),
		binary.LittleEndian.Uint64([]byte(text)), binary.LittleEndian.Uint64([]byte(text[len(text)-8:])),
	}
}

var (
	beforeAttributes  = newSeparator(`,"attributes":`)
	beforeGranted     = newSeparator(`,"granted":`)
	beforeBypassed    = newSeparator(`,"bypassed":`)
	beforeManager     = newSeparator(`,"manager":`)
	beforeUserID      = newSeparator(`,"user_id":`)
	beforeUser        = newSeparator(`,"user":`)
	beforePermissions = newSeparator(`,"permissions":`)
	beforeMetadata    = newSeparator(`,"metadata":`)
	beforeSanitized   = newSeparator(`,"sanitized":`)
)

// follows reads a separator, if it is there.
func (s *lineScanner) follows(p *separator) bool {
	rest := s.line[s.i:]
	if len(rest) <= p.length || binary.LittleEndian.Uint64(rest) != p.first || binary.LittleEndian.Uint64(rest[p.length-8:]) != p.last {
		return false
	}
	s.i += p.length
	return true
}

// key reads a key and its colon, which is probably the expected one.
func (s *lineScanner) key(expected int) (key int, ok bool) {
	if expected < len(lineKeys) {
		want := lineKeys[expected]
		if rest := s.line[s.i:]; len(rest) > len(want) && string(rest[:len(want)]) == want {
			s.i += len(want)
			return expected, true
		}
	}
	text, ok := s.text()
	if !ok || !text.plain {
		return 0, false
	}
	s.space()
	if !s.take(':') {
		return 0, false
	}
	for key, name := range lineKeys {
		if string(text.json) == name[:len(name)-1] {
			return key, true
		}
	}
	return keyUnknown, true
}

// value reads the value of a key.
func (s *lineScanner) value(key int, raw *rawLine) (ok bool) {
	switch key {
	case keyID:
		return s.id(&raw.id)
	case keyTimestamp:
		return s.timestamp(&raw.at)
	case keyAction:
		raw.action, ok = s.text()
		return ok
	case keyAttributes:
		return s.list(&raw.attributes)
	case keyGranted:
		return s.boolean(&raw.granted)
	case keyBypassed:
		return s.boolean(&raw.bypassed) || s.literal("null")
	case keyManager:
		return s.optional(&raw.manager)
	case keyUserID:
		return s.optional(&raw.userID)
	case keyUser:
		return s.optional(&raw.user)
	case keyPermissions:
		return s.list(&raw.permissions)
	case keyMetadata:
		if s.literal("null") {
			raw.metadata = rawText{}
			return true
		}
		raw.metadata, ok = s.object()
		return ok
	case keySanitized:
		return s.list(&raw.sanitized)
	}
	_, ok = s.any()
	return ok
}

func (s *lineScanner) space() {
	if s.i < len(s.line) && s.line[s.i] <= ' ' {
		s.spaces()
	}
}

func (s *lineScanner) spaces() {
	for s.i < len(s.line) {
		switch s.line[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

func (s *lineScanner) take(c byte) bool {
	if s.i < len(s.line) && s.line[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *lineScanner) literal(text string) bool {
	if rest := s.line[s.i:]; len(rest) >= len(text) && string(rest[:len(text)]) == text {
		s.i += len(text)
		return true
	}
	return false
}

func (s *lineScanner) boolean(b *bool) bool {
	if s.literal("true") {
		*b = true
		return true
	}
	*b = false
	return s.literal("false")
}

// optional reads a string or null.
func (s *lineScanner) optional(text *rawText) (ok bool) {
	if s.literal("null") {
		*text = rawText{}
		return true
	}
	*text, ok = s.text()
	return ok
}
