package query

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestSeveralLogsAreReadSideBySide(t *testing.T) {
	directory := writeFiles(t, map[string]string{
		"a.log": logOf(2, 4, 4, 9), "a-20261123T074620.123456Z.log": logOf(1), "b.log": logOf(3, 5, 10), "c.log": logOf(6, 7, 8), "empty.log": "",
	})
	path := func(name string) string { return filepath.Join(directory, name) }
	for _, specs := range [][]string{
		{path("*.log")},
		{path("a*.log"), "file:" + path("b.log"), path("[ce]*.log")},
	} {
		handle, err := OpenAll(t.Context(), specs...)
		require.NoError(t, err)
		require.Equal(t, upTo(1, 10), numbers(t, handle, Filter{}))
		require.Equal(t, []int{10, 9, 8, 7, 6, 5, 4, 3, 2, 1}, numbers(t, handle, Filter{Newest: true}))
		require.Equal(t, []int{10, 9, 8}, numbers(t, handle, Filter{Newest: true, Limit: 3}))
		require.Equal(t, []int{1, 2}, numbers(t, handle, Filter{Limit: 2, Fields: FieldID}))
		require.Contains(t, grouped(t, handle, Filter{}, "action")[0], "events 10 ")
		for _, err := range handle.Events(t.Context(), Filter{}) {
			require.NoError(t, err)
			break
		}
		require.NoError(t, handle.Close())
		require.Equal(t, []string{"error query: source is closed"}, yielded(t.Context(), handle, Filter{}))
	}
}

// sumOf is how many events all groups of a source hold.
func sumOf(t *testing.T, source Source) (events int64) {
	t.Helper()
	groups, err := GroupBy(t.Context(), source, Filter{}, nil)
	require.NoError(t, err)
	for group, err := range groups {
		require.NoError(t, err)
		events += group.Events
	}
	return events
}

// An event that several loggers wrote is in several logs.
func TestGroupsOfSeveralLogsCountWhatIsYielded(t *testing.T) {
	directory := writeFiles(t, map[string]string{"a.log": logOf(1, 2, 3), "b.log": logOf(1, 2, 3, 3), "b-20261123T074620.123456Z.log": logOf(1, 9)})
	handle, err := Open(t.Context(), filepath.Join(directory, "*.log"))
	require.NoError(t, err)
	require.Len(t, numbers(t, handle, Filter{}), 7)
	require.EqualValues(t, 7, sumOf(t, handle))
	require.NoError(t, handle.Close())
}

func TestHoweverTheFilesOfALogAreNamedEachIsReadOnceAndInOrder(t *testing.T) {
	directory := writeFiles(t, map[string]string{"a.log": logOf(0, 0, 3, 4), "a-20261123T074620.123456Z.log": logOf(0, 1, 2)})
	path := func(name string) string { return filepath.Join(directory, name) }
	for _, specs := range [][]string{
		{path("a.log"), path("a-*.log")},
		{path("a.log"), path("*"), path("./a.log")},
	} {
		handle, err := OpenAll(t.Context(), specs...)
		require.NoError(t, err)
		require.Equal(t, []int{0, 1, 2, 0, 0, 3, 4}, numbers(t, handle, Filter{}))
		require.Equal(t, []int{4}, numbers(t, handle, Filter{Newest: true, Limit: 1}))
		require.EqualValues(t, 7, sumOf(t, handle))
		require.NoError(t, handle.Close())
	}
}

// Of equal timestamps the order is the reverse, too.
func TestNewestOfSeveralLogsIsTheReverse(t *testing.T) {
	directory := writeFiles(t, map[string]string{"a.log": eventLine(1, "a") + "\n" + eventLine(1, "a") + "\n", "b.log": eventLine(1, "b") + "\n"})
	handle, err := Open(t.Context(), filepath.Join(directory, "*"))
	require.NoError(t, err)
	forward := yielded(t.Context(), handle, Filter{})
	backward := yielded(t.Context(), handle, Filter{Newest: true})
	slices.Reverse(backward)
	require.Equal(t, forward, backward)
	require.NoError(t, handle.Close())
}

func TestDamageOfOneLogStopsNone(t *testing.T) {
	directory := writeFiles(t, map[string]string{"a.log": logOf(1) + "x\n" + logOf(3), "b.log": "y\n" + logOf(2)})
	handle, err := OpenAll(t.Context(), filepath.Join(directory, "a.log"), filepath.Join(directory, "b.log"))
	require.NoError(t, err)
	require.Len(t, yielded(t.Context(), handle, Filter{}), 5)
	require.NoError(t, handle.Close())
}

// A source of another kind stands beside files.
func TestOtherSourcesAreReadBesideFiles(t *testing.T) {
	withRegistry(t)
	closed := 0
	require.NoError(t, RegisterSource("memory", func(context.Context, string) (*Handle, error) {
		events := []audit.PermissionAuditEvent{{ID: idOf(2), Timestamp: begin.Add(2e9), Action: "read", Manager: "Project"}}
		return NewHandle(Slice(events), func() error { closed++; return nil }), nil
	}))
	path := writeLog(t, logOf(1, 3))
	handle, err := OpenAll(t.Context(), "memory:", path)
	require.NoError(t, err)
	require.Equal(t, []int{1, 2, 3}, numbers(t, handle, Filter{}))
	require.Contains(t, grouped(t, handle, Filter{}, "manager")[0], `["Project"] events 3 checks 3 users 1`)
	require.NoError(t, handle.Close())
	require.Equal(t, 1, closed)

	for _, row := range []struct {
		specs []string
		want  string
	}{
		{nil, "no source is named"},
		{[]string{"memory:", "missing.log"}, "missing.log"},
		{[]string{"memory:", path, "-"}, "standard input cannot be read together with a database"},
		{[]string{path, "kafka:"}, "unknown scheme"},
	} {
		_, err := OpenAll(t.Context(), row.specs...)
		require.ErrorContains(t, err, row.want)
	}
	require.Equal(t, 3, closed, "none is left open")
}

func TestFilePathIsThatOfASpecOfFiles(t *testing.T) {
	for _, row := range []struct {
		spec, path string
		isFile     bool
	}{
		{"permission.log", "permission.log", true},
		{"-", "-", true},
		{"file:a.log", "a.log", true},
		{"file:///a%20b.log", filepath.FromSlash("/a b.log"), true},
		{"sqlite:audit.db", "", false},
		{"postgres://u:p@h/d", "", false},
		{"file://host/a.log", "", false},
	} {
		path, isFile := FilePath(row.spec)
		require.Equal(t, row.path, path)
		require.Equal(t, row.isFile, isFile)
	}
}

func TestWhatIsNoLogIsRefusedWhenItIsOpened(t *testing.T) {
	directory := writeFiles(t, map[string]string{
		"audit.db":   "SQLite format 3\x00...",
		"image.png":  "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
		"nul.log":    "\x00\x00\x00\n" + logOf(1),
		"empty.log":  "",
		"words.log":  "these are words\n",
		"packed.log": pack(t, logOf(1)),
	})
	open := func(name string) error {
		handle, err := Open(t.Context(), filepath.Join(directory, name))
		if err == nil {
			err = handle.Close()
		}
		return err
	}
	require.ErrorContains(t, open("audit.db"), "it is an SQLite database: write sqlite:")
	require.ErrorContains(t, open("image.png"), "it is a binary file, not a log of one JSON object a line")
	require.ErrorContains(t, open("*"), "audit.db")
	for _, name := range []string{"nul.log", "empty.log", "words.log", "packed.log"} {
		require.NoError(t, open(name), name)
	}
}
