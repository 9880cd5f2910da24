package query

import (
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
