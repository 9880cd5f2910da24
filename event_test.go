package audit_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// referenceLine is the line of the documentation.
const referenceLine = `{"id":"019a0c4e-9f3b-7c1d-8000-0123456789ab","timestamp":"2026-11-23T07:46:20.123456Z","action":"update",` +
	`"attributes":["status"],"granted":false,"bypassed":false,"manager":"Project","user_id":"42","user":null,` +
	`"permissions":["isSelf"],"metadata":{"request_id":"r-1"}}`

func referenceEvent() audit.PermissionAuditEvent {
	id, err := audit.ParseEventID("019a0c4e-9f3b-7c1d-8000-0123456789ab")
	if err != nil {
		panic(err)
	}
	return audit.PermissionAuditEvent{
		ID: id, Timestamp: time.Date(2026, 11, 23, 7, 46, 20, 123456789, time.UTC),
		Action: audit.ActionUpdate, Attributes: []string{"status"}, Manager: "Project", UserID: "42",
		Permissions: []string{"isSelf"}, Metadata: map[string]any{audit.MetadataRequestID: "r-1"},
	}
}

// lineOf is the line of an event, checked.
func lineOf(t *testing.T, event audit.PermissionAuditEvent) string {
	t.Helper()
	line, err := event.MarshalJSON()
	require.NoError(t, err)
	requireLine(t, line)
	return string(line)
}

// readLine reads a line back.
func readLine(t *testing.T, line string) audit.PermissionAuditEvent {
	t.Helper()
	var event audit.PermissionAuditEvent
	require.NoError(t, event.UnmarshalJSON([]byte(line)))
	return event
}

// requireText requires every byte to be the same.
func requireText(t *testing.T, want, got string) {
	t.Helper()
	require.Equal(t, want, got)
}

func TestTheReferenceEventIsTheLineOfTheDocumentation(t *testing.T) {
	requireText(t, referenceLine, lineOf(t, referenceEvent()))
}

func TestEveryKeyHasItsPlace(t *testing.T) {
	event := referenceEvent()
	event.Granted, event.Bypassed = true, true
	event.User = audit.UserRepr("svc \"cron\"")
	event.Attributes = []string{"b", "a"}
	event.Sanitized = []string{"metadata.ua:utf8"}
	event.Metadata = map[string]any{"b": 1, "a": map[string]any{"z": true, "y": nil}, "B": []any{1.5, "x"}}
	requireText(t, `{"id":"019a0c4e-9f3b-7c1d-8000-0123456789ab","timestamp":"2026-11-23T07:46:20.123456Z","action":"update",`+
		`"attributes":["b","a"],"granted":true,"bypassed":true,"manager":"Project","user_id":"42","user":"svc \"cron\"",`+
		`"permissions":["isSelf"],"metadata":{"B":[1.5,"x"],"a":{"y":null,"z":true},"b":1},"sanitized":["metadata.ua:utf8"]}`,
		lineOf(t, event))
}

func TestWhatIsAbsentIsNullButListsNeverAre(t *testing.T) {
	line := lineOf(t, audit.PermissionAuditEvent{Action: audit.ActionRead})
	require.Contains(t, line, `"attributes":[],"granted":false,"bypassed":false,"manager":null,"user_id":null,"user":null,"permissions":[],"metadata":null}`)

	line = lineOf(t, audit.PermissionAuditEvent{Action: audit.ActionRead, Metadata: map[string]any{}, Attributes: []string{}})
	require.Contains(t, line, `"attributes":[],`)
	require.Contains(t, line, `"metadata":{}}`, "metadata without keys is not none")
}

func TestTimestampsAreUTCMicrosecondsOfFixedWidth(t *testing.T) {
	for want, at := range map[string]time.Time{
		"2026-11-23T07:46:20.000000Z": time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC),
		"2026-11-23T07:46:20.000001Z": time.Date(2026, 11, 23, 7, 46, 20, 1999, time.UTC),
		"2026-11-23T07:46:20.999999Z": time.Date(2026, 11, 23, 7, 46, 20, 999999999, time.UTC),
		"2026-11-23T01:16:20.500000Z": time.Date(2026, 11, 23, 6, 46, 20, 5e8, time.FixedZone("", 19800)),
		"2027-01-01T00:30:00.000000Z": time.Date(2026, 12, 31, 23, 30, 0, 0, time.FixedZone("", -3600)),
		"0987-06-05T04:03:02.000000Z": time.Date(987, 6, 5, 4, 3, 2, 0, time.UTC),
		"1969-12-31T23:59:59.999999Z": time.Unix(0, -1),
	} {
		line := lineOf(t, audit.PermissionAuditEvent{Action: audit.ActionRead, Timestamp: at})
		require.Contains(t, line, `"timestamp":"`+want+`"`)
		require.NotContains(t, line, "sanitized")
		require.True(t, readLine(t, line).Timestamp.Equal(at.Truncate(time.Microsecond)))
	}
}

func TestIDAndTimestampAreThoseOfTheRecording(t *testing.T) {
	before := time.Now().Truncate(time.Microsecond)
	event := readLine(t, lineOf(t, audit.PermissionAuditEvent{Action: audit.ActionRead}))
	require.False(t, event.ID.IsZero())
	require.False(t, event.Timestamp.Before(before))
	require.False(t, event.Timestamp.After(time.Now()))
}

func TestSanitizedStandsOnlyWhereSomethingWasRepaired(t *testing.T) {
	event := referenceEvent()
	require.NotContains(t, lineOf(t, event), "sanitized")
	event.Manager = "Pro\x00ject"
	require.True(t, strings.HasSuffix(lineOf(t, event), `"metadata":{"request_id":"r-1"},"sanitized":["manager:nul"]}`))
}

func TestAppendJSONAndMarshalJSONGiveTheSameBytes(t *testing.T) {
	for _, event := range randomEvents(200) {
		if event.ID.IsZero() {
			event.ID = audit.NewEventID()
		}
		event.Timestamp = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		require.Equal(t, "before "+string(line), string(entry.AppendJSON([]byte("before "))))
	}
}

func TestEncodingJSONWritesAndReadsEvents(t *testing.T) {
	text, err := json.Marshal(map[string]any{"events": []audit.PermissionAuditEvent{referenceEvent()}})
	require.NoError(t, err)
	require.JSONEq(t, `{"events":[`+referenceLine+`]}`, string(text))
	var read struct{ Events []audit.PermissionAuditEvent }
	require.NoError(t, json.Unmarshal(text, &read))
	requireText(t, referenceLine, lineOf(t, read.Events[0]))

	_, err = json.Marshal(audit.PermissionAuditEvent{})
	require.ErrorIs(t, err, audit.ErrInvalidEvent)
}

func TestReadingAndWritingAgainGivesTheSameBytes(t *testing.T) {
	for _, event := range randomEvents(800) {
		requireRoundTrip(t, event)
	}
}

// randomEvents are events of every shape, hostile ones among them. Their actions
// are valid.
func randomEvents(n int) []audit.PermissionAuditEvent {
	random := rand.New(rand.NewPCG(1, 2))
	events := make([]audit.PermissionAuditEvent, n)
	for i := range events {
		data := make(eventBytes, random.IntN(600))
		for j := range data {
			data[j] = byte(random.UintN(256))
			if random.IntN(3) > 0 { // mostly text
				data[j] = " etaoin_\"\\\n\x00\xc2\x85\xe2\x80\xa8\xf0"[random.IntN(18)]
			}
		}
		events[i] = data.event()
		if size := len(events[i].Action); size == 0 || size > audit.MaxActionBytes {
			events[i].Action = audit.ActionRead
		}
	}
	return events
}

func TestNumbersKeepTheirText(t *testing.T) {
	const metadata = `"metadata":{"numbers":[0,-0,1.0,1.10,1E5,1e+5,-2.5e-10,12345678901234567890123456789,0.1]}`
	line := strings.Replace(referenceLine, `"metadata":{"request_id":"r-1"}`, metadata, 1)
	event := readLine(t, line)
	require.Equal(t, json.Number("1.10"), event.Metadata["numbers"].([]any)[3])
	require.Equal(t, line, lineOf(t, event))
}

func TestIdentityAndRepresentationAreBothKept(t *testing.T) {
	line := strings.Replace(referenceLine, `"user":null`, `"user":"<User 42>"`, 1)
	event := readLine(t, line)
	require.Equal(t, "42", event.UserID)
	require.Equal(t, audit.UserRepr("<User 42>"), event.User)
	require.Equal(t, line, lineOf(t, event))
}

func TestNamesOfRepairsAreKeptOnceAndInOrder(t *testing.T) {
	line := strings.TrimSuffix(referenceLine, "}") + `,"sanitized":["b:long","a:utf8"]}`
	event := readLine(t, line)
	require.Equal(t, []string{"b:long", "a:utf8"}, event.Sanitized)
	require.Equal(t, line, lineOf(t, event))

	event.Sanitized = []string{"x", "y", "x"}
	require.True(t, strings.HasSuffix(lineOf(t, event), `"sanitized":["x","y"]}`))
}

func TestAnEntryIsItsOwn(t *testing.T) {
	event := referenceEvent()
	entry, err := audit.NewEntry(t.Context(), event)
	require.NoError(t, err)
	event.Attributes[0], event.Permissions[0], event.Metadata["request_id"] = "x", "x", "x"
	for range 100 { // reuses every buffer
		_, err := audit.NewEntry(t.Context(), audit.PermissionAuditEvent{Action: "other", Manager: "Other", UserID: "7", Attributes: []string{"other"}})
		require.NoError(t, err)
	}
	requireText(t, referenceLine, string(entry.AppendJSON(nil)))
}

func TestAnEntryMadeByHandIsALineToo(t *testing.T) {
	entry := audit.Entry{
		Action: "a\xff", Manager: "m\n\x00", UserID: "\u2028", User: "\xed\xa0\x80",
		Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.FixedZone("", 3600)),
	}
	line := entry.AppendJSON(nil)
	requireLine(t, line)
	require.Contains(t, string(line), `"timestamp":"9999-12-31T23:00:00.000000Z"`)
	require.Contains(t, string(line), `"attributes":[],`)
	require.Contains(t, string(line), `"permissions":[],"metadata":null}`)
	require.True(t, bytes.HasPrefix(line, []byte(`{"id":"00000000-0000-0000-0000-000000000000",`)))
}
