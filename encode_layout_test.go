package audit

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// What an encoder has seen before changes nothing of what it makes of an event.
func TestLayoutsChangeNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	keys := []string{
		"", "a", "b", "request_id", "password", "accessToken", "z.z", "\"", "\\", "ä", "\xff", "\uFFFD", "x\x00",
		strings.Repeat("k", 64), strings.Repeat("k", 65), strings.Repeat("l", MaxNameBytes), strings.Repeat("l", MaxNameBytes+1),
	}
	for i := range 140 {
		keys = append(keys, fmt.Sprint("key", i))
	}
	some := func() map[string]any {
		n := random.IntN(6)
		if random.IntN(50) == 0 {
			n = 140
		}
		metadata := map[string]any{}
		for range n {
			key := keys[random.IntN(min(len(keys), 4+3*n))]
			metadata[key] = []any{1, "text", nil, map[string]any{"token": "t", "b": 1, "a": []any{"x"}}}[random.IntN(4)]
		}
		return metadata
	}
	other := func(path []string, value any) (any, bool) { return len(path), len(path[0])%3 == 0 }
	for _, redact := range []Redactor{nil, NoRedaction, other} {
		var used valueEncoder
		for range 4000 {
			own, outer := some(), some()
			got := string(used.appendMetadata(nil, own, outer, redact))
			var fresh valueEncoder
			require.Equal(t, string(fresh.appendMetadata(nil, own, outer, redact)), got)
			require.Equal(t, fresh.notes, append([]string(nil), used.notes...))
			if got = string(used.appendMetadata(nil, own, outer, redact)); len(used.notes) == 0 { // with the layout, surely
				require.Equal(t, string(fresh.appendMetadata(nil, own, outer, redact)), got)
			}
			require.Empty(t, used.pairs)
		}
	}
}

// The keys of an event are found in the order that another one with the same keys had.
func TestALayoutIsUsedForTheSameKeysAlone(t *testing.T) {
	var e valueEncoder
	pairsOf := func(own, outer map[string]any) (keys []string) {
		pairs, ok := e.layouts.appendPairs(nil, own, outer)
		require.Equal(t, ok, len(pairs) > 0)
		for _, p := range pairs {
			keys = append(keys, fmt.Sprint(p.key, p.value))
		}
		return keys
	}
	e.appendMetadata(nil, map[string]any{"b": 1, "d": 2}, map[string]any{"a": 3}, nil)
	require.Equal(t, []string{"a6", "b4", "d5"}, pairsOf(map[string]any{"d": 5, "b": 4}, map[string]any{"a": 6}))
	require.Empty(t, pairsOf(map[string]any{"b": 4, "c": 5}, map[string]any{"a": 6}), "another key")
	require.Empty(t, pairsOf(map[string]any{"b": 4, "d": 5}, map[string]any{"b": 6}), "one of the same keys is hidden")
	require.Empty(t, pairsOf(map[string]any{"a": 4}, map[string]any{"b": 6, "d": 7}), "from elsewhere")
	require.Empty(t, pairsOf(map[string]any{"b": 4, "d": 5}, nil), "fewer")
	for range 100 {
		e.appendMetadata(nil, map[string]any{"b": 1, "d": 2}, map[string]any{"b": 3}, nil)
	}
	require.Empty(t, pairsOf(map[string]any{"b": 1, "d": 2}, map[string]any{"b": 3}), "a hidden key is none of a layout")
}

// Four sets of as many keys have a layout each, soon.
func TestSetsOfAsManyKeysHaveLayoutsOfTheirOwn(t *testing.T) {
	var e valueEncoder
	sets := []map[string]any{{"a": 1, "b": 2}, {"a": 1, "c": 2}, {"d": 1, "b": 2}, {"e": 1, "f": 2}}
	for range 100 {
		for _, own := range sets {
			e.appendMetadata(nil, own, nil, nil)
		}
	}
	for _, own := range sets {
		_, ok := e.layouts.appendPairs(nil, own, nil)
		require.True(t, ok, "%v", own)
	}
}

// Some frameworks cut strings out of buffers that they use again. What is kept of a key
// is a copy: what stands in the buffer later is a key that nobody has looked at.
func TestAKeyThatChangesLaterIsLookedAtAgain(t *testing.T) {
	var e valueEncoder
	buffer := []byte("username")
	e.appendMetadata(nil, map[string]any{unsafe.String(&buffer[0], len(buffer)): "u"}, nil, nil)
	copy(buffer, "password")
	require.JSONEq(t, `{"password":"[redacted]"}`, string(e.appendMetadata(nil, map[string]any{"password": "x"}, nil, nil)))
}

// appendPlain looks at eight bytes at once, and isPlain at one after the other.
func TestEveryByteIsPlainOrNotWhereverItStands(t *testing.T) {
	for n := range 20 {
		text := []byte(strings.Repeat("p", n))
		for i := range n {
			for c := range 256 {
				text[i] = byte(c)
				got, ok := appendPlain([]byte("before"), text)
				require.Equal(t, isPlain(string(text)), ok, "%q", text)
				if ok {
					require.Equal(t, `before"`+string(text)+`"`, string(got))
				} else {
					require.Equal(t, "before", string(got))
				}
			}
			text[i] = 'p'
		}
	}
}

// A second byte that is not plain cannot hide the first, nor look like one.
func TestBytesBesideEachOtherDoNotChangeWhetherTheyArePlain(t *testing.T) {
	text := []byte("pppppppp")
	for a := range 256 {
		for b := range 256 {
			text[3], text[4] = byte(a), byte(b)
			_, ok := appendPlain(nil, text)
			require.Equal(t, isPlain(string(text)), ok, "%q", text)
		}
	}
}

func TestTheKeptTextOfASecondIsThatOfItsTime(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	var kept timeText
	for range 100_000 {
		at := time.Unix(random.Int64N(4), random.Int64N(1e9)).UTC() // the zero second of a timeText is one of them
		switch random.IntN(4) {
		case 0:
			at = time.Unix(minTime.Unix()+random.Int64N(maxTime.Unix()-minTime.Unix()), random.Int64N(1e9)).UTC()
		case 1:
			at = at.AddDate(random.IntN(3), 0, 0)
		}
		clamped, moved := clampTime(at)
		require.False(t, moved)
		require.Equal(t, at.Truncate(time.Microsecond), clamped)
		require.Equal(t, clamped.Format("2006-01-02T15:04:05.000000Z"), string(kept.append(nil, clamped)))
	}
}

func TestTheTextOfAnIDIsHexadecimal(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for range 10_000 {
		var id EventID
		for i := range id {
			id[i] = byte(random.Uint32())
		}
		digits := hex.EncodeToString(id[:])
		want := digits[:8] + "-" + digits[8:12] + "-" + digits[12:16] + "-" + digits[16:20] + "-" + digits[20:]
		require.Equal(t, want, id.String())
		appended, err := id.AppendText([]byte("x"))
		require.NoError(t, err)
		require.Equal(t, "x"+want, string(appended))
	}
}
