package query

import (
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// upTo returns the numbers from first to last.
func upTo(first, last int) []int {
	var all []int
	for n := first; n <= last; n++ {
		all = append(all, n)
	}
	return all
}

func TestRepeatedIDCountsOnce(t *testing.T) {
	const window = 100
	require.Equal(t, 65_536, defaultLimits.repeatLines)
	for _, row := range []struct {
		name string
		log  string
		want []int
	}{
		{"a batch that was written twice", logOf(1, 2, 3, 1, 2, 3, 4), []int{1, 2, 3, 4}},
		{"a batch whose first try was cut", logOf(1, 2, 1, 2, 3, 4), []int{1, 2, 3, 4}},
		{"three times", logOf(1, 1, 1), []int{1}},
		{"the first one keeps its place", logOf(1, 2, 1), []int{1, 2}},
		{"no id", logOf(0, 0, 0), []int{0, 0, 0}},
		{"at the end of the window", logOf(1) + logOf(upTo(2, window)...) + logOf(1), upTo(1, window)},
		{"behind the window", logOf(1) + logOf(upTo(2, window+1)...) + logOf(1), append(upTo(1, window+1), 1)},
		{
			"a repeat is repeated",
			logOf(1) + logOf(upTo(2, window/2)...) + logOf(1) + logOf(upTo(window, window+window/2)...) + logOf(1),
			slices.Concat(upTo(1, window/2), upTo(window, window+window/2)),
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			limits := defaultLimits
			limits.repeatLines = window
			source := &fileSource{patterns: []string{writeLog(t, row.log)}, limits: limits}
			require.Equal(t, row.want, numbers(t, source, Filter{}))
			newest := numbers(t, source, Filter{Newest: true})
			slices.Reverse(newest)
			require.Equal(t, row.want, newest, "newest first")
		})
	}
}

// The first one counts, so that a source that stores an id once says the same.
func TestFirstOfARepeatedIDCounts(t *testing.T) {
	source := Files(writeLog(t, eventLine(1, "first")+"\n"+logOf(2)+eventLine(1, "second")+"\n"))
	require.Equal(t, []int{1}, numbers(t, source, Filter{Manager: in("first")}))
	require.Empty(t, numbers(t, source, Filter{Manager: in("second")}))
	require.Empty(t, numbers(t, source, Filter{Manager: in("second"), Newest: true}))
	require.Equal(t, []int{2}, numbers(t, source, Filter{Newest: true, Limit: 1}))
}

// The first line of the pair has the id, but is no event: the second one counts.
func TestDamageHidesNoEvent(t *testing.T) {
	good := eventLine(1, "Project")
	for _, damaged := range []string{
		good[:len(good)-1],
		strings.Replace(good, "true", "1", 1),
		strings.Replace(good, `"action":"read"`, `"action":null`, 1),
		`{"metadata":{"id":1},` + good[1:len(good)-1],
		good + good,
	} {
		source := Files(writeLog(t, damaged+"\n"+good+"\n"+damaged+"\n"+good+"\n"))
		for _, newest := range []bool{false, true} {
			pairs := yielded(t.Context(), source, Filter{Newest: newest})
			require.Len(t, pairs, 3, "%s", damaged)
			events := slices.DeleteFunc(pairs, func(text string) bool { return strings.HasPrefix(text, "damage") })
			require.Len(t, events, 1)
		}
	}
}

// Another program overwrites what the lookahead has seen already.
func TestOverwrittenLineIsNoRepeat(t *testing.T) {
	path := writeLog(t, logOf(1, 1, 2))
	limits := defaultLimits
	limits.chunk = 10
	source := &fileSource{patterns: []string{path}, limits: limits}
	var events []string
	for event, err := range source.Events(t.Context(), Filter{Newest: true}) {
		events = append(events, pairText(event, err))
		require.NoError(t, os.WriteFile(path, []byte(logOf(1, 3, 2)), 0o600))
	}
	require.Equal(t, yielded(t.Context(), source, Filter{Newest: true}), events)
	require.Len(t, events, 3)
}

// A file that was given up ends with a batch that stands again in the next one.
func TestRepeatsAreFoundAcrossFiles(t *testing.T) {
	given, next := writeLog(t, logOf(1, 2, 3, 4)), writeLog(t, logOf(3, 4, 5))
	empty, far := writeLog(t, ""), writeLog(t, logOf(4, 1))
	for _, row := range []struct {
		paths []string
		want  []int
	}{
		{[]string{given, next}, []int{1, 2, 3, 4, 5}},
		{[]string{given, empty, empty, next}, []int{1, 2, 3, 4, 5}},
		{append(append([]string{given}, slices.Repeat([]string{empty}, 7)...), far), []int{1, 2, 3, 4}},
		{append(append([]string{given}, slices.Repeat([]string{empty}, 8)...), far), []int{1, 2, 3, 4, 4, 1}},
	} {
		source := Files(row.paths...)
		require.Equal(t, row.want, numbers(t, source, Filter{}))
		newest := numbers(t, source, Filter{Newest: true})
		slices.Reverse(newest)
		require.Equal(t, row.want, newest, "newest first")
	}
}

// place is where a line stands.
type place struct{ line, file int }

// With windows of a few lines, everything happens at their edges.
func TestRepeatsAreTheSameInBothDirections(t *testing.T) {
	random := rand.New(rand.NewPCG(2, 2))
	for round := range 100 {
		limits := limits{line: 400, chunk: 1 + random.IntN(600), repeatLines: 1 + random.IntN(6), repeatFiles: random.IntN(3)}
		var paths []string
		var order []place // of the lines
		var ids []int
		for file := range 1 + random.IntN(4) {
			var log strings.Builder
			for range random.IntN(8) {
				n := random.IntN(5)
				text := logOf(n)
				if random.IntN(5) == 0 {
					text, n = strings.Replace(text, "true", "1", 1), 0
				}
				log.WriteString(text)
				order, ids = append(order, place{len(order), file}), append(ids, n)
			}
			paths = append(paths, writeLog(t, log.String()))
		}
		source := &fileSource{patterns: paths, limits: limits}
		events := 0
		for i, n := range ids {
			before := len(order)
			for j := range i {
				if ids[j] == n && i-j <= limits.repeatLines {
					before = j
				}
			}
			if n != 0 && (before == len(order) || order[i].file-order[before].file > limits.repeatFiles) {
				events++
			}
		}
		forward := yielded(t.Context(), source, Filter{Manager: in("Project")})
		found := 0
		for _, text := range forward {
			if strings.HasPrefix(text, "event") && !strings.Contains(text, idOf(0).String()) {
				found++
			}
		}
		require.Equal(t, events, found, "round %d: %v %+v", round, ids, limits)
		backward := yielded(t.Context(), source, Filter{Newest: true})
		slices.Reverse(backward)
		require.Equal(t, forward, backward, "round %d: %v %+v", round, ids, limits)
	}
}

// Blocks and lines are used again: what an earlier reading left in them means nothing.
func TestBlankLinesDoNotHideRepeats(t *testing.T) {
	var long, log strings.Builder
	for n := range 20_000 {
		long.WriteString(eventLine(n+10, "Project") + "\n")
	}
	log.WriteString(logOf(1))
	for n := 2; n < 3000; n++ {
		log.WriteString(logOf(n) + strings.Repeat("\n", n/1000%2))
	}
	log.WriteString(logOf(1))
	limits := defaultLimits
	limits.repeatLines, limits.chunk = 10_000, 8<<10
	other := &fileSource{patterns: []string{writeLog(t, long.String())}, limits: limits}
	source := &fileSource{patterns: []string{writeLog(t, log.String())}, limits: limits}
	for range 2 {
		require.Empty(t, numbers(t, other, Filter{Manager: in("nobody")}))
		require.Len(t, numbers(t, source, Filter{Newest: true}), 2999)
	}
}

// More repeats than are remembered, most of which are not selected.
func TestManyRepeatsAreFoundBackwards(t *testing.T) {
	var log strings.Builder
	for n := range 5000 {
		log.WriteString(strings.Repeat(eventLine(n+1, []string{"a", "b"}[n%2])+"\n", 3))
	}
	limits := defaultLimits
	limits.repeatLines, limits.chunk = 10, 2000
	source := &fileSource{patterns: []string{writeLog(t, log.String())}, limits: limits}
	require.Len(t, numbers(t, source, Filter{Newest: true, Manager: in("a")}), 2500)
}

func TestAWindowGrows(t *testing.T) {
	w := window{limits: limits{repeatLines: 5000, repeatFiles: 1}}
	for n := range 20_000 {
		if same, want := int(w.add(idOf(n%4000+1), 0)), max(n-4000, -1); same != want {
			require.Equal(t, want, same, "line %d", n)
		}
		if n%10 == 0 {
			w.add(audit.EventID{}, 0)
			w.line-- // as if there was no such line
		}
	}
	require.Len(t, w.entries, 5000)
}
