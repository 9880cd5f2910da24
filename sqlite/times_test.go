//go:build cgo

package sqlite

import (
	"testing"
	"time"

	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// Django leaves a fraction of zero away, so that its times do not have one length.
func TestBoundsAroundDjangosTimesSelectAsMatchDoes(t *testing.T) {
	path := generalManager(t)
	store := openTest(t, path, &Options{TableName: gmTable})
	insert := `INSERT INTO gm_permission_log (created_at, action, attributes, granted, bypassed, manager, permissions) VALUES `
	whole := time.Date(2026, 11, 23, 9, 7, 55, 0, time.UTC)
	execute(t, path, "DELETE FROM gm_permission_log; "+insert+
		`('2026-11-23 09:07:54.999999', 'read', '[]', 1, 0, 'before', '[]'), ('2026-11-23 09:07:55', 'read', '[]', 1, 0, 'django', '[]'),
		('2026-11-23 09:07:55.000001', 'read', '[]', 1, 0, 'after', '[]'), ('2026-11-23 09:07:56', 'read', '[]', 1, 0, 'later', '[]')`)
	ours := event("ours")
	ours.Timestamp = whole
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, ours)))
	all := read(t, store, everything)
	require.Len(t, all, 5)
	require.Equal(t, whole, all[1].Timestamp)
	require.Equal(t, whole, all[4].Timestamp)
	for _, offset := range []time.Duration{
		-2 * time.Microsecond, -time.Microsecond, -time.Nanosecond, 0, time.Nanosecond, time.Microsecond, 2 * time.Microsecond,
		time.Second - time.Nanosecond, time.Second, time.Second + time.Nanosecond, time.Hour,
	} {
		bound := whole.Add(offset)
		for _, f := range []query.Filter{{Since: bound}, {Until: bound}, {Since: whole, Until: bound}, {Since: bound, Until: whole.Add(time.Second)}} {
			want := managers(t, query.Slice(all), f)
			require.Equal(t, want, managers(t, store, f), "%s to %s", f.Since, f.Until)
		}
	}
}

func TestTimesOfOtherProgramsAreRead(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.Ping(t.Context()))
	want := time.Date(2026, 11, 23, 9, 7, 55, 120000000, time.UTC)
	for text, want := range map[string]time.Time{
		"2026-11-23 09:07:55":              want.Truncate(time.Second),
		"2026-11-23 09:07:55.12":           want,
		"2026-11-23 09:07:55.120000":       want,
		"2026-11-23 09:07:55.120000+00:00": want,
		"2026-11-23 10:07:55.12+01:00":     want,
		"2026-11-23 09:07:55.12Z":          want,
		"2026-11-23T09:07:55.12Z":          want,
		"2026-11-23T09:07:55":              want.Truncate(time.Second),
		"0001-01-01 00:00:00.000000":       {},
		"9999-12-31 23:59:59.999999":       time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC),
	} {
		execute(t, path, "DELETE FROM permission_audit_log; INSERT INTO permission_audit_log (created_at, action, attributes, granted, bypassed, permissions) VALUES ('"+
			text+"', 'read', '[]', 1, 0, '[]')")
		events := read(t, store, everything)
		require.Len(t, events, 1)
		require.True(t, want.Equal(events[0].Timestamp), "%s: %s", text, events[0].Timestamp)
		require.Equal(t, time.UTC, events[0].Timestamp.Location())
	}
}

func TestTimesAreStoredInUTCWithSixDigits(t *testing.T) {
	store := openTest(t, ":memory:", nil)
	e := event("m0")
	e.Timestamp = time.Date(2026, 11, 23, 10, 7, 55, 0, time.FixedZone("", 3600))
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, e)))
	require.Equal(t, []string{"2026-11-23 09:07:55.000000"}, texts(t, store.reads, "SELECT created_at FROM permission_audit_log"))
}
