package audit_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// Any event becomes one line that every reader and every database takes, and that
// says the same when it is read and written again.
func FuzzEncode(f *testing.F) {
	f.Add([]byte("\x07update\x06Project\x0242"))
	f.Add(bytes.Repeat([]byte("\xff\x00\xed\xa0\x80\u2028\r\n\x1b[31m"), 40))
	f.Fuzz(func(t *testing.T, data []byte) {
		b := eventBytes(data)
		requireRoundTrip(t, b.event())
	})
}

// Nothing that is read as an event panics the reader, and what is accepted is
// written and read again without a further change.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(referenceLine))
	f.Add([]byte(`{"timestamp": "2026-11-23T09:07:37+01:30", "action": "read", "granted": true, "metadata": {"a": [1e5, "\ud800"]}}`))
	f.Add([]byte(`{"timestamp":"0001-01-01T00:00:00Z","action":"read","granted":true,"sanitized":["","..."]}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var event audit.PermissionAuditEvent
		if err := event.UnmarshalJSON(line); err != nil {
			require.Equal(t, audit.PermissionAuditEvent{}, event, "after an error the event is unchanged")
			return
		}
		requireRoundTrip(t, event)
	})
}

// The text of an id reads back as the id, and no other text of another length or
// with other dashes does.
func FuzzEventID(f *testing.F) {
	f.Add("019a0000-0000-7000-8000-000000000000")
	f.Add("019A0000-0000-7000-8000-00000000ABCD")
	f.Add("019a0000000070008000000000000000----")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := audit.ParseEventID(text)
		if err != nil {
			require.True(t, id.IsZero())
			return
		}
		require.Equal(t, strings.ToLower(text), id.String())
	})
}

// requireRoundTrip encodes event, checks the line, reads it and encodes it again.
func requireRoundTrip(t *testing.T, event audit.PermissionAuditEvent) {
	t.Helper()
	entry, err := audit.NewEntry(t.Context(), event)
	if n := len(event.Action); n == 0 || n > audit.MaxActionBytes {
		require.ErrorIs(t, err, audit.ErrInvalidEvent)
		return
	}
	require.NoError(t, err)
	line := entry.AppendJSON(nil)
	requireLine(t, line)

	var read audit.PermissionAuditEvent
	require.NoError(t, read.UnmarshalJSON(line), "%s", line)
	again, err := audit.NewEntry(t.Context(), read)
	require.NoError(t, err)
	requireText(t, string(line), string(again.AppendJSON(nil)))
	require.Equal(t, entry, again)

	fromEntry, err := entry.Event()
	require.NoError(t, err)
	require.Equal(t, read, fromEntry, "an entry and its line hold the same event")
}

// requireLine checks what holds for every line, whatever is in it.
func requireLine(t *testing.T, line []byte) {
	t.Helper()
	require.LessOrEqual(t, len(line), audit.MaxLineBytes)
	require.True(t, utf8.Valid(line), "valid UTF-8: %q", line)
	require.True(t, json.Valid(line), "valid JSON: %q", line)
	for _, r := range string(line) {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			t.Fatalf("the line holds %U: %q", r, line)
		}
	}
	for i := 0; i < len(line); i++ {
		if line[i] != '\\' {
			continue
		}
		if i++; line[i] != 'u' {
			continue
		}
		unit, err := strconv.ParseUint(string(line[i+1:i+5]), 16, 16)
		require.NoError(t, err)
		if unit == 0 || unit >= 0xd800 && unit <= 0xdfff {
			t.Fatalf("the line holds the escape \\u%04x: %q", unit, line)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			break
		}
		if number, ok := token.(json.Number); ok {
			require.NoError(t, jsonbNumber(string(number)))
		}
	}
}

// jsonbNumber reports whether PostgreSQL's numeric can hold a number: 131072 digits
// before the decimal point and 16383 behind it.
func jsonbNumber(number string) error {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	e, err := strconv.Atoi("0" + strings.TrimLeft(exponent, "+-"))
	if err != nil || e+len(mantissa) > 16383 {
		return errors.New("a number that no database takes: " + number)
	}
	_, _, err = big.ParseFloat(number, 10, 64, big.ToNearestEven)
	return err
}

// eventBytes makes an event of the bytes that a fuzzer, or chance, has chosen.
type eventBytes []byte

func (b *eventBytes) event() audit.PermissionAuditEvent {
	flags := b.next()
	event := audit.PermissionAuditEvent{
		Action: audit.Action(b.text()), Granted: flags&1 != 0, Bypassed: flags&2 != 0,
		Manager: b.text(), UserID: b.text(), Attributes: b.list(), Permissions: b.list(),
	}
	if flags&4 != 0 {
		event.Sanitized = b.list()
	}
	if flags&8 != 0 {
		event.Timestamp = time.Unix(int64(b.number()), int64(b.next())*1001)
	}
	if flags&16 != 0 {
		event.User, _ = b.value(3)
	}
	if flags&32 != 0 {
		event.User = audit.UserRepr(b.text())
	}
	if flags&64 != 0 {
		event.Metadata = b.object(0)
	}
	return event
}

func (b *eventBytes) next() byte {
	if len(*b) == 0 {
		return 0
	}
	c := (*b)[0]
	*b = (*b)[1:]
	return c
}

func (b *eventBytes) number() uint64 {
	var eight [8]byte
	n := copy(eight[:], *b)
	*b = (*b)[n:]
	return binary.BigEndian.Uint64(eight[:])
}

// text is up to 63 bytes as they come, or so many times as to be too long.
func (b *eventBytes) text() string {
	n := int(b.next())
	size := min(n&63, len(*b))
	s := string((*b)[:size])
	*b = (*b)[size:]
	if n >= 0xf0 {
		s = strings.Repeat(s, 300)
	}
	return s
}

func (b *eventBytes) list() []string {
	var list []string
	for range b.next() % 8 {
		list = append(list, b.text())
	}
	return list
}

func (b *eventBytes) object(depth int) map[string]any {
	object := map[string]any{}
	for range b.next() % 20 {
		key := b.text()
		value, more := b.value(depth + 1)
		object[key] = value
		if !more {
			break
		}
	}
	return object
}

// value is one of every kind; more is false at the end of the bytes.
func (b *eventBytes) value(depth int) (v any, more bool) {
	kind := b.next()
	if depth > 40 {
		kind %= 16
	}
	switch kind % 24 {
	case 0:
		v = nil
	case 1, 2:
		v = b.text()
	case 3:
		v = b.next()&1 == 0
	case 4:
		v = int(b.number())
	case 5:
		v = math.Float64frombits(b.number())
	case 6:
		v = math.Float32frombits(uint32(b.number()))
	case 7:
		v = json.Number(b.text())
	case 8:
		v = json.RawMessage(b.text())
	case 9:
		v = []byte(b.text())
	case 10:
		v = b.list()
	case 11:
		v = errors.New(b.text())
	case 12:
		v = time.Unix(int64(b.number()), 0)
	case 13:
		v = struct{ Password, Name string }{b.text(), b.text()}
	case 14:
		v = complex(1, math.Inf(1))
	case 15:
		v = map[int8]string{int8(b.next()): b.text(), int8(b.next()): b.text()}
	case 16, 17, 18:
		return b.object(depth), len(*b) > 0
	case 19, 20:
		list := []any{}
		for range b.next() % 8 {
			element, more := b.value(depth + 1)
			if list = append(list, element); !more {
				break
			}
		}
		v = list
	case 21:
		element, _ := b.value(depth + 1)
		v = &element
	case 22:
		element, _ := b.value(depth + 1)
		v = map[string]map[string]any{b.text(): {b.text(): element}}
	case 23:
		v = map[any]any{b.text(): 1, b.text(): 2, int(b.next()): 3}
	}
	return v, len(*b) > 0
}
