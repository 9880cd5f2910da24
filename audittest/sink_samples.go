package audittest

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
)

// entryOf is event as the worker hands it to a sink.
func entryOf(tb testing.TB, event audit.PermissionAuditEvent) audit.Entry {
	tb.Helper()
	entry, err := audit.NewEntry(tb.Context(), event)
	if err != nil {
		tb.Fatalf("NewEntry: %v", err)
	}
	return entry
}

// entriesOf are the events as a batch.
func entriesOf(tb testing.TB, events ...audit.PermissionAuditEvent) []audit.Entry {
	tb.Helper()
	entries := make([]audit.Entry, len(events))
	for i, event := range events {
		entries[i] = entryOf(tb, event)
	}
	return entries
}

// samples are the samples number 0 to n-1 as a batch.
func samples(tb testing.TB, n int) []audit.Entry {
	tb.Helper()
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = entryOf(tb, sample(i))
	}
	return entries
}

// small are n entries of little content as a batch.
func small(tb testing.TB, n int) []audit.Entry {
	tb.Helper()
	entries := make([]audit.Entry, n)
	for i := range entries {
		entries[i] = entryOf(tb, audit.PermissionAuditEvent{Action: audit.ActionRead, Manager: "Project", UserID: "7", Granted: i%2 == 0})
	}
	return entries
}

// eventsOf are the events of batches, as they are to be read back.
func eventsOf(tb testing.TB, batches ...[]audit.Entry) []audit.PermissionAuditEvent {
	tb.Helper()
	var events []audit.PermissionAuditEvent
	for _, batch := range batches {
		for i := range batch {
			event, err := batch[i].Event()
			if err != nil {
				tb.Fatalf("Event: %v", err)
			}
			events = append(events, event)
		}
	}
	return events
}

// bare are events of which little or nothing is filled in.
func bare() []audit.PermissionAuditEvent {
	return []audit.PermissionAuditEvent{
		{Action: audit.ActionRead},
		{Action: audit.ActionRead, Granted: true, Bypassed: true},
		{Action: audit.ActionRead, Attributes: []string{}, Permissions: []string{}, Metadata: map[string]any{}},
		{Action: audit.ActionRead, Attributes: []string{""}, Permissions: []string{"", ""}, Metadata: map[string]any{"": ""}},
		{Action: audit.ActionRead, Manager: "null", UserID: "null", Metadata: map[string]any{"null": nil}},
		{Action: audit.ActionRead, User: audit.UserRepr("null"), Metadata: map[string]any{
			"nested":  map[string]any{"a": []any{[]any{}, map[string]any{}, []any{map[string]any{"b": nil}}}},
			"numbers": []any{json.Number("1.50"), json.Number("-0.0"), json.Number("1e3"), uint64(1<<64 - 1), -1 << 63, 1e-7},
		}},
	}
}

// hostileEvent is an event that NewEntry makes fit for a log, more or less.
type hostileEvent struct {
	what  string
	event audit.PermissionAuditEvent
}

// hostileEvents have in each of their fields what makes trouble in some sink.
func hostileEvents() []hostileEvent {
	var events []hostileEvent
	add := func(what string, change func(event *audit.PermissionAuditEvent)) {
		event := sample(len(events))
		change(&event)
		events = append(events, hostileEvent{what, event})
	}
	for what, text := range map[string]string{
		"NUL":                           "a\x00b\x00",
		"invalid UTF-8":                 "\xff a\xc3 \xed\xa0\x80 \xf8\x88\x80\x80\x80",
		"control characters":            "\x01\b\t\n\v\f\r\x1b[31m\x1f\x7f\u0080\u0085\u009f",
		"line and paragraph separators": "a\u2028b\u2029c",
		"other odd characters":          "\ufeff\ufffe\uffff\U0010ffff\u202e e\u0301 \u200d",
		"quotes and escapes":            `\u0000 \x00 \\ " ' '' $1 :a ? %s ` + "`",
		"spaces at the ends":            " \t a \n ",
	} {
		add(what, func(event *audit.PermissionAuditEvent) { fill(event, text) })
		add(what+" in the user", func(event *audit.PermissionAuditEvent) { event.UserID, event.User = "", audit.UserRepr(text) })
	}
	add("strings of 16 KiB", func(event *audit.PermissionAuditEvent) {
		long := strings.Repeat("x", audit.MaxStringBytes)
		event.UserID, event.User = "", audit.UserRepr(long)
		event.Attributes, event.Permissions = []string{long, long}, []string{long}
		event.Metadata["long"] = long
	})
	add("strings that are too long", func(event *audit.PermissionAuditEvent) {
		fill(event, strings.Repeat("日本語🔒", audit.MaxStringBytes))
	})
	add("a manager and a user id of 1 KiB", func(event *audit.PermissionAuditEvent) {
		event.Manager, event.UserID = strings.Repeat("m", audit.MaxNameBytes), strings.Repeat("é", audit.MaxNameBytes/2)
	})
	add("metadata of 64 KiB", func(event *audit.PermissionAuditEvent) { event.Metadata = metadataOf(audit.MaxMetadataBytes) })
	add("metadata that are too large", func(event *audit.PermissionAuditEvent) {
		event.Metadata = metadataOf(2 * audit.MaxMetadataBytes)
	})
	add("metadata that are too deep", func(event *audit.PermissionAuditEvent) {
		var deep any = "bottom"
		for range 2 * audit.MaxDepth {
			deep = []any{map[string]any{"down": deep}}
		}
		event.Metadata["deep"] = deep
	})
	add("a long list of what was sanitized", func(event *audit.PermissionAuditEvent) {
		for i := range 2 * audit.MaxSanitized {
			event.Metadata[strings.Repeat("k\xff", i+1)] = "\x00"
		}
	})
	for what, at := range map[string]time.Time{
		"the year 1":            time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC),
		"the year 9999":         time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
		"a year before year 1":  time.Date(-44, 3, 15, 12, 0, 0, 0, time.UTC),
		"a year of five digits": time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC),
		"another zone":          time.Date(1969, 12, 31, 20, 0, 0, 999999999, time.FixedZone("", -9*60*60)),
	} {
		add(what, func(event *audit.PermissionAuditEvent) { event.Timestamp = at })
	}
	return events
}

// fill puts text wherever a text may stand.
func fill(event *audit.PermissionAuditEvent, text string) {
	event.Manager, event.UserID = text, text
	event.Attributes, event.Permissions = []string{text, text}, []string{text}
	event.Metadata[text], event.Metadata["list"] = text, []any{text, map[string]any{text: text}}
}

// metadataOf are metadata whose JSON has that many bytes.
func metadataOf(size int) map[string]any {
	const most = audit.MaxStringBytes
	metadata := map[string]any{}
	left := size - len("{}")
	for key := 'a'; ; key++ {
		const member = len(`"a":"",`)
		last := left <= most+member
		n := most
		if last {
			n = left - member + 1
		}
		metadata[string(key)] = strings.Repeat("x", n)
		if left -= n + member; last {
			return metadata
		}
	}
}
