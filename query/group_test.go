package query

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func timeShift(n int) time.Duration { return time.Duration(n) * time.Microsecond }

// groupTexts are the groups with all that they say, sorted.
func groupTexts(g *grouping) []string {
	texts := []string{}
	g.yield(func(group Group, err error) bool {
		texts = append(texts, groupText(group, err))
		return true
	})
	slices.Sort(texts)
	return texts
}

func groupText(g Group, err error) string {
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%q events %d checks %d users %d first %s last %s anonymous %d sampled %d", g.Key, g.Events, g.Checks, g.Users,
		g.First.Format(time.RFC3339Nano), g.Last.Format(time.RFC3339Nano), g.Anonymous, g.Sampled)
}

// grouped are the groups that a source yields, with errors, sorted.
func grouped(tb testing.TB, source Source, f Filter, by ...string) []string {
	tb.Helper()
	groups, err := GroupBy(tb.Context(), source, f, by)
	require.NoError(tb, err)
	texts := []string{}
	for group, err := range groups {
		texts = append(texts, groupText(group, err))
	}
	slices.Sort(texts)
	return texts
}

// eventsOnly is a source that is no Grouper.
type eventsOnly struct{ Source }

func onlyEvents(source Source) Source { return eventsOnly{source} }

func TestGroupsSayWhatTheyPromise(t *testing.T) {
	at := func(s int) time.Time { return begin.Add(time.Duration(s) * time.Second) }
	source := Slice([]audit.PermissionAuditEvent{
		{Timestamp: at(3), Action: "read", Manager: "P", UserID: "1", Attributes: []string{"a", "b", "a"}},
		{Timestamp: at(1), Action: "read", Manager: "P", UserID: "2", Attributes: []string{"a"}},
		{Timestamp: at(2), Action: "read", Manager: "P", UserID: "1", Attributes: []string{"a"}},
		{Timestamp: at(9), Action: "read", Manager: "P", UserID: "1", Attributes: []string{"a"}, Granted: true},
		{Timestamp: at(4), Action: "read", Manager: "P", User: audit.UserRepr("1")},
		{Timestamp: at(5), Action: "read", Manager: "P"},
		{Timestamp: at(6), Action: "read", Manager: "P", Attributes: []string{""}},
		{Timestamp: at(7), Action: "read", Manager: "granted only", Attributes: []string{"a"}, Granted: true},
		{Timestamp: at(8), Action: "read", Manager: "Q", Attributes: []string{"a"}, Granted: true, Metadata: map[string]any{"sample_rate": 0.25}},
		{Timestamp: at(8), Action: "read", Manager: "Q", Attributes: []string{"a"}, UserID: "3"},
		{Timestamp: at(2), Action: audit.ActionGap, Granted: true, Metadata: map[string]any{"dropped": json.Number("7")}},
		{Timestamp: at(2), Action: audit.ActionGap, Granted: true},
	})
	require.Equal(t, []string{
		`["P" ""] events 3 checks 3 users 2 first 2026-11-23T07:46:24.123456Z last 2026-11-23T07:46:26.123456Z anonymous 2 sampled 0`,
		`["P" "a"] events 3 checks 4 users 2 first 2026-11-23T07:46:21.123456Z last 2026-11-23T07:46:23.123456Z anonymous 0 sampled 0`,
		`["P" "b"] events 1 checks 1 users 1 first 2026-11-23T07:46:23.123456Z last 2026-11-23T07:46:23.123456Z anonymous 0 sampled 0`,
		`["Q" "a"] events 1 checks 5 users 1 first 2026-11-23T07:46:28.123456Z last 2026-11-23T07:46:28.123456Z anonymous 0 sampled 1`,
		"query: the log is incomplete: 7 events were dropped, in 2 gaps",
	}, grouped(t, source, Filter{Granted: No}, "manager", "attribute"))
	require.Equal(t, []string{
		`[] events 7 checks 13 users 4 first 2026-11-23T07:46:21.123456Z last 2026-11-23T07:46:28.123456Z anonymous 2 sampled 1`,
		"query: the log is incomplete: 7 events were dropped, in 2 gaps",
	}, grouped(t, source, Filter{Granted: No, Limit: 1, Newest: true, Fields: FieldUser}), "no dimension is one group; limits do not matter")
	require.Equal(t, []string{
		`[] events 7 checks 13 users 0 first 2026-11-23T07:46:21.123456Z last 2026-11-23T07:46:28.123456Z anonymous 0 sampled 1`,
		"query: the log is incomplete: 7 events were dropped, in 2 gaps",
	}, grouped(t, source, Filter{Granted: No, Fields: FieldID}), "users are not counted")
	require.Equal(t, []string{
		`["2026-11-23" "2026-11-23T07:00:00Z"] events 2 checks 2 users 2 first 2026-11-23T07:46:24.123456Z last 2026-11-23T07:46:25.123456Z anonymous 1 sampled 0`,
	}, grouped(t, source, Filter{Since: at(4), Until: at(6)}, "day", "hour"), "gaps lie within the bounds too")
}

func TestWrongDimensionsAreRefused(t *testing.T) {
	for _, row := range []struct {
		by   []string
		want string
	}{
		{[]string{"color"}, `query: group by "color": unknown, want some of manager, attribute, action, user, permission, day, hour, granted, bypassed, metadata.KEY`},
		{[]string{""}, `query: group by "": unknown`},
		{[]string{"Manager"}, `query: group by "Manager": unknown`},
		{[]string{"manager", "user", "manager"}, `query: group by "manager": it is named twice`},
	} {
		for _, source := range []Source{Slice(nil), Files("missing"), NewHandle(Files("missing"), nil)} {
			_, err := GroupBy(t.Context(), source, Filter{}, row.by)
			require.ErrorContains(t, err, row.want)
		}
		require.ErrorContains(t, CheckDimensions(row.by), row.want)
	}
	require.NoError(t, CheckDimensions(nil))
}

// file is a log of events and of unusual lines, which is read in small pieces.
func (r randomly) file(t *testing.T) *fileSource {
	t.Helper()
	var lines []string
	for _, event := range r.events(t, 300) {
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		lines = append(lines, string(line))
	}
	lines = append(lines, unusual()...)
	r.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	source, _ := Files(writeLog(t, strings.Join(lines, "\n")+"\n")).(*fileSource)
	source.limits = limits{line: 1000, chunk: 100 + r.IntN(5000), repeatLines: 1 + r.IntN(100), repeatFiles: 1}
	return source
}

// Files group on their own; what they say is what reading all events says.
func TestFilesGroupAsReadingSays(t *testing.T) {
	for seed := range uint64(10) {
		random := randomly{rand.New(rand.NewPCG(seed, 4))}
		source := random.file(t)
		for range 10 {
			f := random.filter()
			f.Fields = []Fields{0, FieldID, FieldUser}[random.IntN(3)]
			var by []string
			for _, name := range append(Dimensions()[:len(Dimensions())-1], "metadata.x", "metadata.request_id") {
				if random.IntN(4) == 0 {
					by = append(by, name)
				}
			}
			require.Equal(t, grouped(t, onlyEvents(source), f, by...), grouped(t, source, f, by...), "seed %d %v %+v", seed, by, f)
		}
	}
}

func TestAGroupingEndsWithItsContext(t *testing.T) {
	path := writeLog(t, strings.Repeat("damage\n", 1000))
	for _, source := range []Source{Files(path), onlyEvents(Files(path)), NewHandle(Files(path), nil)} {
		ctx, cancel := context.WithCancelCause(t.Context())
		groups, err := GroupBy(ctx, source, Filter{}, nil)
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

func TestAGroupingMayBeBrokenOff(t *testing.T) {
	path := writeLog(t, strings.Repeat("damage\n", 1000)+logOf(1, 2, 3))
	before := openFiles(t)
	for range 3 {
		groups, err := GroupBy(t.Context(), Files(path), Filter{}, []string{"manager"})
		require.NoError(t, err)
		for _, err := range groups {
			require.Error(t, err)
			break
		}
		require.Equal(t, before, openFiles(t))
	}
}

func TestGroupsOfAMissingFileAreAnError(t *testing.T) {
	require.Contains(t, grouped(t, Files("missing.log"), Filter{})[0], "missing.log: no such file")
	closed := NewHandle(Slice(nil), nil)
	require.NoError(t, closed.Close())
	require.Equal(t, []string{"query: source is closed"}, grouped(t, closed, Filter{}))
}

// There are more ways to write the same than are kept.
func TestManyWaysToWriteTheSameAreOneGroup(t *testing.T) {
	var log bytes.Buffer
	n := mostCombos + 100
	for i := range n {
		fmt.Fprintf(&log, `{"timestamp":"2026-11-23T07:46:20.000000Z","action":"read","granted":false,"user_id":"%d","attributes":["%d","a"]}`+"\n", i%3, i)
	}
	path := writeLog(t, "")
	require.NoError(t, os.WriteFile(path, log.Bytes(), 0o600))
	texts := grouped(t, Files(path), Filter{}, "attribute")
	require.Len(t, texts, n+1)
	require.Contains(t, texts, fmt.Sprintf(
		`["a"] events %d checks %[1]d users 3 first 2026-11-23T07:46:20Z last 2026-11-23T07:46:20Z anonymous 0 sampled 0`, n))
}
