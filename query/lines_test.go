package query

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbered are the lines of content by definition, with their numbers.
func numbered(content string, longest int) []string {
	lines := strings.Split(content, "\n")
	var texts []string
	for i, line := range lines[:len(lines)-1] {
		if len(line) > longest {
			line = errLong.Error()
		}
		texts = append(texts, fmt.Sprintf("%d: %s", i+1, line))
	}
	return texts
}

// readLines reads all lines; it asks for the number of those that ask says.
func readLines(t *testing.T, reader lineReader, ask func(i int) bool) []string {
	t.Helper()
	var texts []string
	for i := 0; ; i++ {
		bytes, err := reader.next()
		line := string(bytes)
		switch {
		case errors.Is(err, errEnd):
			_, err = reader.next()
			require.ErrorIs(t, err, errEnd, "the end stays the end")
			return texts
		case errors.Is(err, errLong):
			line = err.Error()
		default:
			require.NoError(t, err)
		}
		number := "?"
		if ask(i) {
			n, err := reader.number()
			require.NoError(t, err)
			number = fmt.Sprint(n)
		}
		texts = append(texts, number+": "+line)
	}
}

// Random contents with lines around the limits are read with buffers that are a
// few bytes long, so that every boundary falls everywhere.
func TestLinesAreTheSameInBothDirections(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for round := range 3000 {
		limits := limits{line: 16 + random.IntN(8), chunk: 1 + random.IntN(40)}
		var content strings.Builder
		for range random.IntN(8) {
			content.WriteString(strings.Repeat("abc", 20)[:random.IntN(limits.line+10)])
			content.WriteString(strings.Repeat("\n", random.IntN(3)))
		}
		want := numbered(content.String(), limits.line)
		file := strings.NewReader(content.String())
		always := func(int) bool { return true }
		got := readLines(t, newForward(file, file.Size(), limits), always)
		require.Equal(t, want, got, "round %d: %q %+v", round, content.String(), limits)
		got = readLines(t, newBackward(file, file.Size(), limits), always)
		slices.Reverse(got)
		require.Equal(t, want, got, "round %d, backwards: %q %+v", round, content.String(), limits)
	}
}

func TestNumbersAreRightWhicheverLineIsAskedFirst(t *testing.T) {
	content := strings.Repeat("line\n", 20) + "torn"
	file := strings.NewReader(content)
	limits := limits{line: 16, chunk: 7}
	want := numbered(content, limits.line)
	slices.Reverse(want)
	for first := range 20 {
		got := readLines(t, newBackward(file, file.Size(), limits), func(i int) bool { return i == first || i == first+5 })
		for i, text := range got {
			if !strings.HasPrefix(text, "?") {
				require.Equal(t, want[i], text, "asked for number %d first", first)
			}
		}
	}
}
