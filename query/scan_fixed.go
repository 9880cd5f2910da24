package query

import (
	"encoding/binary"
	"time"

	"github.com/permaudit/audit"
)

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
	if string(text[:len(s.minute)]) != string(s.minute[:]) || s.minute[0] == 0 {
		minute, err := time.Parse("2006-01-02T15:04:", string(text[:len(s.minute)]))
		if err != nil || minute.Year() < 2 { // audit moves times at the edge
			return false
		}
		s.minute, s.minuteAt = [17]byte(text), minute.UnixMicro()
	}
	second := twoDigits(text[17:])
	micros := 10_000*twoDigits(text[20:]) + 100*twoDigits(text[22:]) + twoDigits(text[24:])
	*at = s.minuteAt + second*1_000_000 + micros
	return text[19] == '.' && second < 60 && micros < 1_000_000
}

// twoDigits returns a number far too large for anything if they are no digits.
func twoDigits(text []byte) int64 {
	tens, ones := text[0]-'0', text[1]-'0'
	if tens > 9 || ones > 9 {
		return 1 << 32
	}
	return int64(tens)*10 + int64(ones)
}
