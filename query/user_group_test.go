package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// usersGrouped is what a source yields of sets, sorted.
func usersGrouped(tb testing.TB, source Source, sets []Set, by ...string) []string {
	tb.Helper()
	groups, err := GroupUsersBy(tb.Context(), source, sets, by)
	require.NoError(tb, err)
	texts := []string{}
	for group, err := range groups {
		if err != nil {
			texts = append(texts, err.Error())
			continue
		}
		texts = append(texts, fmt.Sprintf("%q %s", group.Key, setTexts(group)))
	}
	slices.Sort(texts)
	return texts
}

// setTexts says what there is in each set, and who is there.
func setTexts(group UserGroup) string {
	texts := make([]string, len(group.Sets))
	outcome := func(o Outcome) string {
		return fmt.Sprintf("%.6g (%s-%s)", o.Events, o.First.Format(time.RFC3339Nano), o.Last.Format(time.RFC3339Nano))
	}
	for i, s := range group.Sets {
		texts[i] = fmt.Sprintf("set %d: checks %.6g granted %s denied %s bypassed %s anonymous %d sampled %d", i, s.Checks,
			outcome(s.Granted), outcome(s.Denied), outcome(s.Bypassed), s.Anonymous, s.Sampled)
	}
	share := func(s UserShare) string { return fmt.Sprintf("%.6g in %b", s.Events, s.Windows) }
	users := []string{}
	for u := range group.Users {
		users = append(users, fmt.Sprintf("set %d user %q granted %s denied %s bypassed %s", u.Set, u.User, share(u.Granted), share(u.Denied), share(u.Bypassed)))
	}
	slices.Sort(users)
	return strings.Join(append(texts, users...), ", ")
}

// windows are some that lie around the events of the tests.
func (r randomly) windows() []Window {
	var windows []Window
	at := begin.Add(time.Duration(r.IntN(20)-10) * time.Microsecond)
	for range r.IntN(6) {
		until := at.Add(time.Duration(1+r.IntN(200_000)) * time.Microsecond / time.Duration(1+r.IntN(1000)))
		windows = append(windows, Window{at, until})
		at = until.Add(time.Duration(r.IntN(3)) * time.Microsecond)
	}
	return windows
}

// Files group on their own; what they say is what reading all events says.
func TestFilesGroupUsersAsReadingSays(t *testing.T) {
	for seed := range uint64(10) {
		random := randomly{rand.New(rand.NewPCG(seed, 5))}
		source := random.file(t)
		for range 10 {
			sets := make([]Set, 1+random.IntN(3))
			for i := range sets {
				sets[i] = Set{random.filter(), random.windows()}
			}
			by := []string{"metadata.x"}
			for _, name := range Dimensions()[:len(Dimensions())-1] {
				if random.IntN(4) == 0 {
					by = append(by, name)
				}
			}
			require.Equal(t, usersGrouped(t, onlyEvents(source), sets, by...), usersGrouped(t, source, sets, by...), "seed %d %v %+v", seed, by, sets)
		}
	}
}

func TestAUserGroupingEndsWithItsContext(t *testing.T) {
	path := writeLog(t, strings.Repeat("damage\n", 1000))
	for _, source := range []Source{Files(path), onlyEvents(Files(path)), newLogs(path), NewHandle(Files(path), nil)} {
		ctx, cancel := context.WithCancelCause(t.Context())
		groups, err := GroupUsersBy(ctx, source, make([]Set, 2), nil)
		require.NoError(t, err)
		reason := errors.New("enough")
		var last error
		for _, err := range groups {
			last = err
			cancel(reason)
		}
		require.Equal(t, reason, last)
		cancel(nil)
	}
}

func TestAUserGroupingMayBeBrokenOff(t *testing.T) {
	path := writeLog(t, strings.Repeat("damage\n", 1000)+logOf(1, 2, 3))
	before := openFiles(t)
	for range 3 {
		groups, err := GroupUsersBy(t.Context(), Files(path), make([]Set, 2), []string{"manager"})
		require.NoError(t, err)
		for _, err := range groups {
			require.Error(t, err)
			break
		}
		require.Equal(t, before, openFiles(t))
	}
}

func TestUserGroupsOfAMissingFileAreAnError(t *testing.T) {
	for _, source := range []Source{Files("missing.log"), newLogs("missing.log")} {
		require.Contains(t, usersGrouped(t, source, make([]Set, 1))[0], "missing.log: no such file")
	}
	closed := NewHandle(Slice(nil), nil)
	require.NoError(t, closed.Close())
	require.Equal(t, []string{"query: source is closed"}, usersGrouped(t, closed, make([]Set, 1)))
}

func TestWrongSetsAndDimensionsAreRefused(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	many := make([]Window, MaxWindows+1)
	for i := range many {
		many[i] = Window{at(i), at(i + 1)}
	}
	for _, row := range []struct {
		windows []Window
		by      []string
		want    string
	}{
		{many, nil, "set 1 has 65 windows, want at most 64"},
		{[]Window{{at(1), at(1)}}, nil, "window 0 of set 1"},
		{[]Window{{at(1), at(3)}, {at(2), at(4)}}, nil, "window 1 of set 1"},
		{nil, []string{"color"}, `group by "color": unknown`},
		{many[:MaxWindows], []string{"user", "user"}, `group by "user": it is named twice`},
	} {
		for _, source := range []Source{Slice(nil), Files("missing"), newLogs("missing"), NewHandle(Files("missing"), nil)} {
			_, err := GroupUsersBy(t.Context(), source, []Set{{}, {Windows: row.windows}}, row.by)
			require.ErrorContains(t, err, row.want)
		}
	}
}

// There are more ways to write the same than are kept.
func TestManyWaysToWriteTheSameAreOneUserGroup(t *testing.T) {
	var log bytes.Buffer
	n := mostCombos + 100
	for i := range n {
		fmt.Fprintf(&log, `{"timestamp":"2026-11-23T07:46:20.000000Z","action":"read","granted":false,"user_id":"%d","attributes":["%d","a"]}`+"\n", i%3, i)
	}
	path := writeLog(t, "")
	require.NoError(t, os.WriteFile(path, log.Bytes(), 0o600))
	texts := usersGrouped(t, Files(path), make([]Set, 1), "attribute")
	require.Len(t, texts, n+1)
	at := slices.IndexFunc(texts, func(s string) bool { return strings.HasPrefix(s, `["a"] `) })
	require.Contains(t, texts[at], fmt.Sprintf("denied %d (", n))
	require.Equal(t, 3, strings.Count(texts[at], "user"))
}

// However many ways there are to write the same, few are kept.
func TestWaysToWriteTheSameAreForgotten(t *testing.T) {
	dimensions, err := parseDimensions([]string{"metadata.x"})
	require.NoError(t, err)
	g := newRawUserGrouping(newUserGrouping(make([]Set, 1), dimensions))
	add := func(format string, args ...any) {
		g.addLine(&rawLine{metadata: rawText{json: fmt.Appendf(nil, format, args...), plain: true}})
	}
	most := 0
	for i := range mostCombos + 10 {
		add(`{"x":"%d"}`, i)
		most = max(most, len(g.combos))
	}
	require.Equal(t, mostCombos, most)
	require.Len(t, g.Groups(), mostCombos+10)
	long := strings.Repeat("x", mostKeyBytes/3)
	for i := range 9 {
		add(`{"x":"%d%s"}`, i, long)
		require.LessOrEqual(t, len(g.combos), 12)
	}
}

// Damage of a store is met only by the readings that select it.
func TestDamageOfEachSetIsYieldedOnce(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	source := damagedAt{at(1), at(3), at(5)}
	require.Equal(t, []string{"f:1: x", "f:2: x", "f:3: x"}, usersGrouped(t, source, []Set{
		{Windows: []Window{{at(0), at(2)}}}, {Windows: []Window{{at(2), at(4)}}}, {}, {},
	}))
}

// damagedAt is a source of damage alone, at some times.
type damagedAt []time.Time

func (d damagedAt) Events(_ context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		for i, at := range d {
			if f.Match(audit.PermissionAuditEvent{Timestamp: at, Action: "read"}) &&
				!yield(audit.PermissionAuditEvent{}, &DamageError{"f", i + 1, errors.New("x")}) {
				return
			}
		}
	}
}

// Each log is read in turn, and repeats are looked for in each alone.
func TestUsersOfSeveralLogsAreGroupedTogether(t *testing.T) {
	dir := t.TempDir()
	for name, log := range map[string]string{"a.log": logOf(1, 2, 2), "b.log": logOf(2, 3)} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(log), 0o600))
	}
	handle, err := Open(t.Context(), filepath.Join(dir, "*.log"))
	require.NoError(t, err)
	defer func() { require.NoError(t, handle.Close()) }()
	require.Contains(t, usersGrouped(t, handle, make([]Set, 1))[0], "checks 4 granted 4 ")
}

// What can be read once serves all sets.
func TestUsersOfStandardInputAreGroupedInOneReading(t *testing.T) {
	texts := usersGrouped(t, piped(strings.NewReader(logOf(1, 2, 3))), make([]Set, 2), "manager")
	require.Len(t, texts, 1)
	require.Contains(t, texts[0], "set 0: checks 3 ")
	require.Contains(t, texts[0], "set 1: checks 3 ")
}
