package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// recordLine gives event to a logger, checks the line that it writes, and reads it.
func recordLine(t *testing.T, event audit.PermissionAuditEvent) (line string, read audit.PermissionAuditEvent) {
	t.Helper()
	line, read = recordRedacted(t, event, nil)
	requireRoundTrip(t, event)
	return line, read
}

// recordRedacted is recordLine for a redactor of the test's own, with which reading
// and writing again need not give the same.
func recordRedacted(t *testing.T, event audit.PermissionAuditEvent, redact audit.Redactor) (line string, read audit.PermissionAuditEvent) {
	t.Helper()
	var log bytes.Buffer
	logger, err := audit.NewWriterAuditLogger(&log, &audit.BufferOptions{Redact: redact, OnError: quiet(t)})
	require.NoError(t, err)
	require.NoError(t, logger.Record(t.Context(), event))
	require.NoError(t, logger.Close())
	require.EqualValues(t, 1, logger.Stats().Written)
	line, rest, ended := strings.Cut(log.String(), "\n")
	require.True(t, ended)
	require.Empty(t, rest, "one event is one line")
	requireLine(t, []byte(line))
	return line, readLine(t, line)
}

// requireCore checks that the decision was not lost for its decoration.
func requireCore(t *testing.T, event, read audit.PermissionAuditEvent) {
	t.Helper()
	require.False(t, read.ID.IsZero())
	require.Equal(t, event.Action, read.Action)
	require.Equal(t, event.Granted, read.Granted)
	require.Equal(t, event.Bypassed, read.Bypassed)
	require.Equal(t, event.Manager, read.Manager)
	require.Equal(t, event.UserID, read.UserID)
	require.True(t, event.Timestamp.Equal(read.Timestamp))
}

// decision is an event whose core is good.
func decision() audit.PermissionAuditEvent {
	return audit.PermissionAuditEvent{
		Action: audit.ActionDelete, Granted: true, Bypassed: true, Manager: "Project", UserID: "42",
		Timestamp: time.Date(2026, 11, 23, 7, 46, 20, 123456000, time.UTC),
	}
}

// badTexts are what may stand in any text of an event: how it is recorded, and for
// what reason it is named in Sanitized.
var badTexts = map[string]struct{ text, recorded, reason string }{
	"line feed":                {"a\nb", "a\nb", ""},
	"carriage return":          {"a\r\nb", "a\r\nb", ""},
	"line separator":           {"a\u2028b", "a\u2028b", ""},
	"paragraph separator":      {"a\u2029b", "a\u2029b", ""},
	"next line":                {"a\u0085b", "a\u0085b", ""},
	"C1 control":               {"a\u009b31mb", "a\u009b31mb", ""},
	"first and last of C1":     {"\u0080\u009f\u00a0", "\u0080\u009f\u00a0", ""},
	"delete":                   {"a\x7fb", "a\x7fb", ""},
	"ANSI escapes":             {"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m", ""},
	"every control character":  {"\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x0e\x0f\x10\x1f", "\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x0e\x0f\x10\x1f", ""},
	"quotes and backslashes":   {`"\" \u0000 \\`, `"\" \u0000 \\`, ""},
	"markup":                   {"<b>&amp;</b>", "<b>&amp;</b>", ""},
	"not ASCII":                {"é中🔒", "é中🔒", ""},
	"its neighbours":           {"\u2027\u202a\u2068", "\u2027\u202a\u2068", ""},
	"byte order mark":          {"\ufeffa", "\ufeffa", ""},
	"no character":             {"\uffff\U0010ffff", "\uffff\U0010ffff", ""},
	"replacement character":    {"a\ufffdb", "a\ufffdb", ""},
	"NUL":                      {"a\x00b", "a\ufffdb", "nul"},
	"invalid UTF-8":            {"a\xffb", "a\ufffdb", "utf8"},
	"a lone continuation":      {"a\x80b", "a\ufffdb", "utf8"},
	"half a rune at the end":   {"a\xe2\x80", "a\ufffd\ufffd", "utf8"},
	"a rune written too long":  {"\xc0\x80", "\ufffd\ufffd", "utf8"},
	"half a surrogate pair":    {"a\xed\xa0\x80b", "a\ufffd\ufffd\ufffdb", "utf8"},
	"beyond the last rune":     {"\xf4\x90\x80\x80", "\ufffd\ufffd\ufffd\ufffd", "utf8"},
	"invalid before a newline": {"\xe2\n", "\ufffd\n", "utf8"},
}

func TestBadTextIsRecordedOnOneLineWhereverItStands(t *testing.T) {
	for name, bad := range badTexts {
		for place, event := range map[string]audit.PermissionAuditEvent{
			"action":             {Action: audit.Action(bad.text)},
			"manager":            {Manager: bad.text},
			"user_id":            {UserID: bad.text},
			"user":               {User: audit.UserRepr(bad.text)},
			"attributes.1":       {Attributes: []string{"first", bad.text, "last"}},
			"permissions.0":      {Permissions: []string{bad.text}},
			"metadata.a":         {Metadata: map[string]any{"a": bad.text}},
			"metadata.a.1.b":     {Metadata: map[string]any{"a": []any{1, map[string]string{"b": bad.text}}}},
			"metadata.a.text":    {Metadata: map[string]any{"a": map[string]any{"text": rawText(bad.text)}}},
			"metadata.recorded":  {Metadata: map[string]any{bad.text: 1}},
			"metadata.a.written": {Metadata: map[string]any{"a": map[string]any{bad.text: 1}}},
		} {
			t.Run(name+" in "+place, func(t *testing.T) {
				if event.Action == "" {
					event.Action = audit.ActionRead
				}
				_, read := recordLine(t, event)
				require.Equal(t, bad.recorded, textAt(t, place, read))
				named := strings.NewReplacer("recorded", bad.recorded, "written", bad.recorded).Replace(place) + ":" + bad.reason
				if bad.reason == "" {
					require.Empty(t, read.Sanitized)
				} else {
					require.Equal(t, []string{named}, read.Sanitized)
				}
			})
		}
	}
}

// rawText is a JSON string that a broken program wrote.
func rawText(s string) json.RawMessage {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"', c == '\\':
			b.WriteString("\\" + string(rune(c)))
		case c < ' ':
			b.WriteString(`\u00` + string("0123456789abcdef"[c>>4]) + string("0123456789abcdef"[c&15]))
		default:
			b.WriteByte(c)
		}
	}
	return json.RawMessage(`"` + b.String() + `"`)
}

// textAt finds the text at a place of the table above.
func textAt(t *testing.T, place string, read audit.PermissionAuditEvent) string {
	t.Helper()
	switch place {
	case "action":
		return string(read.Action)
	case "manager":
		return read.Manager
	case "user_id":
		return read.UserID
	case "user":
		return string(read.User.(audit.UserRepr))
	case "attributes.1":
		return read.Attributes[1]
	case "permissions.0":
		return read.Permissions[0]
	case "metadata.a":
		return read.Metadata["a"].(string)
	case "metadata.a.1.b":
		return read.Metadata["a"].([]any)[1].(map[string]any)["b"].(string)
	case "metadata.a.text":
		return read.Metadata["a"].(map[string]any)["text"].(string)
	}
	object := read.Metadata
	if nested, ok := object["a"].(map[string]any); ok && place == "metadata.a.written" {
		object = nested
	}
	for key := range object {
		return key
	}
	t.Fatalf("nothing at %s", place)
	return ""
}

func TestHalfSurrogatePairsInJSONAreReplaced(t *testing.T) {
	for text, recorded := range map[string]string{
		`"\ud800"`:             "\ufffd",
		`"\udc00x"`:            "\ufffdx",
		`"\ud800\u0041"`:       "\ufffdA",
		`"\ud800\ud800\udc00"`: "\ufffd\U00010000",
		`"\uD83D\n"`:           "\ufffd\n",
		`"\\\ud83d"`:           "\\\ufffd",
		`"\ufffd"`:             "\ufffd", // encoding/json writes it for bad UTF-8
	} {
		_, read := recordLine(t, withValue(json.RawMessage(text)))
		require.Equal(t, recorded, read.Metadata["v"], text)
		require.Equal(t, []string{"metadata.v:utf8"}, read.Sanitized, text)
	}
	for text, recorded := range map[string]string{
		`"\ud83d\udd12"`:    "🔒",
		`"\\ud800"`:         `\ud800`,
		`"\\\\ufffd\u0041"`: `\\ufffdA`,
		`"é\u00e9"`:         "éé",
	} {
		_, read := recordLine(t, withValue(json.RawMessage(text)))
		require.Equal(t, recorded, read.Metadata["v"], text)
		require.Empty(t, read.Sanitized, text)
	}
}

// withValue is an event with a value in its metadata.
func withValue(v any) audit.PermissionAuditEvent {
	event := decision()
	event.Metadata = map[string]any{"v": v}
	return event
}

func TestActionsOfNoOrTooManyBytesAreRefused(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{})
	for _, action := range []string{"", strings.Repeat("a", 33), strings.Repeat("é", 17), strings.Repeat("x", 1<<20)} {
		event := decision()
		event.Action = audit.Action(action)
		err := logger.Record(t.Context(), event)
		require.ErrorIs(t, err, audit.ErrInvalidEvent)
		require.Less(t, len(err.Error()), 300, "the error does not repeat a giant action")
	}
	for _, action := range []string{"a", strings.Repeat("a", 32), strings.Repeat("é", 16), "approve now"} {
		event := decision()
		event.Action = audit.Action(action)
		require.NoError(t, logger.Record(t.Context(), event))
	}
	require.NoError(t, logger.Close())
	require.Len(t, sink.entries(), 4, "nothing was queued of what was refused")
	require.EqualValues(t, 4, logger.Stats().Refused)
	require.Equal(t, audit.Action(strings.Repeat("é", 16)), sink.entries()[2].Action)
}

func TestARepairedActionFitsItsColumn(t *testing.T) {
	event := decision()
	event.Action = audit.Action(strings.Repeat("\xff", 32))
	_, read := recordLine(t, event)
	require.Equal(t, audit.Action(strings.Repeat("\ufffd", 10)), read.Action)
	require.Equal(t, []string{"action:utf8", "action:long"}, read.Sanitized)
}

func TestTimesThatNoDatabaseHoldsAreMoved(t *testing.T) {
	for want, at := range map[string]time.Time{
		"9999-12-31T23:59:59.999999Z": time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
		"0001-01-01T00:00:00.000001Z": time.Date(-1, 6, 1, 0, 0, 0, 0, time.UTC),
	} {
		event := decision()
		event.Timestamp = at
		line, read := recordLine(t, event)
		require.Contains(t, line, want)
		require.Equal(t, []string{"timestamp:range"}, read.Sanitized)
	}
	for _, at := range []time.Time{
		time.Date(0, 12, 31, 23, 59, 59, 0, time.UTC),
		time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -3600)),
		time.Unix(1<<62, 0), time.Unix(-1<<62, 0),
	} {
		event := decision()
		event.Timestamp = at
		_, read := recordLine(t, event)
		require.Equal(t, []string{"timestamp:range"}, read.Sanitized, "%v", at)
	}
	for _, at := range []time.Time{
		time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC),
	} {
		event := decision()
		event.Timestamp = at
		_, read := recordLine(t, event)
		require.Empty(t, read.Sanitized, "%v", at)
		require.True(t, read.Timestamp.Equal(at.Truncate(time.Microsecond)))
	}
}

func TestTheZeroTimeIsNow(t *testing.T) {
	for _, zero := range []time.Time{{}, time.Time{}.In(time.FixedZone("", 3600))} {
		event := decision()
		event.Timestamp = zero
		before := time.Now().Truncate(time.Microsecond)
		_, read := recordLine(t, event)
		require.False(t, read.Timestamp.Before(before))
		require.Empty(t, read.Sanitized)
	}
}
