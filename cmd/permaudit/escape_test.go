package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// hostile is what a terminal must never get, with what is shown instead.
var hostile = map[string]string{
	"\x1b[31mred":              `\x1b[31mred`,
	"a\x00b\x07\x08":           `a\x00b\x07\x08`,
	"line\nbreak\r\ttab":       `line\nbreak\r\ttab`,
	"del\x7f":                  `del\x7f`,
	"csi\u009b2J":              `csi\u009b2J`,
	"bidi\u202e\u2066\u200f":   `bidi\u202e\u2066\u200f`,
	"zero\u200b\ufeff\u2060":   `zero\u200b\ufeff\u2060`,
	"line\u2028\u2029":         `line\u2028\u2029`,
	"tag\U000e0041":            `tag\U000e0041`,
	"bad\xff\xc3":              `bad\xff\xc3`,
	"Grüße, 日本語 \u00a0 ☃ 👍":    "Grüße, 日本語 \u00a0 ☃ 👍",
	`back\slash`:               `back\slash`,
	"":                         "",
	"real replacement \ufffd.": "real replacement \ufffd.",
}

func TestControlCharactersAreEscaped(t *testing.T) {
	for text, want := range hostile {
		require.Equal(t, want, escape(text))
	}
}

func TestJSONHasNoControlCharactersAndMeansTheSame(t *testing.T) {
	for text := range hostile {
		if !utf8.ValidString(text) {
			continue
		}
		plain, err := json.Marshal(map[string]string{text: text})
		require.NoError(t, err)
		safe := appendSafeJSON([]byte("x"), plain)[1:]
		requireHarmless(t, string(safe))
		var back map[string]string
		require.NoError(t, json.Unmarshal(safe, &back))
		require.Equal(t, map[string]string{text: text}, back)
	}
}

func TestEveryByteIsFoundWhereverItStands(t *testing.T) {
	for _, bad := range []string{"\x7f", "é", "\u0080", "\U000e0041"} {
		for before := range 20 {
			for after := range 20 {
				text := strings.Repeat("~", before) + bad + strings.Repeat(" ", after)
				require.False(t, isSafe([]byte(text)), "%q", text)
			}
		}
	}
	for n := range 40 {
		require.True(t, isSafe([]byte(strings.Repeat("~", n))))
	}
}

// requireHarmless checks that a terminal only prints the text, which may have several
// lines.
func requireHarmless(tb testing.TB, text string) {
	tb.Helper()
	require.True(tb, utf8.ValidString(text))
	for i, r := range text {
		require.True(tb, visible(r) || r == '\n', "%q at %d of %q", r, i, text)
	}
}
