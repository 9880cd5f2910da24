package audit_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestTextsAreCutExactlyAtTheirLimit(t *testing.T) {
	for place, limit := range map[string]int{
		"manager": audit.MaxNameBytes, "user_id": audit.MaxNameBytes, "metadata.written": audit.MaxNameBytes, "metadata.recorded": audit.MaxNameBytes,
		"user": audit.MaxStringBytes, "attributes.1": audit.MaxStringBytes, "permissions.0": audit.MaxStringBytes,
		"metadata.a": audit.MaxStringBytes, "metadata.a.1.b": audit.MaxStringBytes,
	} {
		for size, want := range map[int]int{limit - 1: limit - 1, limit: limit, limit + 1: limit, 3 * limit: limit} {
			t.Run(fmt.Sprint(place, " of ", size), func(t *testing.T) {
				_, read := recordLine(t, eventWith(place, strings.Repeat("a", size)))
				require.Len(t, textAt(t, place, read), want)
				requireCut(t, read, size > limit)
			})
		}
		for _, r := range []string{"é", "中", "🔒"} { // whose length does not divide the limit but for padding
			for pad := range 4 {
				text := strings.Repeat("a", pad) + strings.Repeat(r, limit)
				_, read := recordLine(t, eventWith(place, text))
				cut := textAt(t, place, read)
				require.LessOrEqual(t, len(cut), limit)
				require.Greater(t, len(cut), limit-len(r), "no more than half a rune is missing")
				require.True(t, strings.HasPrefix(text, cut))
				require.True(t, utf8.ValidString(cut))
				requireCut(t, read, true)
			}
		}
	}
}

// Repairing makes a text longer; the limit holds for what is recorded.
func TestRepairedTextsKeepTheLimitToo(t *testing.T) {
	for place, limit := range map[string]int{"manager": audit.MaxNameBytes, "metadata.written": audit.MaxNameBytes, "user": audit.MaxStringBytes, "metadata.a": audit.MaxStringBytes} {
		for _, bad := range []string{"\xff", "\x00", "\xed\xa0\x80", "a\xff"} {
			for _, size := range []int{limit/3 - 1, limit / 3, limit/3 + 1, limit, 2 * limit} {
				text := strings.Repeat(bad, size/len(bad)+1)
				_, read := recordLine(t, eventWith(place, text))
				recorded := textAt(t, place, read)
				require.LessOrEqual(t, len(recorded), limit)
				require.Greater(t, len(recorded), min(size, limit)-len(bad)-2)
				require.True(t, strings.HasPrefix(strings.ReplaceAll(string([]rune(text)), "\x00", "\ufffd"), recorded))
			}
		}
	}
}

// eventWith is an event with a text at a place of textAt.
func eventWith(place, text string) audit.PermissionAuditEvent {
	event := audit.PermissionAuditEvent{Action: audit.ActionRead}
	switch place {
	case "manager":
		event.Manager = text
	case "user_id":
		event.UserID = text
	case "user":
		event.User = audit.UserRepr(text)
	case "attributes.1":
		event.Attributes = []string{"first", text}
	case "permissions.0":
		event.Permissions = []string{text}
	case "metadata.a":
		event.Metadata = map[string]any{"a": text}
	case "metadata.a.1.b":
		event.Metadata = map[string]any{"a": []any{1, map[string]any{"b": text}}}
	default:
		event.Metadata = map[string]any{text: 1}
	}
	return event
}

func requireCut(t *testing.T, read audit.PermissionAuditEvent, cut bool) {
	t.Helper()
	if !cut {
		require.Empty(t, read.Sanitized)
		return
	}
	require.Len(t, read.Sanitized, 1)
	require.True(t, strings.HasSuffix(read.Sanitized[0], ":long"), read.Sanitized)
	require.LessOrEqual(t, len(read.Sanitized[0]), audit.MaxNameBytes)
}

func TestListsAreCutExactlyAtTheirLimit(t *testing.T) {
	const element = 1000 // with its quotes and comma
	whole := make([]string, audit.MaxListBytes/element)
	for i := range whole {
		whole[i] = strings.Repeat("a", element-3)
	}
	left := audit.MaxListBytes - len(whole)*element - 1 // each has a comma but the last; and two brackets
	for _, more := range []int{-1, 0, 1} {
		list := append(append([]string(nil), whole...), strings.Repeat("b", left-3+more))
		event := decision()
		event.Attributes, event.Permissions = list, list
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		requireRoundTrip(t, event)
		if more <= 0 {
			require.Len(t, entry.Attributes, audit.MaxListBytes+more)
			require.Nil(t, entry.Sanitized)
			continue
		}
		require.Len(t, entry.Attributes, audit.MaxListBytes-left)
		require.Len(t, entry.Permissions, audit.MaxListBytes-left)
		require.JSONEq(t, `["attributes:size","permissions:size"]`, string(entry.Sanitized))
	}
}

func TestMetadataIsCutExactlyAtItsLimit(t *testing.T) {
	metadata := func(more int) map[string]any {
		text := strings.Repeat("x", audit.MaxStringBytes-3)
		left := audit.MaxMetadataBytes - 3*len(text) - len(`{"a":"","b":"","c":"","d":""}`)
		return map[string]any{"a": text, "b": text, "c": text, "d": strings.Repeat("y", left+more)}
	}
	for _, more := range []int{-1, 0} {
		event := decision()
		event.Metadata = metadata(more)
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		require.Equal(t, audit.MaxMetadataBytes+more, len(entry.Metadata)) //nolint:testifylint // Len would print it
		require.Nil(t, entry.Sanitized)
	}
	for _, nest := range []func(map[string]any) any{
		func(m map[string]any) any { return m },
		func(m map[string]any) any {
			return map[string]any{"a": 1, "b": []any{true, m, nil}, "z": map[int]bool{1: true}}
		},
		func(m map[string]any) any { return []any{m["d"], []any{m["a"], m["b"]}, m["c"], 1, 2, 3} },
	} {
		event := withValue(nest(metadata(-5000)))
		entry, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		for _, more := range []int{-1, 0, 1} {
			event := withValue(nest(metadata(-5000 + audit.MaxMetadataBytes - len(entry.Metadata) + more)))
			_, read := recordLine(t, event)
			require.Equal(t, more > 0, read.Metadata["v"] == "[too large]", more)
		}
	}
	event := decision()
	event.Metadata = metadata(1)
	_, read := recordLine(t, event)
	require.Equal(t, []string{"metadata.d:size"}, read.Sanitized)
	require.Equal(t, "[too large]", read.Metadata["d"])
	require.Equal(t, event.Metadata["c"], read.Metadata["c"])
}

func TestKeysBehindAGiantValueAreKept(t *testing.T) {
	event := decision()
	event.Metadata = map[string]any{"a": 1, "b": make([]int, 1<<20), "c": strings.Repeat("x", 10<<20), "d": map[string]any{"e": []any{make([]string, 1<<20)}}, "request_id": "r-1"}
	_, read := recordLine(t, event)
	require.Equal(t, []string{"metadata.b:size", "metadata.c:long", "metadata.d:size"}, read.Sanitized)
	require.Equal(t, map[string]any{
		"a": json.Number("1"), "b": "[too large]", "c": strings.Repeat("x", audit.MaxStringBytes), "d": "[too large]", "request_id": "r-1",
	}, read.Metadata)
}

func TestManyGiantValuesEndTheMetadata(t *testing.T) {
	event := decision()
	event.Metadata = map[string]any{}
	for i := range 100 {
		event.Metadata[fmt.Sprintf("k%03d", i)] = make([]int, 1<<16)
	}
	_, read := recordLine(t, event)
	require.Len(t, read.Metadata, audit.MaxSanitized)
	require.Len(t, read.Sanitized, audit.MaxSanitized+1)
	require.Equal(t, "metadata.k000:size", read.Sanitized[0])
}

func TestDepthIsCutExactlyAtItsLimit(t *testing.T) {
	for kind, wrap := range map[string]func(any) any{
		"maps":       func(v any) any { return map[string]any{"k": v} },
		"lists":      func(v any) any { return []any{v} },
		"typed maps": func(v any) any { return map[int]any{1: v} },
		"pointers":   func(v any) any { return &v },
	} {
		nested := func(containers int) audit.PermissionAuditEvent {
			v := wrap("inside")
			for range containers - 2 { // the metadata is one
				v = wrap(v)
			}
			return withValue(v)
		}
		line, read := recordLine(t, nested(audit.MaxDepth))
		require.Contains(t, line, "inside", kind)
		require.Empty(t, read.Sanitized, kind)
		for _, containers := range []int{audit.MaxDepth + 1, 10_000} {
			line, read = recordLine(t, nested(containers))
			require.NotContains(t, line, "inside", kind)
			require.Contains(t, line, "[too deep]", kind)
			require.Len(t, read.Sanitized, 1, kind)
			require.True(t, strings.HasSuffix(read.Sanitized[0], ":deep"), kind)
		}
	}
	line, read := recordLine(t, withValue(json.RawMessage(strings.Repeat("[", 9000)+strings.Repeat("]", 9000))))
	require.Contains(t, line, "[too deep]")
	require.Len(t, read.Sanitized, 1)
	_, read = recordLine(t, withValue(json.RawMessage(strings.Repeat("[", 1<<20)+strings.Repeat("]", 1<<20))))
	require.Equal(t, []string{"metadata.v:json"}, read.Sanitized, "encoding/json gives up")
}

func TestAMillionKeysAreCut(t *testing.T) {
	million := make(map[string]any, 1_000_000)
	for i := range 1_000_000 {
		million[fmt.Sprintf("%07d", i)] = nil
	}
	million["0000000"] = map[string]any{"z": true}
	event := decision()
	event.Metadata = million
	_, read := recordRedacted(t, event, nil)
	requireCore(t, event, read)
	require.Greater(t, len(read.Metadata), audit.MaxMetadataBytes/20)
	require.Equal(t, map[string]any{"z": true}, read.Metadata["0000000"], "the first in the order of the line is there, with what is in it")
	require.Equal(t, []string{"metadata:size"}, read.Sanitized)

	_, read = recordLine(t, withValue(million))
	require.Equal(t, map[string]any{"v": "[too large]"}, read.Metadata)
}

func TestCyclesEnd(t *testing.T) {
	loop := map[string]any{}
	wide := make(map[string]any, 10_000)
	list := make([]any, 10_000)
	var self any
	self = &self
	many := make([]any, 1000)
	loop["again"] = loop
	for i := range 10_000 {
		wide[fmt.Sprint(i)] = wide
		list[i] = list
	}
	typed := map[int]any{}
	for i := range 1000 {
		many[i], typed[i] = &many, typed
	}
	for name, cycle := range map[string]any{
		"map": loop, "wide map": wide, "wide list": list, "pointer": self, "pointers to a list": &many, "typed map": typed,
		"two": map[string]any{"a": []any{loop, wide}},
	} {
		t.Run(name, func(t *testing.T) {
			event := withValue(cycle)
			_, read := recordLine(t, event)
			requireCore(t, event, read)
			require.NotEmpty(t, read.Sanitized)
			frozen := event.Freeze(t.Context())
			require.NotEmpty(t, frozen.Sanitized)
			_, read = recordLine(t, frozen)
			require.NotEmpty(t, read.Sanitized)
		})
	}
	loop["v"] = loop
	event := decision()
	event.Metadata = loop
	_, read := recordLine(t, event)
	requireCore(t, event, read)
}

func TestNoLineIsOverItsLimit(t *testing.T) {
	for _, s := range []string{"\x01", "\u2028", "\xff", `"`, "🔒", "\x01\xff"} {
		long := strings.Repeat(s, 20_000)
		event := audit.PermissionAuditEvent{
			Action: audit.Action(long[:32]), Manager: long, UserID: long, User: audit.UserRepr(long),
			Metadata: map[string]any{},
		}
		for i := range 100 {
			event.Attributes = append(event.Attributes, long)
			event.Permissions = append(event.Permissions, long, s)
			event.Sanitized = append(event.Sanitized, fmt.Sprint(i, long))
			event.Metadata[fmt.Sprint(i, long)] = map[string]any{long: []any{long, math.NaN(), long}}
		}
		line, read := recordLine(t, event)
		require.Greater(t, len(line), audit.MaxMetadataBytes)
		require.Len(t, read.Sanitized, audit.MaxSanitized+1)
		require.Equal(t, "...", read.Sanitized[audit.MaxSanitized])

		// Once more, with metadata that comes to light at the end.
		event.Metadata = map[string]any{"v": long, "w": long}
		event.Sanitized = nil
		recordRedacted(t, event, nil)
	}
}

func TestAtMostSixteenRepairsAreNamed(t *testing.T) {
	for _, n := range []int{15, 16, 17, 200} {
		event := decision()
		for range n {
			event.Attributes = append(event.Attributes, "\xff")
		}
		_, read := recordLine(t, event)
		require.Len(t, read.Sanitized, min(n, audit.MaxSanitized+1))
		require.Equal(t, n > audit.MaxSanitized, read.Sanitized[len(read.Sanitized)-1] == "...")

		event = decision()
		event.Metadata = map[string]any{}
		for i := range n {
			event.Metadata[fmt.Sprintf("%03d", i)] = math.NaN()
		}
		_, read = recordLine(t, event)
		require.Len(t, read.Sanitized, min(n, audit.MaxSanitized+1))
		require.Equal(t, "metadata.000:number", read.Sanitized[0])
		require.Equal(t, n > audit.MaxSanitized, read.Sanitized[len(read.Sanitized)-1] == "...")
	}
}
