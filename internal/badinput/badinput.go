// Package badinput is the catalogue of bad input, for the tests that check that
// every sink stores it alike.
package badinput

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/permaudit/audit"
)

// Event is an event of the catalogue.
type Event struct {
	Name  string
	Event audit.PermissionAuditEvent
}

// Events returns the catalogue: each row of it at least once.
func Events() []Event {
	var all []Event
	add := func(name string, change func(*audit.PermissionAuditEvent)) {
		event := audit.PermissionAuditEvent{
			Action: audit.ActionUpdate, Attributes: []string{"status"}, Manager: "Project", UserID: "42",
			Permissions: []string{"isSelf"}, Metadata: map[string]any{audit.MetadataRequestID: "r-1"},
		}
		change(&event)
		all = append(all, Event{name, event})
	}
	texts := map[string]string{
		"CR and LF": "a\r\nb\n", "line separators": "a\u2028b\u2029c\u0085", "control characters": "\x01\x02\a\b\t\v\f\x1f\x7f",
		"ANSI": "\x1b[31mred\x1b[0m", "NUL": "a\x00b", "invalid UTF-8": "a\xffb\xc3", "lone surrogates": "a\xed\xa0\x80b",
		"COPY": "\\N\\.\t\\", "quotes": `"'` + "`" + `\"`, "SQL": "'; DROP TABLE x; --", "long": strings.Repeat("ü", 20_000), "emoji": "🔒👩‍👩‍👧",
	}
	for name, text := range texts {
		add(name+" everywhere", func(e *audit.PermissionAuditEvent) {
			e.Manager, e.UserID = text, text
			e.Attributes, e.Permissions = []string{text, "x"}, []string{"y", text}
			e.Metadata = map[string]any{"text": text, "key " + text: 1, "nested": []any{map[string]any{text: text}}}
		})
		add(name+" as the user", func(e *audit.PermissionAuditEvent) { e.UserID, e.User = "", audit.UserRepr(text) })
		add(name+" as the action", func(e *audit.PermissionAuditEvent) { e.Action = audit.Action(text[:min(len(text), 8)]) })
	}
	add("metadata of 10 MiB", func(e *audit.PermissionAuditEvent) { e.Metadata["big"] = strings.Repeat("x", 10<<20) })
	add("many keys", func(e *audit.PermissionAuditEvent) {
		for i := range 20_000 {
			e.Metadata[fmt.Sprint("key", i)] = i
		}
	})
	add("deep", func(e *audit.PermissionAuditEvent) {
		var value any = "bottom"
		for range 10_000 {
			value = []any{value}
		}
		e.Metadata["deep"] = value
	})
	add("a cycle", func(e *audit.PermissionAuditEvent) {
		cycle := map[string]any{}
		cycle["self"] = cycle
		e.Metadata["cycle"] = cycle
	})
	add("what is no JSON", func(e *audit.PermissionAuditEvent) {
		e.Metadata = map[string]any{
			"chan": make(chan int), "func": func() {}, "complex": complex(1, 2), "nan": math.NaN(), "inf": math.Inf(-1),
			"nil": (*int)(nil), "raw": json.RawMessage(`{"broken`), "panic": panics{}, "error": fails{}, "bad": bad{},
			"huge": json.Number("1e999999"), "max": uint64(math.MaxUint64), "exact": json.Number("9007199254740993"), "float": 0.1,
		}
	})
	add("secrets", func(e *audit.PermissionAuditEvent) {
		e.Metadata = map[string]any{"password": "p", "nested": map[string]any{"accessToken": "t"}, "secretary": "s"}
	})
	add("long names", func(e *audit.PermissionAuditEvent) {
		e.Manager, e.UserID = strings.Repeat("m", 3000), strings.Repeat("ü", 3000)
	})
	add("nobody", func(e *audit.PermissionAuditEvent) { e.Manager, e.UserID, e.User = "", "", nil })
	add("a struct with a password", func(e *audit.PermissionAuditEvent) {
		e.UserID, e.User = "", struct{ Name, Password string }{"n", "p"}
	})
	add("empty lists and metadata", func(e *audit.PermissionAuditEvent) {
		e.Attributes, e.Permissions, e.Metadata = nil, nil, map[string]any{}
	})
	add("no metadata", func(e *audit.PermissionAuditEvent) { e.Metadata = nil })
	add("year 10000", func(e *audit.PermissionAuditEvent) { e.Timestamp = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) })
	add("year -1", func(e *audit.PermissionAuditEvent) { e.Timestamp = time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC) })
	add("year 1", func(e *audit.PermissionAuditEvent) { e.Timestamp = time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC) })
	add("nanoseconds", func(e *audit.PermissionAuditEvent) {
		e.Timestamp = time.Date(2026, 11, 24, 1, 2, 3, 999_999_999, time.FixedZone("", 3600))
	})
	return all
}

// panics cannot be encoded without a panic.
type panics struct{}

func (panics) MarshalJSON() ([]byte, error) { panic("no") }

// fails cannot be encoded.
type fails struct{}

func (fails) MarshalJSON() ([]byte, error) { return nil, errors.New("no") }

// bad is encoded as something else than JSON.
type bad struct{}

func (bad) MarshalJSON() ([]byte, error) { return []byte("{bad"), nil }
