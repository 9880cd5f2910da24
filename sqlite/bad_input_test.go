//go:build cgo

package sqlite

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/badinput"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// The text is that of the file: what is read back gives the line that a file would
// hold.
func TestBadInputReadsBackWithTheTextOfTheFile(t *testing.T) {
	for _, path := range []string{newPath(t), ":memory:"} {
		store := openTest(t, path, nil)
		var lines, found []string
		for name, bad := range badinput.Events() {
			batch := entries(t, bad)
			lines = append(lines, string(batch[0].AppendJSON(nil)))
			require.NoError(t, store.WriteBatch(t.Context(), batch), name)
		}
		for _, event := range read(t, store, everything) {
			entry, err := audit.NewEntry(t.Context(), event)
			require.NoError(t, err)
			found = append(found, string(entry.AppendJSON(nil)))
		}
		require.Len(t, found, len(lines))
		for i, line := range lines {
			require.Equal(t, line, found[i])
			require.NotContains(t, line, badinput.Secret)
		}
		require.Equal(t, []string{"1"}, texts(t, store.reads, "SELECT DISTINCT json_valid(attributes) AND json_valid(permissions) AND coalesce(json_valid(metadata), 1) AND coalesce(json_valid(sanitized), 1) FROM permission_audit_log"))
	}
}

func TestBadInputIsSelectedByItsText(t *testing.T) {
	store := openTest(t, ":memory:", nil)
	for _, text := range badinput.Texts {
		e := event(text)
		e.UserID, e.Attributes = text, []string{text}
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, e)))
	}
	all := read(t, store, everything)
	require.Len(t, all, len(badinput.Texts))
	for _, text := range badinput.Texts {
		for _, f := range filtersFor(text) {
			var want []audit.EventID
			for _, event := range all {
				if f.Match(event) {
					want = append(want, event.ID)
				}
			}
			var got []audit.EventID
			for _, event := range read(t, store, f) {
				got = append(got, event.ID)
			}
			require.Equal(t, want, got, "%.40q", text)
		}
	}
}

// filtersFor ask for a text wherever one may stand.
func filtersFor(text string) []query.Filter {
	var filters []query.Filter
	for _, terms := range []query.Terms{{In: []string{text}}, {NotIn: []string{text}}, {In: []string{text, "é中🔒"}, NotIn: []string{"'"}}} {
		filters = append(filters, query.Filter{Manager: terms}, query.Filter{User: terms}, query.Filter{Attribute: terms}, query.Filter{Permission: terms},
			query.Filter{Action: terms}, query.Filter{Metadata: map[string]query.Terms{"request_id": terms}}, query.Filter{Metadata: map[string]query.Terms{text: terms}})
	}
	return filters
}
