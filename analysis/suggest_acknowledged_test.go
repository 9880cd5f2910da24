package analysis_test

import (
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

func TestWhatIsAcknowledgedIsNoSuggestion(t *testing.T) {
	h := newHours()
	h.users(5, 1, false, "status", "title")
	h.users(4, 1, false, "owner", "title") // denied with others, which are right
	h.users(3, 3, false, "name")
	ask := func(lines ...string) *analysis.Suggestions {
		acknowledged, err := analysis.ReadAcknowledgments(strings.NewReader(strings.Join(lines, "\n")), "known")
		require.NoError(t, err)
		s, err := analysis.Suggest(t.Context(), query.Slice(*h), query.Filter{}, &analysis.SuggestOptions{
			Acknowledged: acknowledged, Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
		})
		require.NoError(t, err)
		return s
	}
	line := func(attribute, expires string) string {
		return `{"manager":"Project","attribute":"` + attribute + `","owner":"pm","reason":"by contract","expires":"` + expires + `"}`
	}
	all := ask()
	require.Equal(t, []string{"title", "name"}, attributesOf(all.Candidates))
	require.Equal(t, []string{"status", "owner"}, attributesOf(all.Explained))

	s := ask(line("title", "2027-01-01"), line("name", "2026-11-30"), line("other", "2027-01-01"))
	require.Equal(t, []string{"name"}, attributesOf(s.Candidates), "which has expired")
	require.Equal(t, []string{"status", "owner"}, attributesOf(s.Explained), "by what is right")
	require.Equal(t, all.Classes, s.Classes)
	require.Len(t, s.Acknowledged.Covered, 1)
	require.Equal(t, []string{"Project", "update", "title"}, s.Acknowledged.Covered[0].Key)
	require.Len(t, s.Acknowledged.Expired, 1)
	require.Len(t, s.Acknowledged.Unused, 1)
}

// Another analysis needs the entry: who deletes it is alarmed by that.
func TestAnEntryOfWhatWasDeniedIsUsedAlsoIfItIsNoSuggestion(t *testing.T) {
	h := newHours()
	for i := range 20 {
		h.check(float64(i), "robot", false, "export")
	}
	h.users(2, 1, false, "status")
	h.users(3, 1, true, "title")
	acknowledged, err := analysis.ReadAcknowledgments(strings.NewReader(`
{"attribute":"export","owner":"pm","reason":"hammering","expires":"2027-01-01"}
{"attribute":"status","owner":"pm","reason":"few","expires":"2027-01-01"}
{"attribute":"title","owner":"pm","reason":"not denied","expires":"2027-01-01"}`), "known")
	require.NoError(t, err)
	s, err := analysis.Suggest(t.Context(), query.Slice(*h), query.Filter{}, &analysis.SuggestOptions{
		Acknowledged: acknowledged, Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	require.Equal(t, map[analysis.Class]int{analysis.ClassHammering: 1, analysis.ClassFew: 1}, s.Classes)
	require.Empty(t, s.Acknowledged.Covered)
	require.Len(t, s.Acknowledged.Unused, 1)
	require.Equal(t, "title", s.Acknowledged.Unused[0].Key["attribute"])
}

func TestOfAttributesThatAreCheckedTogetherSomeMayBeAcknowledged(t *testing.T) {
	h := newHours()
	h.users(3, 1, false, "status", "title")
	acknowledged, err := analysis.ReadAcknowledgments(strings.NewReader(
		`{"manager":"Project","attribute":"title","owner":"pm","reason":"by contract","expires":"2027-01-01"}`), "known")
	require.NoError(t, err)
	s, err := analysis.Suggest(t.Context(), query.Slice(*h), query.Filter{}, &analysis.SuggestOptions{
		Acknowledged: acknowledged, Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC),
	})
	require.NoError(t, err)
	require.Equal(t, []string{"status"}, attributesOf(s.Candidates))
}
