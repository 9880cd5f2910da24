package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEventIDsAreUUIDsOfVersion7(t *testing.T) {
	for range 1000 {
		before := time.Now().UnixMilli()
		id := NewEventID()
		require.Equal(t, byte(7), id[6]>>4, "version")
		require.Equal(t, byte(2), id[8]>>6, "variant")
		require.GreaterOrEqual(t, id.Time().UnixMilli(), before)
	}
}

// The first 48 bits are milliseconds since 1970, the next 12 the rest of the time.
func TestEventIDsHoldTheirTime(t *testing.T) {
	defer lastIDTime.Store(lastIDTime.Load())
	lastIDTime.Store(0)
	at := time.Date(2026, 11, 23, 7, 46, 20, 123_500_000, time.UTC) // half a millisecond
	id := newEventID(at)
	require.Equal(t, "01a2075e-c15b-7800", id.String()[:18])
	require.Equal(t, at.Truncate(time.Millisecond), id.Time())
	require.Equal(t, time.UTC, id.Time().Location())
}

func TestEventIDsAscendFromManyGoroutines(t *testing.T) {
	const goroutines, each = 8, 5000
	ids := make([][]EventID, goroutines)
	var group sync.WaitGroup
	for i := range goroutines {
		group.Go(func() {
			for range each {
				ids[i] = append(ids[i], NewEventID())
			}
		})
	}
	group.Wait()
	for _, own := range ids {
		for i := 1; i < len(own); i++ {
			requireBefore(t, own[i-1], own[i])
		}
	}
	all := slices.Concat(ids...)
	slices.SortFunc(all, func(a, b EventID) int { return slices.Compare(a[:8], b[:8]) })
	for i := 1; i < len(all); i++ {
		require.NotEqual(t, all[i-1][:8], all[i][:8], "no two ids have the same time")
	}
}

func requireBefore(t *testing.T, earlier, later EventID) {
	t.Helper()
	if slices.Compare(earlier[:], later[:]) >= 0 || earlier.String() >= later.String() {
		t.Fatalf("%s does not ascend after %s", later, earlier)
	}
}

func TestEventIDsAscendWhenTheClockIsSetBack(t *testing.T) {
	now := time.Now()
	last := newEventID(now)
	for _, at := range []time.Time{now, now.Add(-time.Hour), now.Add(-time.Hour), now.AddDate(-80, 0, 0), {}, now.Add(-time.Nanosecond)} {
		for range 5000 { // more than one millisecond has room for
			id := newEventID(at)
			requireBefore(t, last, id)
			last = id
		}
	}
	require.WithinDuration(t, now, last.Time(), time.Minute, "and they stay near to the time")
}

func TestEventIDsReadBackFromTheirText(t *testing.T) {
	id := NewEventID()
	for _, text := range []string{id.String(), strings.ToUpper(id.String())} {
		parsed, err := ParseEventID(text)
		require.NoError(t, err)
		require.Equal(t, id, parsed)
	}
	require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id.String())

	other, err := ParseEventID("8f14e45f-ceea-467f-a0e6-0d1b2c3d4e5f")
	require.NoError(t, err, "any UUID can be an id")
	require.True(t, other.Time().IsZero(), "but only those of version 7 have a time")
}

func TestWhatIsNoEventIDIsRefused(t *testing.T) {
	const good = "019aaf93-65bb-7800-8000-0123456789ab"
	for _, text := range []string{
		"", "x", good[:35], good + "0", " " + good, good + " ", "{" + good + "}", "urn:uuid:" + good,
		strings.ReplaceAll(good, "-", ""), strings.ReplaceAll(good, "-", "_"), strings.ReplaceAll(good, "-", "0"),
		"019aaf9-365bb-7800-8000-0123456789ab", "019aaf93-65bb-7800-80000-123456789ab", "-19aaf93-65bb-7800-8000-0123456789ab",
		"019aaf93-65bb-7800-8000-0123456789a-", "019aaf93-65bb-7800-8000-0123456789ag", "019aaf93-65bb-7800-8000-0123456789é",
		"019aaf93065bb-7800-8000-0123456789ab", "019aaf93-65bb07800-8000-0123456789ab", "019aaf93-65bb-780008000-0123456789ab", "019aaf93-65bb-7800-800000123456789ab",
		strings.Repeat("-", 36), strings.Repeat(good, 1000), good[:35] + "\x00",
	} {
		id, err := ParseEventID(text)
		require.ErrorContains(t, err, "audit: parse event id", "%q", text)
		require.Less(t, len(err.Error()), 300)
		require.True(t, id.IsZero())

		kept := EventID{1}
		require.Error(t, kept.UnmarshalText([]byte(text)))
		require.Equal(t, EventID{1}, kept, "after an error it is unchanged")
	}
}

func TestEventIDsMarshalAsText(t *testing.T) {
	id := NewEventID()
	text, err := json.Marshal(map[EventID]EventID{id: id})
	require.NoError(t, err)
	require.Equal(t, `{"`+id.String()+`":"`+id.String()+`"}`, string(text))
	var read map[EventID]EventID
	require.NoError(t, json.Unmarshal(text, &read))
	require.Equal(t, map[EventID]EventID{id: id}, read)
}

func TestTheZeroEventIDIsNone(t *testing.T) {
	require.True(t, EventID{}.IsZero())
	require.False(t, NewEventID().IsZero())
	require.Equal(t, "00000000-0000-0000-0000-000000000000", EventID{}.String())
	require.True(t, EventID{}.Time().IsZero())
	id, err := ParseEventID(EventID{}.String())
	require.NoError(t, err)
	require.True(t, id.IsZero())
}
