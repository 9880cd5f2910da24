package main

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// escape returns text with everything that a terminal would obey, or that would show
// nothing, as \n, \x1b or \u202e: control characters, those that change the direction
// of writing, characters without width, and bytes that are no UTF-8.
func escape(text string) string {
	for i := 0; i < len(text); i++ {
		if text[i] < 0x20 || text[i] >= 0x7f {
			return string(appendEscaped(make([]byte, 0, len(text)+16), text))
		}
	}
	return text
}

func appendEscaped(dst []byte, text string) []byte {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			dst = fmt.Appendf(dst, `\x%02x`, text[i])
		case visible(r):
			dst = append(dst, text[i:i+size]...)
		case r == '\n':
			dst = append(dst, `\n`...)
		case r == '\t':
			dst = append(dst, `\t`...)
		case r == '\r':
			dst = append(dst, `\r`...)
		case r < utf8.RuneSelf:
			dst = fmt.Appendf(dst, `\x%02x`, r)
		case r <= 0xffff:
			dst = fmt.Appendf(dst, `\u%04x`, r)
		default:
			dst = fmt.Appendf(dst, `\U%08x`, r)
		}
		i += size
	}
	return dst
}

// visible reports whether a terminal shows a character, and does nothing else with it.
func visible(r rune) bool {
	if r < utf8.RuneSelf {
		return r >= 0x20 && r != 0x7f
	}
	return strconv.IsGraphic(r) && r != '\u2028' && r != '\u2029'
}

// appendSafeJSON appends JSON, in which such characters stand in strings alone, with
// them as \u escapes: it means the same.
func appendSafeJSON(dst, text []byte) []byte {
	if isSafe(text) {
		return append(dst, text...)
	}
	from := 0
	for i := 0; i < len(text); {
		if text[i] < 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if !visible(r) {
			dst = append(dst, text[from:i]...)
			for _, unit := range utf16.Encode([]rune{r}) {
				dst = fmt.Appendf(dst, `\u%04x`, unit)
			}
			from = i + size
		}
		i += size
	}
	return append(dst, text[from:]...)
}

// isSafe reports whether JSON has nothing but ASCII in it, and no DEL: a quick look at
// eight bytes at a time.
func isSafe(json []byte) bool {
	const each = 0x0101010101010101
	for len(json) >= 8 {
		word := binary.LittleEndian.Uint64(json)
		// Without a byte over 0x7f, adding 1 makes 0x80 of DEL alone.
		if (word|(word+each))&(0x80*each) != 0 {
			return false
		}
		json = json[8:]
	}
	for _, c := range json {
		if c >= 0x7f {
			return false
		}
	}
	return true
}
