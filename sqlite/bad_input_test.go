//go:build cgo

package sqlite

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

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

// badTexts may stand in any text of an event.
var badTexts = []string{
	"a\nb", "a\r\nb", "\u2028\u2029\u0085", "\x1b[31mred\x1b[0m", "\x01\x02\x03\x04\x05\x06\x07\b\t\n\v\f\r\x0e\x0f\x7f", `"\" \u0000 \\`, "<b>&amp;</b>",
	"é中🔒", "\ufeffa", "\uffff\U0010ffff", "a\ufffdb", "a\x00b", "\x00", "a\xffb", "a\x80b", "a\xe2\x80", "\xc0\x80", "a\xed\xa0\x80b", "\xf4\x90\x80\x80",
	"x'; DROP TABLE permission_audit_log; --", `"`, "'", "%_?1:a@b$c", "NULL", "0", " ", strings.Repeat("é", 600), strings.Repeat("x", 1<<20),
}

// badInput is an event for each row of the catalogue.
func badInput() map[string]audit.PermissionAuditEvent {
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
		"numbers":            {Metadata: map[string]any{"a": math.NaN(), "b": math.Inf(-1), "c": uint64(math.MaxUint64), "d": 1e21, "e": json.Number("1e400"), "f": math.Copysign(0, -1)}},
		"unsupported":        {Metadata: map[string]any{"a": make(chan int), "b": func() {}, "c": complex(1, 2)}},
		"raw JSON":           {Metadata: map[string]any{"a": json.RawMessage(`{"a":`), "b": json.RawMessage(` {"b":1e3, "a":"\ud800"} `), "c": json.RawMessage(`"\u0000"`)}},
		"methods":            {Metadata: map[string]any{"a": panicking{}, "b": failing{}, "c": lying{}}, User: shouting{"hunter2"}},
		"secrets":            {Metadata: map[string]any{"password": "hunter2", "a": map[string]any{"accessToken": "hunter2"}}},
		"struct user":        {User: account{"x", "hunter2"}},
		"user with a text":   {User: named{"a\x00b\xff"}},
		"year 10000":         {Timestamp: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)},
		"year -1":            {Timestamp: time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC)},
		"year 1":             {Timestamp: time.Date(1, 1, 1, 0, 0, 0, 1000, time.UTC)},
		"action of 32 bytes": {Action: audit.Action(strings.Repeat("é", 16))},
		"long lists":         {Attributes: make([]string, 100_000), Permissions: []string{strings.Repeat("x", 1<<20), "", "[]"}},
		"sanitized":          {Sanitized: []string{"metadata.x:utf8", "a\xff"}},
	}
	for i, text := range badTexts {
		short := text
		if len(short) > audit.MaxActionBytes {
			short = short[:audit.MaxActionBytes]
		}
		events[fmt.Sprint("text ", i)] = audit.PermissionAuditEvent{
			Action: audit.Action(short), Manager: text, UserID: text, User: audit.UserRepr(text), Attributes: []string{text, ""}, Permissions: []string{"", text},
			Metadata: map[string]any{text: text, "a": []any{map[string]string{text: text}}}, Sanitized: []string{text},
		}
	}
	return events
}

// The text is that of the file: what is read back gives the line that a file would
// hold.
func TestBadInputReadsBackWithTheTextOfTheFile(t *testing.T) {
	for _, path := range []string{newPath(t), ":memory:"} {
		store := openTest(t, path, nil)
		var lines, found []string
		for name, bad := range badInput() {
			if bad.Action == "" {
				bad.Action = audit.ActionRead
			}
			batch := entries(t, bad)
			lines = append(lines, string(batch[0].AppendJSON(nil)))
			require.NoError(t, store.WriteBatch(t.Context(), batch), name)
		}
		for _, event := range read(t, store, everything) {
			entry, err := audit.NewEntry(t.Context(), event)
			require.NoError(t, err)
			found = append(found, string(entry.AppendJSON(nil)))
		}
		require.Len(t, found, len(lines))
		for i, line := range lines {
			require.Equal(t, line, found[i])
			require.NotContains(t, line, "hunter2")
		}
		require.Equal(t, []string{"1"}, texts(t, store.reads, "SELECT DISTINCT json_valid(attributes) AND json_valid(permissions) AND coalesce(json_valid(metadata), 1) AND coalesce(json_valid(sanitized), 1) FROM permission_audit_log"))
	}
}

func TestBadInputIsSelectedByItsText(t *testing.T) {
	store := openTest(t, ":memory:", nil)
	for _, text := range badTexts {
		e := event(text)
		e.UserID, e.Attributes = text, []string{text}
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, e)))
	}
	all := read(t, store, everything)
	require.Len(t, all, len(badTexts))
	for _, text := range badTexts {
		for _, f := range filtersFor(text) {
			var want []audit.EventID
			for _, event := range all {
				if f.Match(event) {
					want = append(want, event.ID)
				}
			}
			var got []audit.EventID
			for _, event := range read(t, store, f) {
				got = append(got, event.ID)
			}
			require.Equal(t, want, got, "%.40q", text)
		}
	}
}

// filtersFor ask for a text wherever one may stand.
func filtersFor(text string) []query.Filter {
	var filters []query.Filter
	for _, terms := range []query.Terms{{In: []string{text}}, {NotIn: []string{text}}, {In: []string{text, "é中🔒"}, NotIn: []string{"'"}}} {
		filters = append(filters, query.Filter{Manager: terms}, query.Filter{User: terms}, query.Filter{Attribute: terms}, query.Filter{Permission: terms},
			query.Filter{Action: terms}, query.Filter{Metadata: map[string]query.Terms{"request_id": terms}}, query.Filter{Metadata: map[string]query.Terms{text: terms}})
	}
	return filters
}
