package audit

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const entryLine = `{"id":"019a0000-0000-7000-8000-000000000000","timestamp":"2026-11-23T07:46:20.123456Z","action":"update",` +
	`"attributes":["status","a\"\\\n]"],"granted":false,"bypassed":true,"manager":"Pro\"ject\n","user_id":"42","user":null,` +
	`"permissions":["isSelf",""],"metadata":{"a":{"b":[1,"}]{\\\""]},"request_id":"r-1"},"sanitized":["metadata.ua:utf8"]}`

// The spool holds an entry as its line: reading that gives the same entry.
func TestALineIsReadAsTheEntryThatItWasWrittenFrom(t *testing.T) {
	for name, change := range map[string]string{
		"as it is": "", `"user":null`: `"user":"<User: x\u2028>"`, `"metadata":{"a":{"b":[1,"}]{\\\""]},"request_id":"r-1"}`: `"metadata":null`,
		`,"sanitized":["metadata.ua:utf8"]`: ``, `"manager":"Pro\"ject\n"`: `"manager":null`,
		`["status","a\"\\\n]"]`: `[]`, `"request_id":"r-1"`: `"zone":"\u001b[31m"`, `{"b":[1,"}]{\\\""]}`: `{}`,
	} {
		t.Run(name, func(t *testing.T) {
			line := entryLine
			if name != "as it is" {
				require.Contains(t, line, name)
				line = strings.Replace(line, name, change, 1)
			}
			scanned, ok := scanEntry([]byte(line))
			require.True(t, ok, "it is the quick way that is taken")
			require.Equal(t, line, string(scanned.AppendJSON(nil)))
			event, err := decodeLine([]byte(line))
			require.NoError(t, err)
			written, err := NewEntry(t.Context(), event)
			require.NoError(t, err)
			require.Equal(t, written, scanned)
		})
	}
}

// What is not ours, or not storable as it stands, is read with more care.
func TestLinesOfOtherFormsAreReadAllTheSame(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40)
	for was, is := range map[string]string{
		`"id":"019a0000-0000-7000-8000-000000000000",`: ``,
		`"id":"019a`: `"id":"019A`,
		`"timestamp":"2026-11-23T07:46:20.123456Z"`: `"timestamp": "2026-11-23T09:16:20.123456+01:30"`,
		`"action":"update"`:                         `"action":"upd\u0061te"`,
		`"user_id":"42"`:                            `"user_id":"\ud800"`,
		`"user":null`:                               `"user":""`,
		`"request_id":"r-1"`:                        `"request_id":"\u0000"`,
		`["isSelf",""]`:                             `["isSelf","\udc00"]`,
		`,"request_id":"r-1"`:                       `,"deep":` + deep,
		`["metadata.ua:utf8"]`:                      `["metadata.ua:utf8"],"later":{"a":[]}`,
		`{"id"`:                                     ` {"id"`,
		`"granted":false`:                           `"granted":false,"granted":true`,
		`"request_id"`:                              `"` + strings.Repeat("k", MaxMetadataBytes) + `"`,
		`"Pro\"ject\n"`:                             `"` + strings.Repeat("m", MaxNameBytes+1) + `"`,
		`"status"`:                                  `"` + strings.Repeat("s", MaxListBytes) + `"`,
		`isSelf`:                                    "is\xffSelf",
	} {
		require.Contains(t, entryLine, was)
		line := strings.Replace(entryLine, was, is, 1)
		entry, err := decodeEntry([]byte(line))
		require.NoError(t, err, line)
		event, err := decodeLine([]byte(line))
		require.NoError(t, err)
		encoder := newEncoder()
		require.NoError(t, encoder.encode(t.Context(), &event, NoRedaction))
		written := encoder.entry()
		written.ID = event.ID
		require.Equal(t, written, entry, line)
	}
}

func TestWhatIsNoEventIsNoEntry(t *testing.T) {
	for _, line := range []string{
		"", " ", "null", "{}", `{"id":"`, entryLine[:len(entryLine)-1], entryLine + "}", entryLine + entryLine,
		strings.Replace(entryLine, `"granted":false`, `"granted":0`, 1), strings.Replace(entryLine, `["isSelf",""]`, `[1]`, 1),
		strings.Replace(entryLine, `["isSelf",""]`, `{}`, 1), strings.Replace(entryLine, `"action":"update"`, `"action":""`, 1),
		strings.Replace(entryLine, `"action":"update"`, `"action":"`+strings.Repeat("a", MaxActionBytes+1)+`"`, 1),
		strings.Replace(entryLine, `-23T`, `-32T`, 1), strings.Replace(entryLine, `"metadata":{`, `"metadata":[{`, 1),
	} {
		_, err := decodeEntry([]byte(line))
		require.Error(t, err, line)
	}
}

func TestOnlyGapEventsOfOursAreGapLines(t *testing.T) {
	event := PermissionAuditEvent{Action: ActionGap, Granted: true, Timestamp: time.Now()}
	line, err := event.MarshalJSON()
	require.NoError(t, err)
	require.True(t, isGapLine(line))
	event.Action = "gaps"
	line, err = event.MarshalJSON()
	require.NoError(t, err)
	require.False(t, isGapLine(line))
	require.False(t, isGapLine(nil))
}

// Whichever way a line is read, it says the same.
func FuzzDecodeEntry(f *testing.F) {
	f.Add([]byte(entryLine))
	f.Add([]byte(`{"timestamp": "2026-11-23T09:07:37+01:30", "action": "read", "granted": true, "metadata": {"a": [1e5, "\ud800"]}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		event, wrong := decodeLine(line)
		scanned, ok := scanEntry(line)
		if !ok {
			return
		}
		require.NoError(t, wrong)
		read, err := scanned.Event()
		require.NoError(t, err)
		require.Equal(t, event, read)
		again, ok := scanEntry(scanned.AppendJSON(nil))
		require.True(t, ok)
		require.Equal(t, scanned, again)
	})
}

func TestRecordedEntryKeepsWhatWasRecorded(t *testing.T) {
	line := []byte(`{"id":"019a0000-0000-7000-8000-000000000001","timestamp":"2026-11-23T07:46:20.123456Z","action":"gap","attributes":[],` +
		`"granted":true,"bypassed":false,"manager":null,"user_id":null,"user":"nobody","permissions":[],"metadata":{"password":"open","size":1.50},"sanitized":["user:utf8"]}`)
	var event PermissionAuditEvent
	require.NoError(t, event.UnmarshalJSON(line))
	entry := RecordedEntry(event)
	require.Equal(t, line, entry.AppendJSON(nil), "nothing is redacted or added")

	event.ID = EventID{}
	entry = RecordedEntry(event)
	require.True(t, entry.ID.IsZero(), "an id that is made up would be another one each time")
}

func TestRecordedEntryTakesEveryAction(t *testing.T) {
	for _, action := range []string{"", strings.Repeat("x", MaxActionBytes+1), "\x1b" + strings.Repeat("é", 100)} {
		line := []byte(strings.Replace(entryLine, `"action":"update"`, `"action":`+string(appendQuoted(nil, action)), 1))
		require.Contains(t, entryLine, `"action":"update"`)
		var event PermissionAuditEvent
		require.NoError(t, event.UnmarshalJSON(line))
		entry := RecordedEntry(event)
		require.Equal(t, Action(action), entry.Action)
		require.Equal(t, string(line), string(entry.AppendJSON(nil)))
		_, err := decodeEntry(line)
		require.ErrorIs(t, err, ErrInvalidEvent, "it cannot be recorded again")
	}
}
