package query

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Bytes of a word that are looked for at once, after "Bit Twiddling Hacks", Sean
// Eron Anderson: a byte of x that is zero, or less than n, has its highest bit set in
// (x - n*lows) &^ x, and so may those above it.
const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// text reads a string.
func (s *lineScanner) text() (text rawText, ok bool) {
	end, plain := stringEnd(s.line, s.i)
	if end < 0 {
		return text, false
	}
	text = rawText{s.line[s.i:end], plain}
	s.i = end
	return text, true
}

// stringEnd returns where the string ends that begins at i, -1 if none does.
func stringEnd(line []byte, i int) (end int, plain bool) {
	if i >= len(line) || line[i] != '"' {
		return -1, false
	}
	// What lies behind the line may be looked at, though not believed.
	for i++; i < len(line) && i+8 <= cap(line); i += 8 {
		word := binary.LittleEndian.Uint64(line[i : i+8])
		quote, escape := word^(lows*'"'), word^(lows*'\\')
		quotes := (quote - lows) &^ quote & highs
		others := ((escape-lows)&^escape | (word-lows*' ')&^word | word) & highs
		if quotes != 0 && others&(quotes^(quotes-1)) == 0 {
			if end = i + bits.TrailingZeros64(quotes)>>3 + 1; end > len(line) {
				return -1, false
			}
			return end, true
		}
		if others != 0 {
			break
		}
	}
	return stringEndSlowly(line, i)
}

// stringEndSlowly goes on at i in a string, one byte after the other: its end, or that
// of the line, is near, or it is not plain.
func stringEndSlowly(line []byte, i int) (end int, plain bool) {
	plain = true
	for i < len(line) {
		switch c := line[i]; {
		case c == '"':
			return i + 1, plain
		case c == '\\':
			n := escapeLength(line[i:])
			if n == 0 {
				return -1, false
			}
			plain = false
			i += n
		case c < ' ':
			return -1, false
		default:
			plain = plain && c < utf8.RuneSelf
			i++
		}
	}
	return -1, false
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
		*list = rawText{}
		return true
	}
	known := s.known()
	if known != nil && len(known.json) > 0 && bytes.HasPrefix(s.line[s.i:], known.json) {
		*list = rawText{s.line[s.i : s.i+len(known.json)], known.plain}
		s.i += len(known.json)
		return true
	}
	begin, plain := s.i, true
	if !s.take('[') {
		return false
	}
	s.space()
	if !s.take(']') {
		for {
			text, ok := s.text()
			if !ok {
				return false
			}
			plain = plain && text.plain
			s.space()
			if s.take(']') {
				break
			}
			if !s.take(',') {
				return false
			}
			s.space()
		}
	}
	*list = rawText{s.line[begin:s.i], plain}
	if known != nil && len(list.json) <= mostKnown {
		known.json, known.plain = append(known.json[:0], list.json...), plain
	}
	return true
}

// knownLists are lists that were read: most lists come again and again, and whatever
// begins with a whole list is that list. They are found by their first 16 bytes.
type knownLists [256]rawText

const mostKnown = 256 // bytes

// known returns the place of a list that is about to be read; nil: there is none.
func (s *lineScanner) known() *rawText {
	rest := s.line[s.i:]
	if s.lists == nil || len(rest) < 17 {
		return nil
	}
	const odd = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	first, second := binary.LittleEndian.Uint64(rest[1:]), binary.LittleEndian.Uint64(rest[9:])
	return &s.lists[(first*odd^second)*odd>>56]
}

// object reads an object. Most have few strings in them, and no space.
func (s *lineScanner) object() (value rawText, ok bool) {
	line, i, all := s.line, s.i, true
	for ok := i < len(line) && line[i] == '{'; ok; ok = line[i] == ',' {
		end, plain := stringEnd(line, i+1)
		if end < 0 || end >= len(line) || line[end] != ':' {
			break
		}
		all = all && plain
		if end, plain = stringEnd(line, end+1); end < 0 || end >= len(line) {
			break
		}
		all = all && plain
		if i = end; line[i] == '}' {
			value = rawText{line[s.i : i+1], all}
			s.i = i + 1
			return value, true
		}
	}
	if s.i == len(line) || line[s.i] != '{' {
		return value, false
	}
	return s.any()
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
