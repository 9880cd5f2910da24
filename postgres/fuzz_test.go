package postgres

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// Any event is taken by the database, copied and inserted, and is read back with the
// text of the file. Numbers with an exponent are read back in another spelling.
func FuzzRow(f *testing.F) {
	f.Add("update", "Project", "42", "status", []byte(`{"request_id":"r-1"}`))
	f.Add("a\x00", "\xff\\N\t\n", "\u2028'", "\x00", []byte(`{"a":["\u0000","\ud800",1e400,-0,{"b":null}],"a":1}`))
	f.Add("é", "", `\.`, "[redacted]", []byte(`{"password":`))
	dsn := newDatabase(f)
	store := openTest(f, dsn, nil)
	require.NoError(f, store.Ping(f.Context()))
	f.Fuzz(func(t *testing.T, action, manager, user, text string, metadata []byte) {
		event := audit.PermissionAuditEvent{
			Action: audit.Action(action), Manager: manager, UserID: user, User: audit.UserRepr(text),
			Attributes: []string{text, manager}, Permissions: strings.Split(text, " "),
			Metadata: map[string]any{"raw": json.RawMessage(metadata), text: manager},
		}
		entry, err := audit.NewEntry(t.Context(), event)
		if err != nil {
			require.ErrorIs(t, err, audit.ErrInvalidEvent)
			return
		}
		again, err := audit.NewEntry(t.Context(), event)
		require.NoError(t, err)
		store.unsure = false
		require.NoError(t, store.WriteBatch(t.Context(), []audit.Entry{entry}), "by COPY")
		store.unsure = true
		require.NoError(t, store.WriteBatch(t.Context(), []audit.Entry{again}), "by INSERT")
		written := []audit.Entry{again, entry} // newest first
		latest := query.Filter{Action: query.Terms{In: []string{string(entry.Action)}}, Newest: true, Limit: len(written)}
		for i, found := range all(t, store, latest) {
			want, err := written[i].Event()
			require.NoError(t, err)
			want.Metadata, found.Metadata = numberless(want.Metadata), numberless(found.Metadata)
			require.Equal(t, want, found)
		}
	})
}

func numberless(metadata map[string]any) map[string]any {
	without, _ := withoutNumbers(metadata).(map[string]any)
	return without
}

// withoutNumbers replaces each number, which jsonb spells in its own way.
func withoutNumbers(value any) any {
	switch value := value.(type) {
	case json.Number:
		return json.Number("0")
	case []any:
		for i := range value {
			value[i] = withoutNumbers(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = withoutNumbers(value[key])
		}
	}
	return value
}
