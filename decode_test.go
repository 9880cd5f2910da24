package audit_test

import (
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestTimestampsOfPythonAreRead(t *testing.T) {
	for text, want := range map[string]time.Time{
		"2026-11-23T07:46:20.123456Z":         time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC),
		"2026-11-23T07:46:20.123456+00:00":    time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC),
		"2026-11-23T07:46:20.123456+05:30":    time.Date(2026, 11, 23, 2, 16, 20, 123456000, time.UTC),
		"2026-11-23T07:46:20.123456-08:00":    time.Date(2026, 11, 23, 15, 46, 20, 123456000, time.UTC),
		"2026-11-23T07:46:20+01:00":           time.Date(2026, 11, 23, 6, 46, 20, 0, time.UTC),
		"2026-11-23T07:46:20Z":                time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC),
		"2026-11-23T07:46:20.5Z":              time.Date(2026, 11, 23, 7, 46, 20, 5e8, time.UTC),
		"2026-11-23T07:46:20.123456":          time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC),
		"2026-11-23T07:46:20":                 time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC),
		"2026-11-23T07:46:20.123456789Z":      time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC),
		"0001-01-01T00:00:00Z":                time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC), // the zero time would be now when it is written
		"0000-01-01T00:00:00Z":                time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		"9999-12-31T23:59:59.999999-23:59":    time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		"1883-11-18T12:00:00.000001-04:56:02": time.Date(1883, 11, 18, 16, 56, 2, 1000, time.UTC),
	} {
		event := readLine(t, `{"timestamp":"`+text+`","action":"read","granted":true}`)
		require.Equal(t, want, event.Timestamp, text)
	}
}

func TestALineOfTheOriginalNeedsNoMoreThanItsDecision(t *testing.T) {
	event := readLine(t, `{"timestamp": "2026-11-23T07:46:20", "action": "read", "granted": true}`)
	require.Equal(t, audit.PermissionAuditEvent{
		Timestamp: time.Date(2026, 11, 23, 7, 46, 20, 0, time.UTC), Action: audit.ActionRead, Granted: true,
	}, event)
	withNulls := readLine(t, `{"id":null,"timestamp":"2026-11-23T07:46:20Z","action":"read","attributes":null,"granted":true,"bypassed":null,`+
		`"manager":null,"user_id":null,"user":null,"permissions":null,"metadata":null,"sanitized":null}`)
	require.Equal(t, event, withNulls)
}

func TestSpaceAndUnknownKeysAreIgnored(t *testing.T) {
	line := strings.NewReplacer(`":`, `" : `, `,"`, " ,\t\n\"", `}`, "\r\n}").Replace(referenceLine)
	line = " " + strings.Replace(line, `{`, `{"version":{"of":["tomorrow",1e999]},`, 1) + "\n"
	require.Equal(t, readLine(t, referenceLine), readLine(t, line))
}

func TestTheOrderOfKeysDoesNotMatter(t *testing.T) {
	line := `{"metadata":{"request_id":"r-1"},"permissions":["isSelf"],"user":null,"user_id":"42","manager":"Project","bypassed":false,"granted":false,` +
		`"attributes":["status"],"action":"update","timestamp":"2026-11-23T07:46:20.123456Z","id":"019A0C4E-9F3B-7C1D-8000-0123456789AB"}`
	requireText(t, referenceLine, lineOf(t, readLine(t, line)))
}

// A key of another case is another key: who can add one must not be able to
// change what a reader takes for the decision.
func TestKeysMatchCaseSensitively(t *testing.T) {
	line := strings.TrimSuffix(referenceLine, "}") + `,"Granted":true,"GRANTED":true,"User_ID":"1","uſer_id":"2"}`
	requireText(t, referenceLine, lineOf(t, readLine(t, line)))
	var event audit.PermissionAuditEvent
	require.ErrorContains(t, event.UnmarshalJSON([]byte(strings.Replace(referenceLine, `"granted"`, `"Granted"`, 1))), `"granted"`)
}

func TestErrorsNameTheKey(t *testing.T) {
	for key, values := range map[string][]string{
		"id":          {`"x"`, `1`, `{}`, `"019a0c4e-9f3b-7c1d-8000-0123456789a"`, `""`},
		"timestamp":   {``, `null`, `"x"`, `""`, `1`, `"2026-11-23"`, `"2026-13-23T07:46:20Z"`, `"2026-11-23 07:46:20"`, `"20261123T074620Z"`},
		"action":      {``, `null`, `1`, `["read"]`},
		"attributes":  {`"status"`, `{}`, `[1]`, `[["a"]]`},
		"granted":     {``, `null`, `"true"`, `1`},
		"bypassed":    {`"false"`, `0`},
		"manager":     {`1`, `[]`},
		"user_id":     {`42`, `{}`},
		"user":        {`42`, `true`},
		"permissions": {`"isSelf"`, `[null,1]`},
		"metadata":    {`[]`, `"x"`, `1`},
		"sanitized":   {`"x"`, `{}`},
	} {
		for _, value := range values {
			event := referenceEvent()
			err := event.UnmarshalJSON([]byte(lineWith(key, value)))
			require.ErrorContains(t, err, "audit: read event: ", "%s: %s", key, value)
			require.ErrorContains(t, err, `"`+key+`"`, "%s: %s", key, value)
			require.Equal(t, referenceEvent(), event, "after an error it is unchanged")
		}
	}
}

// lineWith is the reference line with another value for a key, or without the key.
func lineWith(key, value string) string {
	var members []string
	for name, text := range map[string]string{
		"id": `"019a0c4e-9f3b-7c1d-8000-0123456789ab"`, "timestamp": `"2026-11-23T07:46:20.123456Z"`, "action": `"update"`,
		"granted": "false", key: value,
	} {
		if name == key {
			text = value
		}
		if text != "" {
			members = append(members, `"`+name+`":`+text)
		}
	}
	return "{" + strings.Join(members, ",") + "}"
}

func TestWhatIsNoEventIsRefused(t *testing.T) {
	for _, line := range []string{
		"", " ", "null", "[]", `"x"`, "1", "{", referenceLine[:len(referenceLine)-1], referenceLine + "{}", referenceLine + "x", "\x00" + referenceLine,
		strings.Repeat("[", 100_000), `{"timestamp":`, "{}",
	} {
		event := referenceEvent()
		require.ErrorContains(t, event.UnmarshalJSON([]byte(line)), "audit: read event: ", "%q", line)
		require.Equal(t, referenceEvent(), event)
	}
}

func TestAnEventThatIsReadReplacesTheOneBefore(t *testing.T) {
	event := referenceEvent()
	event.Sanitized, event.User = []string{"x"}, "x"
	require.NoError(t, event.UnmarshalJSON([]byte(`{"timestamp":"2026-11-23T07:46:20Z","action":"read","granted":true}`)))
	require.Nil(t, event.Metadata)
	require.Nil(t, event.User)
	require.Nil(t, event.Sanitized)
	require.True(t, event.ID.IsZero())
}

func TestAnEntryWithBrokenColumnsIsAnError(t *testing.T) {
	good := entryIn(t, t.Context(), withMetadataKey("a", 1))
	for column, break_ := range map[string]func(*audit.Entry){
		"attributes":  func(e *audit.Entry) { e.Attributes = []byte(`{}`) },
		"permissions": func(e *audit.Entry) { e.Permissions = []byte(`["a"`) },
		"metadata":    func(e *audit.Entry) { e.Metadata = []byte(`[1]`) },
		"sanitized":   func(e *audit.Entry) { e.Sanitized = []byte(`[] []`) },
	} {
		entry := good
		break_(&entry)
		event, err := entry.Event()
		require.ErrorContains(t, err, "audit: read "+column+" of event "+good.ID.String())
		require.Equal(t, audit.PermissionAuditEvent{}, event)
	}
}
