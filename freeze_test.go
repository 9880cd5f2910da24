package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestFreezeFillsInWhatIsMissing(t *testing.T) {
	before := time.Now().Truncate(time.Microsecond)
	ctx := audit.ContextWithMetadata(t.Context(), map[string]any{audit.MetadataRequestID: "r-1"})
	frozen := audit.PermissionAuditEvent{Action: audit.ActionRead, User: identified{id: "7"}}.Freeze(ctx)
	require.False(t, frozen.ID.IsZero())
	require.False(t, frozen.Timestamp.Before(before))
	require.Equal(t, time.UTC, frozen.Timestamp.Location())
	require.Zero(t, frozen.Timestamp.Nanosecond()%1000)
	require.Equal(t, "7", frozen.UserID)
	require.Nil(t, frozen.User)
	require.Equal(t, map[string]any{audit.MetadataRequestID: "r-1"}, frozen.Metadata)
}

func TestFreezeKeepsWhatIsThere(t *testing.T) {
	event := referenceEvent()
	frozen := event.Freeze(t.Context())
	event.Timestamp = event.Timestamp.Truncate(time.Microsecond)
	require.Equal(t, event, frozen)
}

func TestFreezingWhatIsFrozenChangesNothing(t *testing.T) {
	for _, event := range append(randomEvents(300), referenceEvent(), withValue(map[string]any{"time": time.Now(), "nil": (*int)(nil)})) {
		frozen := event.Freeze(t.Context())
		again := frozen.Freeze(t.Context())
		require.Equal(t, fmt.Sprintf("%#v", frozen), fmt.Sprintf("%#v", again)) // NaN is not equal to itself
	}
}

// mutable is an event with every kind of thing that can be changed behind a
// logger's back, and scribble changes all of it.
func mutable() (event audit.PermissionAuditEvent, scribble func()) {
	var (
		number  = 1
		object  = &tagged{ID: 1, List: []string{"a"}, Inner: &tagged{ID: 2}}
		nested  = map[string]any{"k": "v", "list": []any{"a", []any{"b"}}}
		list    = []any{"a", nested}
		strs    = []string{"a", "b"}
		ints    = []int{1, 2}
		typed   = map[string][]int{"a": {1}}
		raw     = json.RawMessage(`{"a":1}`)
		header  = http.Header{"Accept": {"a"}}
		ip      = net.IPv4(10, 0, 0, 1)
		maps    = []map[string]any{{"k": "v"}}
		user    = &byPointer{}
		text    = []byte("abc")
		structs = []struct{ A []int }{{[]int{1}}}
	)
	event = audit.PermissionAuditEvent{
		Action: audit.ActionRead, Attributes: []string{"a", "b"}, Permissions: []string{"p", "q"}, User: user, Sanitized: []string{"s"},
		Metadata: map[string]any{
			"pointer": &number, "object": object, "nested": nested, "list": list, "strings": strs, "ints": ints, "typed": typed, "raw": raw,
			"header": header, "ip": ip, "maps": maps, "text": text, "structs": structs, "value": structs[0],
		},
	}
	return event, func() {
		number, object.ID, object.List[0], object.Inner.ID = 99, 99, "x", 99
		nested["k"], nested["new"] = "x", "x"
		nested["list"].([]any)[1].([]any)[0], nested["list"].([]any)[0] = "x", "x"
		list[0], strs[0], ints[0], typed["a"][0], raw[5], ip[15] = "x", "x", 99, 99, '9', 99
		header["Accept"][0], maps[0]["k"], text[0], structs[0].A[0] = "x", "x", 'x', 99
		typed["new"] = nil
		event.Attributes[0], event.Permissions[0], event.Sanitized[0], user.id = "x", "x", "x", "x"
		event.Metadata["new"] = "x"
	}
}

func TestFreezeSharesNothingWithTheEvent(t *testing.T) {
	event, scribble := mutable()
	frozen := event.Freeze(t.Context())
	before := lineOf(t, frozen)
	scribble()
	require.Equal(t, before, lineOf(t, frozen))

	event, scribble = mutable()
	ctx := audit.ContextWithMetadata(t.Context(), event.Metadata)
	bare := referenceEvent()
	want := entryIn(t, ctx, bare)
	scribble()
	require.Equal(t, want, entryIn(t, ctx, bare))

	event, scribble = mutable()
	event.ID, event.Timestamp = bare.ID, bare.Timestamp
	entry := entryIn(t, t.Context(), event)
	line := entry.AppendJSON(nil)
	scribble()
	require.Equal(t, string(line), string(entry.AppendJSON(nil)))
}

func TestWhatIsFrozenCanBeChangedWithoutHarmToTheEvent(t *testing.T) {
	event, _ := mutable()
	event.ID, event.Timestamp = referenceEvent().ID, referenceEvent().Timestamp
	before := lineOf(t, event)
	frozen := event.Freeze(t.Context())
	frozen.Attributes[0], frozen.Permissions[0], frozen.Sanitized[0] = "x", "x", "x"
	for _, v := range frozen.Metadata {
		scribbleOn(v)
	}
	clear(frozen.Metadata)
	require.Equal(t, before, lineOf(t, event))
}

// scribbleOn changes what can be changed in a frozen value.
func scribbleOn(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			scribbleOn(inner)
		}
		clear(v)
	case []any:
		for _, inner := range v {
			scribbleOn(inner)
		}
		clear(v)
	case []string:
		clear(v)
	case []int:
		clear(v)
	case []byte:
		clear(v)
	case net.IP:
		clear(v)
	}
}

func TestWhatIsFrozenKeepsItsPlainTypes(t *testing.T) {
	at := time.Now()
	metadata := map[string]any{
		"int": 1, "int8": int8(1), "float": 1.5, "string": "s", "bool": true, "time": at, "number": json.Number("1"), "nil": nil,
		"named": label("x"), "strings": []string{"a"}, "ints": []int32{1}, "bytes": []byte("a"), "map": map[string]any{"a": []any{1, nil}},
		"nil slice": []string(nil), "nil list": []any(nil), "nil map": map[string]any(nil), "duration": time.Second, "empty": []any{},
	}
	event := decision()
	event.Metadata = metadata
	require.Equal(t, metadata, event.Freeze(t.Context()).Metadata)
	for value, form := range map[any]any{
		"pointer": json.Number("1"), "struct": map[string]any{"A": json.Number("1")}, "raw": []any{"x"}, "typed map": map[string]any{"1": "x"},
		"error": "broken", "func": "[unsupported: func()]", "nil pointer": nil, "array": []any{"a"},
	} {
		one := 1
		event := withValue(map[any]any{
			"pointer": &one, "struct": struct{ A int }{1}, "raw": json.RawMessage(` [ "x" ] `), "typed map": map[int]string{1: "x"},
			"error": fmt.Errorf("broken"), "func": func() {}, "nil pointer": (*int)(nil), "array": [1]string{"a"},
		}[value])
		require.Equal(t, form, event.Freeze(t.Context()).Metadata["v"], value)
	}
}

func TestEncodingWhatIsFrozenGivesTheSame(t *testing.T) {
	inside := func(event audit.PermissionAuditEvent) audit.PermissionAuditEvent {
		event.ID, event.Timestamp = referenceEvent().ID, referenceEvent().Timestamp
		return event
	}
	many := map[string]any{}
	for i := range 20 {
		many[fmt.Sprint("giant", i)] = make([]int, 1<<17)
	}
	full := map[string]any{}
	for i := range 20 {
		full[fmt.Sprint("full", i)] = strings.Repeat("x", 12_000)
	}
	events := append(randomEvents(500), withValue(many), withValue(full),
		audit.PermissionAuditEvent{Action: "a", Metadata: many}, audit.PermissionAuditEvent{Action: "a", Metadata: full},
		withValue(map[string]any{"a": []any{[]any{map[string]any{"b": strings.Repeat("\x00", 1<<20)}}}, "b": bytes.Repeat([]byte("x"), 1<<20)}))
	mutated, _ := mutable()
	for _, event := range append(events, mutated) {
		event = inside(event)
		if len(event.Sanitized) > 4 {
			event.Sanitized = event.Sanitized[:4]
		}
		want, got := entryIn(t, t.Context(), event), entryIn(t, t.Context(), event.Freeze(t.Context()))
		require.Equal(t, string(want.Metadata), string(got.Metadata))
		var names, frozenNames []string
		for text, into := range map[*[]byte]*[]string{&want.Sanitized: &names, &got.Sanitized: &frozenNames} {
			if *text != nil {
				require.NoError(t, json.Unmarshal(*text, into))
			}
		}
		if len(frozenNames) <= audit.MaxSanitized { // more of them, if something was repaired that is redacted now
			require.Subset(t, frozenNames, names)
		}
		want.Sanitized, got.Sanitized, want.Metadata, got.Metadata = nil, nil, nil, nil
		require.Equal(t, want, got)
	}
}

func TestFreezeNamesATimeThatItMoved(t *testing.T) {
	event := decision()
	event.Timestamp = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	frozen := event.Freeze(t.Context())
	require.Equal(t, 9999, frozen.Timestamp.Year())
	require.Equal(t, []string{"timestamp:range"}, frozen.Sanitized)
}

// One value may be in the metadata many times: a copy of each would be far larger
// than what it is a copy of.
func TestFreezeCopiesNoMoreThanALogCanHold(t *testing.T) {
	object := &tagged{List: strings.Split(strings.Repeat("x ", 5_000), " ")}
	objects, all := make([]any, 60_000), map[string]any{}
	for i := range objects {
		objects[i] = object
	}
	for i := range 1000 {
		all[fmt.Sprintf("%04d", i)] = []any{object, []any{object}}
	}
	require.Equal(t, map[string]any{"v": "[too large]"}, withValue(objects).Freeze(t.Context()).Metadata)
	event := decision()
	event.Metadata = all
	frozen := event.Freeze(t.Context())
	require.Less(t, len(frozen.Metadata), 100)
	require.Equal(t, []string{"metadata:size"}, frozen.Sanitized)
}

func TestEventsMayShareTheirMetadata(t *testing.T) {
	event, _ := mutable()
	event.ID, event.Timestamp = referenceEvent().ID, referenceEvent().Timestamp
	ctx := audit.ContextWithMetadata(t.Context(), event.Metadata)
	want, err := audit.NewEntry(ctx, event)
	require.NoError(t, err)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 50 {
				inner := audit.ContextWithMetadata(ctx, map[string]any{"own": 1})
				_, _ = audit.NewEntry(inner, event.Freeze(inner))
				_ = audit.MetadataFromContext(context.WithoutCancel(inner))
				got, err := audit.NewEntry(ctx, event)
				if err != nil || !bytes.Equal(got.Metadata, want.Metadata) {
					t.Errorf("got %s, %v; want %s", got.Metadata, err, want.Metadata)
				}
			}
		})
	}
	group.Wait()
}
