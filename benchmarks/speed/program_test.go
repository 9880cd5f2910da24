package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serverDSN is that of a server, or "".
func serverDSN() string { return os.Getenv("AUDIT_TEST_POSTGRES_DSN") }

// onDisk is a directory that the program takes.
func onDisk(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if _, err := checkDisk(dir); err != nil {
		t.Skipf("needs a directory on a disk: set TMPDIR (%v)", err)
	}
	return dir
}

// tables are those of Markdown in a text: the cells of their rows, by title and first
// cell; "" is the head.
func tables(t *testing.T, text string) map[string]map[string][]string {
	t.Helper()
	all := map[string]map[string][]string{}
	var table map[string][]string
	var columns int
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if title, found := strings.CutPrefix(line, "## "); found {
			table = map[string][]string{}
			all[title] = table
			continue
		}
		row, found := strings.CutPrefix(line, "| ")
		if !found || strings.HasPrefix(line, "| ---") {
			continue
		}
		cells := strings.Split(strings.TrimSuffix(row, " |"), " | ")
		if len(table) == 0 {
			columns = len(cells)
			table[""] = cells
			continue
		}
		require.Len(t, cells, columns, line)
		require.NotContains(t, table, cells[0])
		table[cells[0]] = cells
	}
	return all
}

func TestTheProgramMeasuresEverything(t *testing.T) {
	var out strings.Builder
	dir := onDisk(t)
	const events = 2000
	require.NoError(t, run(options{dir: dir, runs: 2, events: events, growth: true}, serverDSN(), &out))
	t.Log(out.String())
	all := tables(t, out.String())

	contest := all["The same event through each"]
	names := []string{"", oursSQLite, "**" + rawSQLiteName + "**", "**" + rawDiskName + "**", "**" + rawDiskGroupName + "**"}
	databases := 1
	if serverDSN() != "" {
		names = append(names, oursPostgres, "**"+rawPostgresName+"**")
		databases++
	}
	for _, s := range subjects() {
		names = append(names, s.name)
	}
	for _, name := range names {
		require.Contains(t, contest, name)
		delivered := contest[name][5]
		if strings.Contains(name, "io.Discard") || strings.Contains(name, rawDiskName) || name == "" {
			continue
		}
		arrived, sent, found := strings.Cut(delivered, " of ")
		require.True(t, found, name)
		require.Equal(t, sent, arrived, name)
		require.NotEqual(t, "0", sent, name)
	}
	require.Len(t, contest, len(names))
	require.Equal(t, fmt.Sprintf("%d of %[1]d", 2*events), contest[oursQueued][5], "the run that warms up does not count")

	require.Len(t, all, 8+databases)
	for _, row := range all["Goals"] {
		if serverDSN() != "" || !strings.Contains(row[0], "PostgreSQL") {
			require.NotEqual(t, "not measured", row[3], row[0])
		}
	}
	for title, table := range all {
		for first, row := range table {
			for i, cell := range row[1:] {
				if first == "" || title == "Goals" && i > 0 || cell == nothing || strings.Contains(cell, " of ") {
					continue
				}
				_, err := strconv.ParseFloat(cell, 64)
				require.NoError(t, err, "%s: %s", title, first)
			}
		}
	}

	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestOnlyMeasuresWhatIsChosen(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(options{dir: onDisk(t), runs: 1, events: 100, only: "^(zap|emit)"}, "", &out))
	all := tables(t, out.String())
	require.Len(t, all, 3)
	require.Len(t, all["The same event through each"], 2)
	require.Contains(t, all, "Goals")
}

func TestTheProgramRefuses(t *testing.T) {
	require.ErrorContains(t, run(options{dir: t.TempDir(), events: 1}, "", io.Discard), "at least 1")
	require.ErrorContains(t, run(options{dir: t.TempDir(), runs: 1, events: 1, only: "("}, "", io.Discard), "missing closing )")
	require.Error(t, run(options{dir: "/nonexistent", runs: 1, events: 1}, "", io.Discard))
	require.ErrorContains(t, run(options{dir: onDisk(t), runs: 1, events: 1, only: "^raw write"}, "", io.Discard), "choose that too")
	require.ErrorContains(t, run(options{dir: onDisk(t), runs: 1, events: 1, only: "nobody"}, "", io.Discard), "-only nobody: there is nothing of that name")
	if kind, err := fileSystem("/dev/shm"); err == nil && kind == "tmpfs" {
		require.ErrorContains(t, run(options{dir: "/dev/shm", runs: 1, events: 1}, "", io.Discard), "name a directory on a disk with -dir")
	}
}

func TestEventsThatAreLostAreAnError(t *testing.T) {
	require.NoError(t, figure{sent: 2, delivered: 2, counted: true}.lost("x"))
	require.NoError(t, figure{sent: 2}.lost("x"))
	require.EqualError(t, figure{sent: 2, delivered: 1, counted: true}.lost("x"), "x: 2 events were sent, and 1 delivered")
	require.Error(t, figure{sent: 2, delivered: 3, counted: true}.lost("x"))
}

func TestGoals(t *testing.T) {
	var g goals
	g.atMost("most", 1.2, 1)
	g.atMost("none", 0, 0)
	g.atLeast("least", 3, 2.5)
	g.atLeast("unknown", ratio(1, 0), 2.5)
	rows := tables(t, g.table().text.String())["Goals"]
	require.Equal(t, []string{"most", "1.20", "at most 1", "MISSED by 0.20"}, rows["most"])
	require.Equal(t, []string{"none", "0.00", "at most 0", "met"}, rows["none"])
	require.Equal(t, []string{"least", "3.00", "at least 2.5", "met"}, rows["least"])
	require.Equal(t, []string{"unknown", "-", "at least 2.5", "not measured"}, rows["unknown"])
}

func TestMedians(t *testing.T) {
	require.InDelta(t, 2, median([]float64{9, 1, 2}), 0)
	require.InDelta(t, 1.5, median([]float64{2, 1}), 0)
	require.True(t, math.IsNaN(median(nil)))
	all := make(samples, 0, 1000)
	for i := range 2000 { // there is no room for the second half
		all.add(time.Duration(1000 - i))
	}
	q := merge([]samples{all[:500], all[500:]})
	require.Equal(t, quantiles{501, 991, 1000, 1000}, q)
}
