package audit

import (
	"encoding/binary"
	"slices"
	"strings"
	"unicode/utf8"
)

// repairs says what had to be repaired in a text.
type repairs uint8

const (
	repairedUTF8 repairs = 1 << iota
	repairedNUL
	repairedLength
)

// reasons are the words for repairs in Sanitized, by bit.
var reasons = [...]string{"utf8", "nul", "long"}

const (
	hexDigits = "0123456789abcdef"
	uFFFD     = "\uFFFD" // the replacement character
)

// plain marks the bytes that stand for themselves in JSON, in ASCII.
var plain = func() (plain [256]bool) {
	for c := range utf8.RuneSelf {
		plain[c] = c >= ' ' && c != '"' && c != '\\' && c != 0x7f
	}
	return plain
}()

// isPlain reports whether s needs neither repair nor escapes.
func isPlain(s string) bool {
	for i := range len(s) {
		if !plain[s[i]] {
			return false
		}
	}
	return true
}

// isPlainWord reports whether all eight bytes of word are plain. It looks for one that
// is less than n, or equal to it, in all of them at once (Warren, Hacker's Delight, 6-1).
func isPlainWord(word uint64) bool {
	const ones, highs = 0x0101_0101_0101_0101, 0x8080_8080_8080_8080
	quote, backslash, del := word^'"'*ones, word^'\\'*ones, word^0x7f*ones
	return (word|(word-' '*ones)|(quote-ones)|(backslash-ones)|(del-ones))&highs == 0
}

// cutRune returns the greatest length up to most that does not divide a rune of s.
func cutRune(s string, most int) int {
	if len(s) <= most {
		return len(s)
	}
	cut := most
	for cut > 0 && most-cut < utf8.UTFMax-1 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	if !utf8.RuneStart(s[cut]) {
		return most // not UTF-8 anyway
	}
	return cut
}

// repair returns s as valid UTF-8 without NUL of at most most bytes: bytes that are
// no UTF-8, and NUL, become U+FFFD, and what is too long then is cut. Repairing
// what was repaired changes nothing.
func repair(s string, most int) (string, repairs) {
	if len(s) <= most && isPlain(s) {
		return s, 0
	}
	return repairOther(s, most)
}

func repairOther(s string, most int) (string, repairs) {
	var done repairs
	if cut := cutRune(s, most); cut < len(s) {
		s, done = s[:cut], repairedLength
	}
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s, done
	}
	repaired := make([]byte, 0, min(len(s)*len(uFFFD), most))
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		text := s[:size]
		switch {
		case r == 0:
			done |= repairedNUL
			text = uFFFD
		case r == utf8.RuneError && size == 1:
			done |= repairedUTF8
			text = uFFFD
		}
		if len(repaired)+len(text) > most {
			done |= repairedLength
			break
		}
		repaired = append(repaired, text...)
		s = s[size:]
	}
	return string(repaired), done
}

// appendJSONString appends s, repaired, as a JSON string on one line.
func appendJSONString(dst []byte, s string, most int) ([]byte, repairs) {
	if len(s) <= most {
		if quoted, ok := appendPlain(dst, s); ok {
			return quoted, 0
		}
	}
	s, done := repairOther(s, most)
	return appendQuoted(dst, s), done
}

// appendPlain appends s as a JSON string, if it is plain. It copies and looks at once,
// eight bytes at a time: most texts are short and plain, and there are many of them.
func appendPlain[T string | []byte](dst []byte, s T) (appended []byte, ok bool) {
	start, end := len(dst), len(dst)+len(s)+2
	if end > cap(dst) {
		dst = slices.Grow(dst, len(s)+2)
	}
	to := dst[start+1 : end]
	for ; len(s) > 8; s, to = s[8:], to[8:] {
		word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
		if !isPlainWord(word) {
			return dst, false
		}
		binary.LittleEndian.PutUint64(to, word)
	}
	if n := len(s); n >= 4 { // two halves, which may overlap
		last := s[n-4:]
		head := uint32(s[0]) | uint32(s[1])<<8 | uint32(s[2])<<16 | uint32(s[3])<<24
		tail := uint32(last[0]) | uint32(last[1])<<8 | uint32(last[2])<<16 | uint32(last[3])<<24
		if !isPlainWord(uint64(head) | uint64(tail)<<32) {
			return dst, false
		}
		binary.LittleEndian.PutUint32(to, head)
		binary.LittleEndian.PutUint32(to[n-4:], tail)
	} else {
		for i := range len(s) {
			if !plain[s[i]] {
				return dst, false
			}
			to[i] = s[i]
		}
	}
	dst = dst[:end]
	dst[start], dst[end-1] = '"', '"'
	return dst, true
}

// appendQuoted appends s, which needs no repair, as a JSON string. Besides what
// JSON demands, it escapes DEL, the C1 control characters, and the line and
// paragraph separators.
func appendQuoted[T string | []byte](dst []byte, s T) []byte {
	if quoted, ok := appendPlain(dst, s); ok {
		return quoted
	}
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if plain[c] {
			continue
		}
		switch {
		case c < utf8.RuneSelf:
			dst = appendEscape(append(dst, s[start:i]...), c)
		case c == 0xc2 && s[i+1] < 0xa0: // U+0080 to U+009F
			dst = append(append(dst, s[start:i]...), '\\', 'u', '0', '0', hexDigits[s[i+1]>>4], hexDigits[s[i+1]&0xf])
			i++
		case c == 0xe2 && s[i+1] == 0x80 && s[i+2]|1 == 0xa9: // U+2028, U+2029
			dst = append(append(dst, s[start:i]...), '\\', 'u', '2', '0', '2', hexDigits[s[i+2]&0xf])
			i += 2
		default:
			continue
		}
		start = i + 1
	}
	return append(append(dst, s[start:]...), '"')
}

// appendEscape appends the JSON escape of an ASCII character.
func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&0xf])
}
