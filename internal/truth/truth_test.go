package truth

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/permaudit/audit/analysis"
	"github.com/permaudit/audit/internal/race"
	"github.com/stretchr/testify/require"
)

// What `make truth` runs, and where its tables are.
const (
	fullSeed    = 1
	fullNulls   = 1000
	fullEffects = 600
	tablesFile  = "tables.md"
	page        = "../../docs/regression.md" // has a copy
)

// The seed of the short run, which is not that of the tables.
const shortSeed = 2

// TestTables is `make truth`: it writes the tables, where AUDIT_TRUTH is full.
func TestTables(t *testing.T) {
	if os.Getenv("AUDIT_TRUTH") != "full" {
		t.Skip("make truth does it")
	}
	r := newRun(t, fullSeed, fullNulls, fullEffects)
	tables := r.tables(fingerprint(t))
	require.NoError(t, os.WriteFile(tablesFile, []byte(tables), 0o600))
	defer r.requirePromises(t)
	text, err := os.ReadFile(page)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(text), tablesBegin)
	_, after, closed := strings.Cut(rest, tablesEnd)
	require.True(t, found && closed, "%s has no place for the tables, between %q and %q", page, tablesBegin, tablesEnd)
	require.NoError(t, os.WriteFile(page, []byte(before+tables+after), 0o600))
}

// requirePromises requires that the promises lie outside the intervals of the tables.
func (r *run) requirePromises(t *testing.T) {
	t.Helper()
	for i, g := range Nulls() {
		if _, _, high := r.quiet[i].rate(level); !g.IsBeyond {
			require.Less(t, high, promisedAlerts, g.Name)
		}
	}
	for i, g := range Effects() {
		kept := g.kept(r.found[i])
		if _, low, _ := kept.share(level); g.Promised > 0 {
			require.Greater(t, low, promisedFound, g.Name)
		}
	}
}

// The documentation has the tables, and they are those of this judge: a short run, a hash
// of which they have, said the same when they were made.
func TestTheTablesAreThoseOfThisJudge(t *testing.T) {
	tables, err := os.ReadFile(tablesFile)
	require.NoError(t, err)
	text, err := os.ReadFile(page)
	if !errors.Is(err, fs.ErrNotExist) {
		require.NoError(t, err)
		if !strings.Contains(string(text), string(tables)) { // require.Contains would print both
			require.Fail(t, "the tables differ: run make truth", "%s and %s", page, tablesFile)
		}
	}
	require.Contains(t, string(tables), fmt.Sprintf("Seed %d; %d nights", fullSeed, fullNulls), "run make truth")
	if runtime.GOARCH != "amd64" {
		t.Skip("other processors round logarithms in another way: their nights are others")
	}
	require.Contains(t, string(tables), fingerprint(t), "analysis.Compare, or the nights, have changed since: run make truth")
}

// fingerprint is a hash of what is said of a few nights of each kind.
func fingerprint(t testing.TB) string {
	t.Helper()
	const nights = 2
	h := fnv.New64a()
	for _, g := range Nulls() {
		for _, j := range judge(t, g.Name, &g, shortSeed, nights) {
			j.addTo(h)
		}
	}
	for _, g := range Effects() {
		for _, j := range judge(t, g.Name, &g, shortSeed, nights) {
			j.addTo(h)
		}
	}
	return fmt.Sprintf("A short run with seed %d has the hash %016x.", shortSeed, h.Sum64())
}

// short is how many nights a test has time for.
func short(nights int) int {
	if race.Enabled {
		return max(1, nights/20)
	}
	return nights
}

// chance is how likely a bound is to be broken by chance alone where the promise is just
// kept: the tests fail if the whole interval at the level 1-2*chance is beyond the promise.
const chance = 0.01

func TestFalseAlertsAreNotMoreThanPromised(t *testing.T) {
	var all quiet
	for _, g := range Nulls() {
		if g.IsBeyond {
			continue
		}
		results := judge(t, g.Name, &g, shortSeed, short(60))
		var q quiet
		q.add(results)
		all.add(results)
		rate, low, _ := q.rate(1 - 2*chance)
		require.LessOrEqual(t, low, promisedAlerts, "%s: %.3f false alerts a night: %v", g.Name, rate, q.by)
	}
	rate, low, _ := all.rate(1 - 2*chance)
	require.LessOrEqual(t, low, promisedAlerts, "%.3f false alerts a night: %v", rate, all.by)
}

func TestAsMuchIsFoundAsPromised(t *testing.T) {
	for _, g := range Effects() {
		if g.Promised == 0 {
			continue
		}
		kept := g.kept(g.count(judge(t, g.Name, &g, shortSeed, short(40))))
		require.Positive(t, kept.planted, g.Name)
		share, _, high := kept.share(1 - 2*chance)
		require.GreaterOrEqual(t, high, promisedFound, "%s: %.2f of %d", g.Name, share, kept.planted)
	}
}

// Whatever the number of processors is.
func TestTheSameSeedMakesTheSameTables(t *testing.T) {
	tables := newRun(t, shortSeed+1, 1, 1).tables("")
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	require.Equal(t, tables, newRun(t, shortSeed+1, 1, 1).tables(""))
	if !race.Enabled {
		require.NotEqual(t, tables, newRun(t, shortSeed+2, 1, 1).tables(""))
	}
}

// A log counts for itself, and what comes of that is what comes of its events.
func TestALogIsJudgedAsItsEventsAre(t *testing.T) {
	check := func(name string, g generator) {
		trial := g.Trial(randomOf(name, shortSeed, 0))
		got, err := analysis.Compare(t.Context(), trial.Source, trial.Baseline, trial.Candidate, nil)
		require.NoError(t, err)
		want, err := analysis.Compare(t.Context(), trial.Source.Slice(), trial.Baseline, trial.Candidate, nil)
		require.NoError(t, err)
		require.Equal(t, want, got, name)
		require.NotEmpty(t, got.Keys)
	}
	for i, g := range Nulls() {
		if i%3 == 2 || !race.Enabled {
			check(g.Name, &g)
		}
	}
	for i, g := range Effects() {
		if i%5 == 4 || !race.Enabled {
			check(g.Name, &g)
		}
	}
}
