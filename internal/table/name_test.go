package table

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProperNamesAreTaken(t *testing.T) {
	long := strings.Repeat("x", 63)
	for text, want := range map[string]Name{
		"":                  {Table: "permission_audit_log"},
		"decisions":         {Table: "decisions"},
		"Order":             {Table: "Order"},
		"_9":                {Table: "_9"},
		"9":                 {Table: "9"},
		"public.decisions":  {"public", "decisions"},
		long:                {Table: long},
		long + "." + long:   {long, long},
		"main.order":        {"main", "order"},
		"azAZ09_.azAZ09_":   {"azAZ09_", "azAZ09_"},
		"select.from_where": {"select", "from_where"},
	} {
		name, err := ParseName(text)
		require.NoError(t, err)
		require.Equal(t, want, name)
		if text != "" {
			require.Equal(t, text, name.String())
		}
	}
}

func TestOtherNamesAreRefused(t *testing.T) {
	long := strings.Repeat("x", 64)
	for _, text := range []string{
		" ", ".", "a.", ".a", "..", "a..b", "a.b.c", "a b", "a-b", "a;b", `a"b`, "a'b", "a`b", "a[b", "a/b", "a:b", "a@b", "a{b", "a\x00", "a\n", "é", "a\xff", "ａ",
		long, long + ".a", "a." + long, strings.Repeat("x", 1<<20),
	} {
		name, err := ParseName(text)
		require.ErrorContains(t, err, "table name")
		require.ErrorContains(t, err, "at most 63 bytes each")
		require.Less(t, len(err.Error()), 500, "a giant name is not repeated")
		require.Zero(t, name)
	}
}

func TestNamesAreQuoted(t *testing.T) {
	require.Equal(t, `"order"`, Name{Table: "order"}.SQL())
	require.Equal(t, `"public"."order"`, Name{"public", "order"}.SQL())
	require.Equal(t, `"a""b"`, Quote(`a"b`))
}

func TestIndexNamesAreUniqueAndShortEnough(t *testing.T) {
	require.Equal(t, "decisions_created_at", Name{"main", "decisions"}.Index("created_at"))
	exact := Name{Table: strings.Repeat("t", 54)}
	require.Equal(t, exact.Table+"_event_id", exact.Index("event_id"), "63 bytes fit")
	seen := map[string]bool{}
	for _, name := range []string{strings.Repeat("t", 62) + "1", strings.Repeat("t", 62) + "2", strings.Repeat("t", 55)} {
		for _, suffix := range []string{"created_at", "event_id", "denied_", "bypassed", "metadata_" + strings.Repeat("k", 63), "metadata_" + strings.Repeat("k", 62) + "2"} {
			index := Name{Table: name}.Index(suffix)
			require.LessOrEqual(t, len(index), 63)
			require.Equal(t, index, Name{Schema: "other", Table: name}.Index(suffix), "the same each time")
			require.False(t, seen[index], index)
			require.True(t, isIdentifier(index))
			seen[index] = true
		}
	}
}

func TestMetadataIndexesHaveADefaultAndAreChecked(t *testing.T) {
	keys, err := checkIndexes(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"request_id"}, keys)
	keys, err = checkIndexes([]string{})
	require.NoError(t, err)
	require.Empty(t, keys, "empty is none")
	given := []string{"a", strings.Repeat("k", 63)}
	keys, err = checkIndexes(given)
	require.NoError(t, err)
	given[0] = "changed"
	require.Equal(t, "a", keys[0], "it is a copy")
	for _, wrong := range [][]string{{""}, {"a b"}, {"a'"}, {`a"`}, {"a.b"}, {"é"}, {strings.Repeat("k", 64)}, {strings.Repeat("k", 1<<20)}} {
		_, err := checkIndexes(wrong)
		require.ErrorContains(t, err, "letters, digits and underscores")
		require.Less(t, len(err.Error()), 500)
	}
	_, err = checkIndexes([]string{"a", "b", "a"})
	require.ErrorContains(t, err, `"a": it is there twice`)
}

// A name that is accepted needs no more than quotes to be SQL.
func FuzzTableName(f *testing.F) {
	for _, name := range []string{"", "permission_audit_log", "app.log", "x; DROP TABLE y", `a"b`, "a b", ".", "a.", "a.b.c", "é", "a\x00"} {
		f.Add(name)
	}
	plain := regexp.MustCompile(`^"[A-Za-z0-9_]{1,63}"(\."[A-Za-z0-9_]{1,63}")?$`)
	f.Fuzz(func(t *testing.T, text string) {
		name, err := ParseName(text)
		if err != nil {
			require.Equal(t, Name{}, name)
			return
		}
		require.Regexp(t, plain, name.SQL())
		require.LessOrEqual(t, len(name.Index("created_at")), 63)
		if text != "" {
			require.Equal(t, text, name.String())
		}
	})
}
