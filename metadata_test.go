package audit_test

import (
	"context"
	"math"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func entryIn(t *testing.T, ctx context.Context, event audit.PermissionAuditEvent) audit.Entry { //nolint:revive // t comes first in tests
	t.Helper()
	entry, err := audit.NewEntry(ctx, event)
	require.NoError(t, err)
	requireLine(t, entry.AppendJSON(nil))
	return entry
}

func TestInnerMetadataWinsOverOuterAndTheEventsOwnOverBoth(t *testing.T) {
	outer := audit.ContextWithMetadata(t.Context(), map[string]any{"a": "outer", "b": "outer", "c": "outer"})
	inner := audit.ContextWithMetadata(outer, map[string]any{"b": "inner", "c": "inner"})
	event := decision()
	event.Metadata = map[string]any{"c": "own", "d": "own"}
	const merged = `{"a":"outer","b":"inner","c":"own","d":"own"}`
	require.JSONEq(t, merged, string(entryIn(t, inner, event).Metadata))
	require.Nil(t, entryIn(t, inner, event).Sanitized)
	require.JSONEq(t, merged, string(entryIn(t, t.Context(), event.Freeze(inner)).Metadata))
	require.Equal(t, map[string]any{"a": "outer", "b": "inner", "c": "own", "d": "own"}, event.Freeze(inner).Metadata)

	require.JSONEq(t, `{"a":"outer","b":"inner","c":"inner"}`, string(entryIn(t, inner, decision()).Metadata))
	require.JSONEq(t, `{"a":"outer","b":"outer","c":"outer"}`, string(entryIn(t, outer, decision()).Metadata), "the outer context is as it was")
}

func TestANullOfTheEventHidesTheContextsValue(t *testing.T) {
	ctx := audit.ContextWithMetadata(t.Context(), map[string]any{"a": 1})
	event := decision()
	event.Metadata = map[string]any{"a": nil}
	require.JSONEq(t, `{"a":null}`, string(entryIn(t, ctx, event).Metadata))
}

func TestAContextWithoutMetadataAddsNone(t *testing.T) {
	var none context.Context // must not panic the request
	require.Nil(t, audit.MetadataFromContext(t.Context()))
	require.Nil(t, audit.MetadataFromContext(none))
	require.Nil(t, audit.MetadataFromContext(audit.ContextWithMetadata(t.Context(), nil)))
	require.Nil(t, entryIn(t, audit.ContextWithMetadata(t.Context(), map[string]any{}), decision()).Metadata)
	require.Nil(t, entryIn(t, none, decision()).Metadata)
	require.Nil(t, decision().Freeze(t.Context()).Metadata)
	require.Nil(t, decision().Freeze(none).Metadata)
	event := decision()
	event.Metadata = map[string]any{}
	require.NotNil(t, event.Freeze(t.Context()).Metadata)
}

func TestTheMetadataOfAContextIsCopied(t *testing.T) {
	source := map[string]any{"list": []any{"a", []string{"b"}}, "map": map[string]any{"k": "v"}}
	ctx := audit.ContextWithMetadata(t.Context(), source)
	const want = `{"list":["a",["b"]],"map":{"k":"v"}}`
	scribble := func(metadata map[string]any) {
		metadata["list"].([]any)[1].([]string)[0] = "changed"
		metadata["list"].([]any)[0] = "changed"
		metadata["map"].(map[string]any)["k"] = "changed"
		metadata["new"] = "changed"
	}
	scribble(source)
	require.JSONEq(t, want, string(entryIn(t, ctx, decision()).Metadata))
	scribble(audit.MetadataFromContext(ctx))
	require.JSONEq(t, want, string(entryIn(t, ctx, decision()).Metadata))
	scribble(decision().Freeze(ctx).Metadata)
	require.JSONEq(t, want, string(entryIn(t, ctx, decision()).Metadata))
}

func TestRepairsOfTheContextsMetadataAreNamed(t *testing.T) {
	loop := map[string]any{}
	loop["again"] = loop
	outer := audit.ContextWithMetadata(t.Context(), map[string]any{"panics": panickingJSON{}, "loop": loop})
	inner := audit.ContextWithMetadata(outer, map[string]any{"func": func() {}, "utf8": "\xff", "nan": math.NaN(), "giant": make([]int, 1<<20)})
	for _, names := range [][]string{
		sanitizedOf(t, entryIn(t, inner, decision())),
		sanitizedOf(t, entryIn(t, t.Context(), decision().Freeze(inner))),
	} {
		require.Len(t, names, 6)
		require.Subset(t, names, []string{"metadata.panics:panic", "metadata.func:type", "metadata.utf8:utf8", "metadata.nan:number", "metadata.giant:size"})
	}
	require.Empty(t, entryIn(t, t.Context(), decision()).Sanitized)
}

func sanitizedOf(t *testing.T, entry audit.Entry) []string {
	t.Helper()
	event, err := entry.Event()
	require.NoError(t, err)
	return event.Sanitized
}
