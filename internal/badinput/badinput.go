// Package badinput is the catalogue of bad input, for the tests that check that every
// store holds the text that a file holds.
package badinput

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/permaudit/audit"
)

// Secret must be in no log.
const Secret = "hunter2"

// Types of users of the library that misbehave.
type (
	panicking struct{ A int }
	failing   struct{ A int }
	lying     struct{ A int }
	shouting  struct{ Password string }
	account   struct{ Name, Password string }
	named     struct{ name string }
)

func (panicking) MarshalJSON() ([]byte, error) { panic("secret") }
func (failing) MarshalJSON() ([]byte, error)   { return nil, fmt.Errorf("secret") }
func (lying) MarshalJSON() ([]byte, error)     { return []byte(`{"a":`), nil }
func (shouting) String() string                { panic("secret") }
func (n named) String() string                 { return n.name }

// Texts may stand in any text of an event.
var Texts = []string{
	"a\nb", "a\r\nb", "\u2028\u2029\u0085", "\x1b[31mred\x1b[0m", "\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x0e\x0f\x7f", `"\" \u0000 \\`, "<b>&amp;</b>",
	"é中🔒", "\ufeffa", "\uffff\U0010ffff", "a\ufffdb", "a\x00b", "\x00", "a\xffb", "a\x80b", "a\xe2\x80", "\xc0\x80", "a\xed\xa0\x80b", "\xf4\x90\x80\x80",
	"x'; DROP TABLE permission_audit_log; --", `"`, "'", "%_?1:a@b$c", `\N\.`, "\t\\t", "NULL", "0", " ", strings.Repeat("é", 600), strings.Repeat("x", 1<<20),
}

// Events is an event, by name, for each row of the catalogue. Numbers with an exponent
// are not in it: PostgreSQL keeps their value in another spelling.
func Events() map[string]audit.PermissionAuditEvent {
	loop := map[string]any{}
	loop["again"] = loop
	deep := any("inside")
	for range 10_000 {
		deep = []any{deep}
	}
	keys := make(map[string]any, 100_000)
	for i := range 100_000 {
		keys[fmt.Sprint("key", i)] = i
	}
	var nilPointer *int
	events := map[string]audit.PermissionAuditEvent{
		"zero":               {},
		"cycle":              {Metadata: loop},
		"depth":              {Metadata: map[string]any{"v": deep}},
		"many keys":          {Metadata: keys},
		"10 MiB":             {Metadata: map[string]any{"v": strings.Repeat("x", 10<<20), "w": make([]int, 1<<20)}},
		"typed nil":          {Metadata: map[string]any{"v": nilPointer}, User: nilPointer},
		"empty metadata":     {Metadata: map[string]any{}},
		"numbers":            {Metadata: map[string]any{"a": math.NaN(), "b": math.Inf(-1), "c": uint64(math.MaxUint64), "d": json.Number("1e999999"), "e": json.Number("9007199254740993"), "f": 0.1}},
		"unsupported":        {Metadata: map[string]any{"a": make(chan int), "b": func() {}, "c": complex(1, 2)}},
		"raw JSON":           {Metadata: map[string]any{"a": json.RawMessage(`{"a":`), "b": json.RawMessage(` {"b":1.50, "a":"\ud800"} `), "c": json.RawMessage(`"\u0000"`)}},
		"methods":            {Metadata: map[string]any{"a": panicking{}, "b": failing{}, "c": lying{}}, User: shouting{Secret}},
		"secrets":            {Metadata: map[string]any{"password": Secret, "a": map[string]any{"accessToken": Secret}}},
		"struct user":        {User: account{"x", Secret}},
		"user with a text":   {User: named{"a\x00b\xff"}},
		"year 10000":         {Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"year -1":            {Timestamp: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
		"year 1":             {Timestamp: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)},
		"action of 32 bytes": {Action: audit.Action(strings.Repeat("é", 16))},
		"long lists":         {Attributes: make([]string, 100_000), Permissions: []string{strings.Repeat("x", 1<<20), "", "[]"}},
		"nobody":             {User: nil},
		"no lists":           {Attributes: nil, Permissions: []string{}},
		"long names":         {Manager: strings.Repeat("m", 3000), UserID: strings.Repeat("ü", 3000)},
		"nanoseconds":        {Timestamp: time.Date(2026, 11, 24, 1, 2, 3, 999_999_999, time.FixedZone("", 3600))},
		"sanitized":          {Sanitized: []string{"metadata.x:utf8", "a\xff"}},
	}
	for i, text := range Texts {
		short := text
		if len(short) > audit.MaxActionBytes {
			short = short[:audit.MaxActionBytes]
		}
		events[fmt.Sprint("text ", i)] = audit.PermissionAuditEvent{
			Action: audit.Action(short), Manager: text, UserID: text, User: audit.UserRepr(text), Attributes: []string{text, ""}, Permissions: []string{"", text},
			Metadata: map[string]any{text: text, "a": []any{map[string]string{text: text}}}, Sanitized: []string{text},
		}
	}
	for name, event := range events {
		if event.Action == "" {
			event.Action = audit.ActionRead
			events[name] = event
		}
	}
	return events
}
