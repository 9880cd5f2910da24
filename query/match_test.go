package query

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// opensSource stores events and returns a source of them.
type opensSource func(tb testing.TB, events []audit.PermissionAuditEvent) Source

// requireMatch requires of a source of random events that it answers random
// filters as Match does. It fits every kind of source.
func requireMatch(t *testing.T, open opensSource) {
	t.Helper()
	const rounds, filters = 6, 40
	for seed := range uint64(rounds) {
		random := randomly{rand.New(rand.NewPCG(seed, 3))}
		events := random.events(t, random.IntN(80))
		source := open(t, events)
		for range filters {
			f := random.filter()
			want := []string{}
			for _, event := range events {
				if f.Match(event) {
					want = append(want, pairText(event, nil))
				}
			}
			if f.Newest {
				slices.Reverse(want)
			}
			if f.Limit > 0 {
				want = want[:min(f.Limit, len(want))]
			}
			require.Equal(t, want, yielded(t.Context(), source, f), "seed %d: %+v", seed, f)
		}
	}
}

func TestSliceYieldsWhatMatchSays(t *testing.T) {
	requireMatch(t, func(_ testing.TB, events []audit.PermissionAuditEvent) Source { return Slice(events) })
}

func TestFilesYieldWhatMatchSays(t *testing.T) {
	requireMatch(t, func(tb testing.TB, events []audit.PermissionAuditEvent) Source {
		tb.Helper()
		return Files(writeEvents(tb, events))
	})
}

func TestSeveralFilesYieldWhatMatchSays(t *testing.T) {
	requireMatch(t, func(tb testing.TB, events []audit.PermissionAuditEvent) Source {
		tb.Helper()
		half := len(events) / 2
		return Files(writeEvents(tb, events[:half]), writeEvents(tb, events[half:]))
	})
}

func TestHandleYieldsWhatMatchSays(t *testing.T) {
	requireMatch(t, func(tb testing.TB, events []audit.PermissionAuditEvent) Source {
		tb.Helper()
		handle, err := Open(tb.Context(), "file:"+writeEvents(tb, events))
		require.NoError(tb, err)
		tb.Cleanup(func() { require.NoError(tb, handle.Close()) })
		return handle
	})
}

// writeEvents writes a log of events, as a logger would.
func writeEvents(tb testing.TB, events []audit.PermissionAuditEvent) string {
	tb.Helper()
	var log []byte
	for _, event := range events {
		entry, err := audit.NewEntry(tb.Context(), event)
		require.NoError(tb, err)
		log = append(entry.AppendJSON(log), '\n')
	}
	path := filepath.Join(tb.TempDir(), "permission.log")
	require.NoError(tb, os.WriteFile(path, log, 0o600))
	return path
}

// randomly makes events and filters of few values, so that they meet.
type randomly struct{ *rand.Rand }

func (r randomly) one(values ...string) string { return values[r.IntN(len(values))] }

func (r randomly) some(most int, values ...string) []string {
	var some []string
	for range r.IntN(most + 1) {
		some = append(some, r.one(values...))
	}
	return some
}

var (
	someActions  = []string{"read", "update", "délete", "gap"}
	someManagers = []string{"", "Project", "project", "O'Brien \"%_\\"}
	someUsers    = []string{"", "1", "10", "<Anonymous>", "é"}
	someNames    = []string{"", "status", "Status", "own", "owner", `"status"`}
	someKeys     = []string{"request_id", "n", "a.b", ""}
	someValues   = []any{
		nil, "", "1", 1, 1.5, true, "true", false, []any{}, []any{1, "<é>", nil}, map[string]any{"b": 1, "a": []any{"x"}}, map[string]any{},
	}
	someTexts = []string{"", "1", "1.5", "true", "false", "[]", "{}", `[1,"<é>",null]`, `{"a":["x"],"b":1}`, "[1]"}
)

// events returns events as they are read back, with ids that do not repeat.
func (r randomly) events(tb testing.TB, n int) []audit.PermissionAuditEvent {
	tb.Helper()
	events := make([]audit.PermissionAuditEvent, n)
	for i := range events {
		event := audit.PermissionAuditEvent{
			ID: idOf(i + 1), Timestamp: begin.Add(time.Duration(r.IntN(5)) * time.Microsecond), Action: audit.Action(r.one(someActions...)),
			Attributes: r.some(3, someNames...), Granted: r.IntN(2) == 0, Bypassed: r.IntN(3) == 0, Manager: r.one(someManagers...),
			UserID: r.one(someUsers...), User: audit.UserRepr(r.one(someUsers...)), Permissions: r.some(3, someNames...),
		}
		if r.IntN(3) > 0 {
			event.Metadata = map[string]any{}
			for range r.IntN(3) {
				event.Metadata[r.one(someKeys...)] = someValues[r.IntN(len(someValues))]
			}
		}
		entry, err := audit.NewEntry(tb.Context(), event)
		require.NoError(tb, err)
		events[i], err = entry.Event()
		require.NoError(tb, err)
	}
	return events
}

// terms are mostly zero, so that some events are left.
func (r randomly) terms(values ...string) (terms Terms) {
	if r.IntN(4) == 0 {
		terms.In = r.some(3, values...)
	}
	if r.IntN(6) == 0 {
		terms.NotIn = r.some(2, values...)
	}
	return terms
}

func (r randomly) filter() Filter {
	f := Filter{
		Action: r.terms(someActions...), Manager: r.terms(someManagers...), User: r.terms(someUsers...),
		Attribute: r.terms(someNames...), Permission: r.terms(someNames...),
		Granted: Choice(r.IntN(3)), Bypassed: []Choice{Any, Any, Yes, No}[r.IntN(4)],
		Newest: r.IntN(2) == 0, Limit: r.IntN(12) - 2,
	}
	if r.IntN(3) == 0 {
		f.Since = begin.Add(time.Duration(r.IntN(3000)) * time.Nanosecond)
	}
	if r.IntN(3) == 0 {
		f.Until = begin.Add(time.Duration(2000+r.IntN(3000)) * time.Nanosecond)
	}
	if r.IntN(2) == 0 {
		f.Metadata = map[string]Terms{r.one(someKeys...): r.terms(someTexts...)}
	}
	return f
}

// The random filters are of no use if all of them select nothing, or everything.
func TestRandomFiltersSelectSome(t *testing.T) {
	random := randomly{rand.New(rand.NewPCG(1, 3))}
	events := random.events(t, 200)
	kinds := make(map[string]int)
	for range 500 {
		f, n := random.filter(), 0
		for _, event := range events {
			if f.Match(event) {
				n++
			}
		}
		kinds[strings.Split(fmt.Sprint(n > 0, n > 20, n > 100), " false")[0]]++
	}
	require.Greater(t, kinds["true true"], 50, "%v", kinds)
	require.Greater(t, kinds["true"], 100, "%v", kinds)
}
