package audit

import (
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

const hexDigits = "0123456789abcdef"

// cutRune returns the greatest length up to most that does not divide a rune of s.
func cutRune[T string | []byte](s T, most int) int {
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

// appendText appends s as valid UTF-8 without NUL and not over most bytes of s:
// invalid bytes and NUL become U+FFFD.
func appendText(dst []byte, s string, most int) ([]byte, repairs) {
	var done repairs
	if cut := cutRune(s, most); cut < len(s) {
		s, done = s[:cut], repairedLength
	}
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c != 0 && c < utf8.RuneSelf {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r != 0 && (r != utf8.RuneError || size > 1) {
			i += size
			continue
		}
		if r == 0 {
			done |= repairedNUL
		} else {
			done |= repairedUTF8
		}
		dst = append(append(dst, s[start:i]...), "\uFFFD"...)
		i += size
		start = i
	}
	return append(dst, s[start:]...), done
}

// plainJSON marks the ASCII characters that stand for themselves in a JSON string.
var plainJSON = func() (plain [utf8.RuneSelf]bool) {
	for c := range plain {
		plain[c] = c >= ' ' && c != '"' && c != '\\' && c != 0x7f
	}
	return plain
}()

// appendJSONString appends s as a JSON string on one line, repaired like
// appendText does it: besides what JSON demands, it escapes DEL, the C1 control
// characters, and the line and paragraph separators.
func appendJSONString[T string | []byte](dst []byte, s T, most int) ([]byte, repairs) {
	var done repairs
	if cut := cutRune(s, most); cut < len(s) {
		s, done = s[:cut], repairedLength
	}
	dst = append(dst, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			if plainJSON[c] {
				i++
				continue
			}
			dst = append(dst, s[start:i]...)
			if c == 0 {
				done |= repairedNUL
				dst = append(dst, "\uFFFD"...)
			} else {
				dst = appendEscape(dst, c)
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
		switch {
		case r == utf8.RuneError && size == 1:
			done |= repairedUTF8
			dst = append(append(dst, s[start:i]...), "\uFFFD"...)
		case r >= 0x80 && r < 0xa0:
			dst = append(append(dst, s[start:i]...), '\\', 'u', '0', '0', hexDigits[r>>4], hexDigits[r&0xf])
		case r == '\u2028' || r == '\u2029':
			dst = append(append(dst, s[start:i]...), '\\', 'u', '2', '0', '2', hexDigits[r&0xf])
		default:
			i += size
			continue
		}
		i += size
		start = i
	}
	return append(append(dst, s[start:]...), '"'), done
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
