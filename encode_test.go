package audit

import (
	"context"
	"fmt"
	"strconv"
	"testing"

	"github.com/permaudit/audit/internal/race"
	"github.com/stretchr/testify/require"
)

// usualEvent has two attributes, three permissions, two metadata keys and a line of
// about 350 bytes.
func usualEvent() PermissionAuditEvent {
	return PermissionAuditEvent{
		Action: ActionUpdate, Attributes: []string{"status", "owner"}, Manager: "Project", UserID: "42",
		Permissions: []string{"isSelf", "matches:status:open", "ends_with:email:@example.com"},
		Metadata:    map[string]any{MetadataRequestID: "r-000001", MetadataDeployment: "v2026.11.23"},
	}
}

func TestEncodingTheUsualEventAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	withUser := func(user any) PermissionAuditEvent {
		event := usualEvent()
		event.UserID, event.User = "", user
		return event
	}
	withMetadata := func(metadata map[string]any) PermissionAuditEvent {
		event := usualEvent()
		event.Metadata = metadata
		return event
	}
	carried := ContextWithMetadata(t.Context(), map[string]any{MetadataTraceID: "4bf92f3577b34da6a3ce929d0e0e4736", "tenant": "acme"})
	for name, test := range map[string]struct {
		ctx   context.Context //nolint:containedctx // one of the rows
		event PermissionAuditEvent
	}{
		"user id":                {t.Context(), usualEvent()},
		"user of an integer key": {t.Context(), withUser(1234567)},
		"user of a string key":   {t.Context(), withUser("8f14e45f-ceea-467f-a0e6-0d1b2c3d4e5f")},
		"user without identity":  {t.Context(), withUser(UserRepr("<AnonymousUser>"))},
		"no metadata":            {t.Context(), withMetadata(nil)},
		"metadata of ctx":        {carried, withMetadata(nil)},
		"metadata of both":       {carried, usualEvent()},
		"numbers and booleans":   {t.Context(), withMetadata(map[string]any{"n": 1 << 30, "f": 0.25, "b": true, "null": nil})},
		"nested metadata":        {t.Context(), withMetadata(map[string]any{"a": map[string]any{"b": "c", "d": 1}})},
		"beyond ASCII":           {t.Context(), withMetadata(map[string]any{"équipe": "naïve \"🔒\"\n"})},
	} {
		t.Run(name, func(t *testing.T) {
			var line []byte
			var e encoder // not of the pool, which the collector may empty
			allocs := testing.AllocsPerRun(200, func() {
				if err := e.encode(test.ctx, &test.event, DefaultRedactor); err != nil {
					t.Fatal(err)
				}
				line = e.appendLine(line[:0])
			})
			require.Zero(t, allocs)
		})
	}
}

// An encoder is used for one event after the other: nothing of the one before may
// show.
func TestAnEncoderForgetsTheEventBefore(t *testing.T) {
	e := new(encoder)
	bad := PermissionAuditEvent{
		Action: "\xff", Manager: "\x00", User: UserRepr("\xff"), Bypassed: true, Granted: true,
		Attributes: []string{"\xff"}, Permissions: []string{"\x00"}, Sanitized: []string{"x"},
		Metadata: map[string]any{"\xff": "\x00", "password": "x", "f": func() {}},
	}
	good := PermissionAuditEvent{Action: ActionRead}
	for range 3 {
		require.NoError(t, e.encode(t.Context(), &bad, DefaultRedactor))
		require.NotNil(t, e.sanitized)
		require.NoError(t, e.encode(t.Context(), &good, DefaultRedactor))
		require.Equal(t, parts{
			id: e.id, time: e.time, action: "read", manager: []byte{}, userID: []byte{}, user: []byte{},
			attributes: []byte("[]"), permissions: []byte("[]"),
		}, e.parts)
		require.ErrorIs(t, e.encode(t.Context(), &PermissionAuditEvent{}, DefaultRedactor), ErrInvalidEvent)
	}
}

// A giant event must not stay in memory for ever.
func TestBuffersOfAGiantEventAreGivenUp(t *testing.T) {
	giant := make(map[string]any, 100_000)
	for i := range 100_000 {
		giant[fmt.Sprintf("%06d", i)] = i
	}
	e := new(encoder)
	require.NoError(t, e.encode(t.Context(), &PermissionAuditEvent{Action: ActionRead, Metadata: giant}, NoRedaction))
	require.True(t, e.blownUp())

	usual := usualEvent()
	require.NoError(t, e.encode(t.Context(), &usual, DefaultRedactor))
	require.JSONEq(t, `{"request_id":"r-000001","deployment":"v2026.11.23"}`, string(e.metadata), "nothing of it is left")
	e = new(encoder)
	require.NoError(t, e.encode(t.Context(), &usual, DefaultRedactor))
	require.False(t, e.blownUp())
}

// Maps that cannot fit cost next to nothing, also when they hold one another.
func TestNobodyLooksIntoAMapThatCannotFit(t *testing.T) {
	million, typed, wide := make(map[string]any, 1_000_000), make(map[int]int, 1_000_000), make(map[string]any, 10_000)
	for i := range 1_000_000 {
		million[strconv.Itoa(i)], typed[i] = i, i
	}
	for i := range 10_000 {
		wide[strconv.Itoa(i)] = wide
	}
	for name, value := range map[string]any{"map": million, "typed map": typed, "cycle": wide, "in lists": []any{[]any{million, typed}}} {
		e := new(encoder)
		require.NoError(t, e.encode(t.Context(), &PermissionAuditEvent{Action: ActionRead, Metadata: map[string]any{"v": value}}, NoRedaction), name)
		require.JSONEq(t, `{"v":"[too large]"}`, string(e.metadata), name)
		require.Less(t, cap(e.values.pairs), 20_000, name)
	}
}

func BenchmarkEncode(b *testing.B) {
	event := usualEvent()
	ctx := b.Context()
	var line []byte
	b.ReportAllocs()
	for b.Loop() {
		e := newEncoder()
		if err := e.encode(ctx, &event, DefaultRedactor); err != nil {
			b.Fatal(err)
		}
		line = e.appendLine(line[:0])
		e.free()
	}
	b.SetBytes(int64(len(line)))
}
