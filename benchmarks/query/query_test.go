package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// always answers the same, in as many milliseconds as it has left.
func always(name, answer string, ms ...int) *contestant {
	return &contestant{name, []*formulation{{name: name, ask: func() (string, time.Duration, error) {
		if len(ms) == 0 {
			return "", 0, errors.New("asked too often")
		}
		took := time.Duration(ms[0]) * time.Millisecond
		ms = ms[1:]
		return answer, took, nil
	}}}}
}

func TestRoundRefusesAnswersThatDiffer(t *testing.T) {
	q := &question{"how many", []*contestant{always(ours, "1\n2", 1), always(duck, "1\n2", 1), always(jq, "1\n3", 1)}}
	require.EqualError(t, q.round(), "how many: answers differ: line 2\n  permaudit: 2\n  jq: 3")

	q = &question{"how many", []*contestant{always(ours, "1", 1), always(duck, "1\n2", 1)}}
	require.ErrorContains(t, q.round(), "line 2\n  permaudit: (nothing)\n  DuckDB: 2")
}

func TestMedianIsThatOfTheFastestFormulation(t *testing.T) {
	c := always(duck, "1", 1, 90, 10, 50)
	c.formulations = append(c.formulations, always(duck, "1", 1, 40, 45, 5).formulations...)
	q := &question{"how many", []*contestant{c}}
	require.NoError(t, q.round())
	q.forget()
	for range 3 {
		require.NoError(t, q.round())
	}
	require.Equal(t, 40*time.Millisecond, q.median(duck))
	require.Zero(t, q.median(ours))
	require.ErrorContains(t, q.round(), "asked too often")
}

func TestAnswersOfAllHaveOneForm(t *testing.T) {
	text := `{"manager":"Task","attribute":null,"denied":2,"checks":30,"users":1,"first":"a","last":"b"}
{"manager":"Order","attribute":"status","denied":1,"checks":5,"users":1,"first":"c","last":"d"}
`
	mine, err := deniedAnswer([]byte(text))
	require.NoError(t, err)
	require.Equal(t, mine, rowsAnswer([][]any{
		{"Order", "status", "1", "5", "1", "c", "d"}, // DuckDB's big integers are texts
		{"Task", nil, 2, 30, 1, "a", "b"},
	}, false))

	mine, err = idsAnswer([]byte("{\"id\":\"2\"}\n{\"id\":\"1\"}\n"))
	require.NoError(t, err)
	require.Equal(t, mine, rowsAnswer([][]any{{"2"}, {"1"}}, true))
	require.NotEqual(t, mine, rowsAnswer([][]any{{"1"}, {"2"}}, true))

	_, err = idsAnswer([]byte("oops\n"))
	require.ErrorContains(t, err, "oops")
}

func TestNewestFirstChecksTheOrder(t *testing.T) {
	line := func(digit string) string {
		return `{"id":"00000000-0000-7000-8000-00000000000` + digit + `","timestamp":"2026-11-23T07:46:20.123456Z"}` + "\n"
	}
	for _, row := range []struct{ name, text, err string }{
		{"descending", line("3") + line("2") + line("1"), ""},
		{"ascending", line("1") + line("2") + line("3"), "not newest first"},
		{"a repeat", line("3") + line("3") + line("1"), "twice"},
		{"no event", line("3") + "note\n" + line("1"), "line 2 is no event: note"},
	} {
		t.Run(row.name, func(t *testing.T) {
			lines, err := newestFirst(strings.NewReader(row.text), true)
			if row.err != "" {
				require.ErrorContains(t, err, row.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, 3, lines)
		})
	}
}

func TestWriteLogKnowsItsUsers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "events.log")
	l, err := writeLog(t.Context(), path, 3000, 1)
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.EqualValues(t, len(text), l.size)
	require.Equal(t, 3000, strings.Count(string(text), "\n"))
	for _, user := range []string{l.frequent, l.rare} {
		require.Equal(t, l.counts[user], strings.Count(string(text), `"user_id":"`+user+`"`), user)
	}
	require.NotContains(t, string(text), `"user_id":"`+unknownUser+`"`)
	require.Greater(t, l.counts[l.frequent], rareEvents)
	require.LessOrEqual(t, l.counts[l.rare], rareEvents)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = writeLog(ctx, path, 1, 1)
	require.ErrorIs(t, err, context.Canceled)
}

func TestDuckDBIsAskedForWhatIsThere(t *testing.T) {
	require.Equal(t, "read_json('it''s.log', format='newline_delimited', columns={'action': 'VARCHAR', 'granted': 'BOOLEAN'})",
		readJSON("it's.log", "granted", "action"))
	require.Contains(t, readJSON("a.log"), "'metadata': 'JSON'")
}
