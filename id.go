package audit

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"
)

// EventID identifies one event: a UUID of version 7 (RFC 9562), so that ids sort
// by time. The ids of one process ascend strictly, also when its clock is set
// back. The zero EventID is no id; Record replaces it.
type EventID [16]byte

// lastIDTime is the time part of the newest id: milliseconds since 1970 in the
// upper 52 bits and a fraction of a millisecond in the lower 12.
var lastIDTime atomic.Uint64

// NewEventID returns an id of the present moment that is greater than all that
// it returned before. It may be called concurrently.
func NewEventID() EventID { return newEventID(time.Now()) }

// newEventID counts time in steps of 1/4096 ms (RFC 9562, section 6.2, method 3)
// and takes the next free step when the clock has not moved on.
func newEventID(now time.Time) EventID {
	nanos := now.UnixNano()
	if nanos < 0 {
		nanos = 0
	}
	millis, rest := uint64(nanos)/1e6, uint64(nanos)%1e6
	step := millis<<12 | rest*4096/1e6
	for {
		last := lastIDTime.Load()
		if step <= last {
			step = last + 1
		}
		if lastIDTime.CompareAndSwap(last, step) {
			break
		}
	}
	var id EventID
	binary.BigEndian.PutUint64(id[:8], step>>12<<16|0x7000|step&0xfff)
	binary.BigEndian.PutUint64(id[8:], rand.Uint64()&^(3<<62)|2<<62) //nolint:gosec // G404: an id must be unique, not secret; the source is seeded by the system
	return id
}

// ParseEventID reads the text form of any UUID, 8-4-4-4-12 hexadecimal digits of
// either case.
func ParseEventID(text string) (EventID, error) {
	var id EventID
	err := id.UnmarshalText([]byte(text))
	return id, err
}

// IsZero reports whether id is no id.
func (id EventID) IsZero() bool { return id == EventID{} }

// Time returns the moment in the id, exact to a millisecond, in UTC. It is the
// zero time for a UUID of another version than 7.
func (id EventID) Time() time.Time {
	if id[6]>>4 != 7 {
		return time.Time{}
	}
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:8]) >> 16)).UTC()
}

// String returns the text form, 36 bytes in lower case.
func (id EventID) String() string { return string(id.appendText(make([]byte, 0, 36))) }

func (id EventID) appendText(dst []byte) []byte {
	word := func(i int) uint64 { return hexWord(binary.BigEndian.Uint32(id[i:])) }
	first, second, third, fourth := word(0), word(4), word(8), word(12)
	text := [36]byte{8: '-', 13: '-', 18: '-', 23: '-'}
	binary.BigEndian.PutUint64(text[0:], first)
	binary.BigEndian.PutUint32(text[9:], uint32(second>>32))
	binary.BigEndian.PutUint32(text[14:], uint32(second)) //nolint:gosec // G115: its lower half
	binary.BigEndian.PutUint32(text[19:], uint32(third>>32))
	binary.BigEndian.PutUint32(text[24:], uint32(third)) //nolint:gosec // G115: the same
	binary.BigEndian.PutUint64(text[28:], fourth)
	return append(dst, text[:]...)
}

// hexWord returns the eight hexadecimal digits of n, the first of them in the highest
// byte: each half byte becomes a byte, then all of them digits at once.
func hexWord(n uint32) uint64 {
	word := uint64(n)
	word = (word | word<<16) & 0x0000_ffff_0000_ffff
	word = (word | word<<8) & 0x00ff_00ff_00ff_00ff
	word = (word | word<<4) & 0x0f0f_0f0f_0f0f_0f0f
	const ones = 0x0101_0101_0101_0101
	letters := (word + 6*ones) >> 4 & ones // 1 where there is more than 9
	return word + '0'*ones + letters*('a'-'0'-10)
}

// AppendText implements encoding.TextAppender. Its error is nil.
func (id EventID) AppendText(dst []byte) ([]byte, error) { return id.appendText(dst), nil }

// MarshalText implements encoding.TextMarshaler. Its error is nil.
func (id EventID) MarshalText() ([]byte, error) { return id.appendText(nil), nil }

// UnmarshalText implements encoding.TextUnmarshaler; see ParseEventID. After an
// error id is unchanged.
func (id *EventID) UnmarshalText(text []byte) error {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return fmt.Errorf("audit: parse event id %q: want 36 characters, xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", shorten(string(text)))
	}
	var parsed EventID
	n := 0
	for _, digits := range [...][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
		if _, err := hex.Decode(parsed[n:], digits); err != nil {
			return fmt.Errorf("audit: parse event id %q: %w", text, err)
		}
		n += len(digits) / 2
	}
	*id = parsed
	return nil
}

// shorten keeps an unknown text from flooding an error.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return s[:cutRune(s, most)] + "..."
}
