package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// decodeEntry reads a line into the entry that it was written from. The entry shares
// line's memory.
func decodeEntry(line []byte) (Entry, error) {
	if e, ok := scanEntry(line); ok {
		return e, nil
	}
	// Somebody else wrote it, or changed it.
	event, err := decodeLine(line)
	if err != nil {
		return Entry{}, err
	}
	return recordedEntry(event)
}

// scanEntry is quick, and reads only lines that look as appendLine makes them.
func scanEntry(line []byte) (e Entry, ok bool) {
	if !json.Valid(line) || !utf8.Valid(line) {
		return e, false
	}
	s := lineScanner{rest: line, ok: true}
	s.literal(`{"id":"`)
	id := s.until('"')
	s.literal(`","timestamp":"`)
	at := s.until('"')
	s.literal(`","action":`)
	e.Action = Action(s.text())
	s.literal(`,"attributes":`)
	e.Attributes = s.list()
	s.literal(`,"granted":`)
	e.Granted = s.truth()
	s.literal(`,"bypassed":`)
	e.Bypassed = s.truth()
	s.literal(`,"manager":`)
	e.Manager = s.text()
	s.literal(`,"user_id":`)
	e.UserID = s.text()
	s.literal(`,"user":`)
	e.User = s.text()
	s.literal(`,"permissions":`)
	e.Permissions = s.list()
	s.literal(`,"metadata":`)
	e.Metadata = s.object()
	if s.found(`,"sanitized":`) {
		e.Sanitized = s.list()
	}
	s.literal(`}`)
	if !s.ok || len(s.rest) > 0 || len(e.Action) == 0 || len(e.Action) > MaxActionBytes ||
		len(e.Manager) > MaxNameBytes || len(e.UserID) > MaxNameBytes || len(e.User) > MaxStringBytes {
		return e, false
	}
	if e.ID.UnmarshalText(id) != nil || e.ID.IsZero() {
		return e, false
	}
	t, err := parseTime(string(at))
	e.Timestamp = t
	return e, err == nil
}

// lineScanner takes a line to pieces that is known to be valid JSON. Once something
// is not as expected, ok is false and whatever it returns is of no use.
type lineScanner struct {
	rest []byte
	ok   bool
}

func (s *lineScanner) found(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

func (s *lineScanner) literal(text string) { s.ok = s.ok && s.found(text) }

// until takes what stands before the next c.
func (s *lineScanner) until(c byte) []byte {
	i := bytes.IndexByte(s.rest, c)
	if i < 0 {
		s.ok = false
		return nil
	}
	piece := s.rest[:i]
	s.rest = s.rest[i:]
	return piece
}

func (s *lineScanner) truth() bool {
	if s.found("true") {
		return true
	}
	s.literal("false")
	return false
}

// text takes a string; null is "", and "" is not ours.
func (s *lineScanner) text() string {
	if s.found("null") {
		return ""
	}
	quoted := s.quoted()
	if len(quoted) < 3 {
		s.ok = false
		return ""
	}
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return string(inside)
	}
	var text string
	if json.Unmarshal(quoted, &text) != nil || losesText(string(quoted)) || strings.IndexByte(text, 0) >= 0 {
		s.ok = false
	}
	return text
}

// quoted takes a string with its quotes.
func (s *lineScanner) quoted() []byte {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		s.ok = false
		return nil
	}
	for i := 1; i < len(s.rest); i++ {
		switch s.rest[i] {
		case '\\':
			i++
		case '"':
			piece := s.rest[:i+1]
			s.rest = s.rest[i+1:]
			return piece
		}
	}
	s.ok = false
	return nil
}

// list takes an array of strings.
func (s *lineScanner) list() []byte {
	whole := s.rest
	s.literal("[")
	for separator := ""; s.ok && !s.found("]"); separator = "," {
		s.literal(separator)
		s.quoted()
	}
	return s.taken(whole, MaxListBytes)
}

// object takes an object; null is nil.
func (s *lineScanner) object() []byte {
	if s.found("null") {
		return nil
	}
	whole := s.rest
	s.ok = s.ok && len(whole) > 0 && whole[0] == '{'
	for depth := 0; s.ok; {
		i := bytes.IndexAny(s.rest, `"{}[]`)
		if i < 0 {
			s.ok = false
			break
		}
		s.rest = s.rest[i:]
		switch s.rest[0] {
		case '"':
			s.quoted()
			continue
		case '{', '[':
			depth++
			s.ok = s.ok && depth <= MaxDepth+1
		default:
			depth--
		}
		s.rest = s.rest[1:]
		if depth == 0 {
			break
		}
	}
	return s.taken(whole, MaxMetadataBytes)
}

// taken is what was taken of whole, if every database can hold it: half a surrogate
// pair and U+0000 are valid JSON.
func (s *lineScanner) taken(whole []byte, most int) []byte {
	piece := whole[:len(whole)-len(s.rest)]
	if len(piece) > most || bytes.Contains(piece, []byte(`\u`)) && (losesText(string(piece)) || bytes.Contains(piece, []byte(`\u0000`))) {
		s.ok = false
	}
	return piece[:len(piece):len(piece)]
}
