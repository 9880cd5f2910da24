package query

import (
	"encoding/binary"
	"encoding/json"
	"math/bits"
	"time"
	"unicode/utf8"

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

	date [10]byte // that was read last
	day  int64    // that it is, in microseconds since 1970
}

// scan reads a line. If it returns false, nothing in raw is of use.
func (s *lineScanner) scan(line []byte, raw *rawLine) bool {
	s.line, s.i = line, 0
	*raw = rawLine{}
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

// ours reads a line just as this library writes it, which most lines are.
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
	if !s.literal(`,"attributes":`) || !s.list(&raw.attributes) ||
		!s.literal(`,"granted":`) || !s.boolean(&raw.granted) ||
		!s.literal(`,"bypassed":`) || !s.boolean(&raw.bypassed) ||
		!s.literal(`,"manager":`) || !s.optional(&raw.manager) ||
		!s.literal(`,"user_id":`) || !s.optional(&raw.userID) ||
		!s.literal(`,"user":`) || !s.optional(&raw.user) ||
		!s.literal(`,"permissions":`) || !s.list(&raw.permissions) ||
		!s.literal(`,"metadata":`) || !s.value(keyMetadata, raw) {
		return false
	}
	if s.literal(`,"sanitized":`) && !s.list(&raw.sanitized) {
		return false
	}
	return s.take('}') && s.i == len(line)
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
			return true
		}
		if s.i == len(s.line) || s.line[s.i] != '{' {
			return false
		}
		raw.metadata, ok = s.any()
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
		return true
	}
	*text, ok = s.text()
	return ok
}

// Bytes of a word that are looked for at once, after "Bit Twiddling Hacks", Sean
// Eron Anderson: a byte of x that is zero, or less than n, has its highest bit set in
// (x - n*lows) &^ x, and so may those above it.
const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text reads a string.
func (s *lineScanner) text() (text rawText, ok bool) {
	begin := s.i
	if !s.take('"') {
		return text, false
	}
	line, i := s.line, s.i
	plain, ascii := true, uint64(highs)
	for {
		for i+8 <= len(line) {
			word := binary.LittleEndian.Uint64(line[i:])
			quote, escape := word^(lows*'"'), word^(lows*'\\')
			found := ((quote-lows)&^quote | (escape-lows)&^escape | (word-lows*' ')&^word) & highs
			if found |= word & ascii; found != 0 {
				i += bits.TrailingZeros64(found) >> 3
				break
			}
			i += 8
		}
		if i >= len(line) {
			return text, false
		}
		switch c := line[i]; {
		case c == '"':
			s.i = i + 1
			return rawText{line[begin:s.i], plain}, true
		case c == '\\':
			n := escapeLength(line[i:])
			if n == 0 {
				return text, false
			}
			plain = false
			i += n
		case c < ' ':
			return text, false
		default: // the end of the line is near, or there is more than ASCII
			if c >= utf8.RuneSelf {
				plain, ascii = false, 0
			}
			i++
		}
	}
}

// escapeLength returns the length of an escape, 0 if it is none.
func escapeLength(text []byte) int {
	if len(text) < 2 {
		return 0
	}
	switch text[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(text) < 6 {
			return 0
		}
		for _, c := range text[2:6] {
			if !isHex(c) {
				return 0
			}
		}
		return 6
	}
	return 0
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20-'a' <= 5 }

// list reads an array of strings, or null.
func (s *lineScanner) list(list *rawText) bool {
	if s.literal("null") {
		return true
	}
	begin, plain := s.i, true
	if !s.take('[') {
		return false
	}
	s.space()
	if s.take(']') {
		*list = rawText{s.line[begin:s.i], true}
		return true
	}
	for {
		text, ok := s.text()
		if !ok {
			return false
		}
		plain = plain && text.plain
		s.space()
		switch {
		case s.take(','):
			s.space()
		case s.take(']'):
			*list = rawText{s.line[begin:s.i], plain}
			return true
		default:
			return false
		}
	}
}

// any reads a value. Its arrays and objects are at most 64 deep.
func (s *lineScanner) any() (value rawText, ok bool) {
	begin, plain := s.i, true
	var objects uint64 // a bit for each level: it is an object
	for depth := 0; ; {
		if s.i == len(s.line) {
			return value, false
		}
		switch c := s.line[s.i]; c {
		case '{', '[':
			if depth == 64 {
				return value, false
			}
			s.i++
			depth++
			objects <<= 1
			if c == '{' {
				objects |= 1
			}
			s.space()
			if !s.take(c + 2) { // } and ]
				if c == '{' && !s.member(&plain) {
					return value, false
				}
				continue
			}
			depth--
			objects >>= 1
		case '"':
			text, ok := s.text()
			if !ok {
				return value, false
			}
			plain = plain && text.plain
		default:
			if !s.number() && !s.literal("true") && !s.literal("false") && !s.literal("null") {
				return value, false
			}
		}
		// What follows a value.
		for {
			if depth == 0 {
				return rawText{s.line[begin:s.i], plain}, true
			}
			s.space()
			isObject := objects&1 != 0
			if s.take(',') {
				s.space()
				if isObject && !s.member(&plain) {
					return value, false
				}
				break
			}
			end := byte(']')
			if isObject {
				end = '}'
			}
			if !s.take(end) {
				return value, false
			}
			depth--
			objects >>= 1
		}
	}
}

// member reads the key of an object, and what stands before its value.
func (s *lineScanner) member(plain *bool) bool {
	text, ok := s.text()
	if !ok {
		return false
	}
	*plain = *plain && text.plain
	s.space()
	if !s.take(':') {
		return false
	}
	s.space()
	return true
}

// number reads a number as JSON has it; nothing if there is none.
func (s *lineScanner) number() bool {
	begin := s.i
	s.take('-')
	ok := s.take('0') || s.digits()
	if ok && s.take('.') {
		ok = s.digits()
	}
	if ok && (s.take('e') || s.take('E')) {
		if !s.take('+') {
			s.take('-')
		}
		ok = s.digits()
	}
	if !ok {
		s.i = begin
	}
	return ok
}

func (s *lineScanner) digits() bool {
	begin := s.i
	for s.i < len(s.line) && s.line[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > begin
}

// id reads an id, or null.
func (s *lineScanner) id(id *audit.EventID) bool {
	if s.literal("null") {
		return true
	}
	rest := s.line[s.i:]
	if len(rest) < idLength+2 || rest[0] != '"' || rest[idLength+1] != '"' {
		return false
	}
	s.i += idLength + 2
	return parseID(rest[1:idLength+1], id)
}

const idLength = 36

// parseID reads xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx.
func parseID(text []byte, id *audit.EventID) bool {
	if len(text) != idLength || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return false
	}
	pair := func(high, low []byte) uint64 {
		return uint64(binary.LittleEndian.Uint32(high)) | uint64(binary.LittleEndian.Uint32(low))<<32
	}
	var good [4]bool
	var part uint32
	part, good[0] = eightDigits(binary.LittleEndian.Uint64(text))
	binary.LittleEndian.PutUint32(id[0:], part)
	part, good[1] = eightDigits(pair(text[9:], text[14:]))
	binary.LittleEndian.PutUint32(id[4:], part)
	part, good[2] = eightDigits(pair(text[19:], text[24:]))
	binary.LittleEndian.PutUint32(id[8:], part)
	part, good[3] = eightDigits(binary.LittleEndian.Uint64(text[28:]))
	binary.LittleEndian.PutUint32(id[12:], part)
	return good[0] && good[1] && good[2] && good[3]
}

// eightDigits returns the four bytes that eight hexadecimal digits stand for. Both are
// in the order of memory.
func eightDigits(text uint64) (value uint32, ok bool) {
	letters := text >> 6 & lows
	lower := text | letters<<5
	digits := text&(lows*0xf) + letters*9
	// What the digits are as text, unless they are none.
	above9 := (digits + lows*6) >> 4 & lows
	ok = digits&(lows*0xf0) == 0 && digits+lows*'0'+above9*('a'-'0'-10) == lower
	pairs := (digits<<4 | digits>>8) & 0x00ff00ff00ff00ff
	pairs = (pairs | pairs>>8) & 0x0000ffff0000ffff
	return uint32(pairs | pairs>>16), ok //nolint:gosec // G115: the upper half is a copy
}

// timestamp reads a time with microseconds in UTC, as this library and Python write
// it: 2026-11-23T07:46:20.123456Z or +00:00 in the place of Z.
func (s *lineScanner) timestamp(at *int64) bool {
	rest := s.line[s.i:]
	if len(rest) < timeLength+3 || rest[0] != '"' {
		return false
	}
	text, rest := rest[1:timeLength+1], rest[timeLength+1:]
	switch {
	case string(rest[:2]) == `Z"`:
		s.i += timeLength + 3
	case len(rest) > 6 && string(rest[:7]) == `+00:00"`:
		s.i += timeLength + 8
	default:
		return false
	}
	return s.parseTime(text, at)
}

const timeLength = len("2026-11-23T07:46:20.123456")

// parseTime reads a time in UTC without its zone.
func (s *lineScanner) parseTime(text []byte, at *int64) bool {
	if string(text[:10]) != string(s.date[:]) {
		day, err := time.Parse(time.DateOnly, string(text[:10]))
		if err != nil || day.Year() < 1 {
			return false
		}
		s.date, s.day = [10]byte(text), day.UnixMicro()
	}
	if text[10] != 'T' || text[13] != ':' || text[16] != ':' || text[19] != '.' {
		return false
	}
	hour, minute, second := twoDigits(text[11:]), twoDigits(text[14:]), twoDigits(text[17:])
	micros := 10_000*twoDigits(text[20:]) + 100*twoDigits(text[22:]) + twoDigits(text[24:])
	*at = s.day + ((hour*60+minute)*60+second)*1_000_000 + micros
	return hour < 24 && minute < 60 && second < 60 && micros < 1_000_000
}

// twoDigits returns a number far too large for anything if they are no digits.
func twoDigits(text []byte) int64 {
	tens, ones := text[0]-'0', text[1]-'0'
	if tens > 9 || ones > 9 {
		return 1 << 32
	}
	return int64(tens)*10 + int64(ones)
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
