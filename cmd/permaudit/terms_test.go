package main

import (
	"testing"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestValuesOfAFlagAreAlternatives(t *testing.T) {
	for _, c := range []struct {
		given []string
		want  query.Terms
	}{
		{[]string{"a"}, query.Terms{In: []string{"a"}}},
		{[]string{"a,b", "c"}, query.Terms{In: []string{"a", "b", "c"}}},
		{[]string{"!a"}, query.Terms{NotIn: []string{"a"}}},
		{[]string{"a,!b", "!c"}, query.Terms{In: []string{"a"}, NotIn: []string{"b", "c"}}},
		{[]string{""}, query.Terms{In: []string{""}}},
		{[]string{"!"}, query.Terms{NotIn: []string{""}}},
		{[]string{`a\,b`}, query.Terms{In: []string{"a,b"}}},
		{[]string{`\!a`, `!\,`}, query.Terms{In: []string{"!a"}, NotIn: []string{","}}},
		{[]string{`App\Models\User`, "a b", "a!b"}, query.Terms{In: []string{`App\Models\User`, "a b", "a!b"}}},
	} {
		var flag terms
		for _, text := range c.given {
			require.NoError(t, flag.Set(text))
		}
		require.Equal(t, c.want, flag.Terms, "%q", c.given)
	}
}

func TestMetadataFlagsAreGroupedByKey(t *testing.T) {
	var flag metadataTerms
	for _, text := range []string{"a=1", "a=!2", "b=x=y,z", "c="} {
		require.NoError(t, flag.Set(text))
	}
	require.Equal(t, map[string]query.Terms{
		"a": {In: []string{"1"}, NotIn: []string{"2"}},
		"b": {In: []string{"x=y", "z"}},
		"c": {In: []string{""}},
	}, flag.keys)
	require.Equal(t, "a=1,!2 b=x=y,z c=", flag.String())
	for _, text := range []string{"", "a", "=a", "!a=b", "a!=b"} {
		require.Error(t, flag.Set(text), text)
	}
}
