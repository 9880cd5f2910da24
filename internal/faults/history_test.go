//go:build cgo && unix

package faults_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/permaudit/audit/postgres"
	"github.com/permaudit/audit/query"
	"github.com/permaudit/audit/sqlite"
	"github.com/stretchr/testify/require"
)

// history is what children did to a log, round after round.
type history struct {
	round, whole faults.Oracle
}

func (h *history) submit(t *testing.T, round, goroutine, n int, text string) {
	t.Helper()
	id, err := audit.ParseEventID(text)
	require.NoError(t, err)
	entry, err := audit.NewEntry(context.Background(), event(round, goroutine, n, id))
	require.NoError(t, err)
	line := string(entry.AppendJSON(nil))
	h.round.Submit(text, 1000*round+goroutine, n, line)
	h.whole.Submit(text, 1000*round+goroutine, n, line)
}

func (h *history) ack(id string) {
	h.round.Ack(id)
	h.whole.Ack(id)
}

func (h *history) refuse(id string) {
	h.round.Refuse(id)
	h.whole.Refuse(id)
}

// judge compares what was submitted in a round with what is found of it. Of no more
// than so many events the child was not told what became of them.
func (h *history) judge(t *testing.T, found []faults.Line, undecided int) {
	t.Helper()
	counts, problems := h.round.Judge(found)
	h.round = faults.Oracle{}
	require.Empty(t, problems)
	require.GreaterOrEqual(t, counts.Undecided(), 0)
	require.LessOrEqual(t, counts.Undecided(), undecided)
}

// end compares what was submitted in all rounds with all that is found.
func (h *history) end(t *testing.T, found []faults.Line) faults.Counts {
	t.Helper()
	counts, problems := h.whole.Judge(found)
	require.Empty(t, problems)
	return counts
}

// linesOf are the lines of a log in its files, those of a round alone if it is not
// negative, without the repeats that readers skip.
func linesOf(t *testing.T, path string, round int) (found []faults.Line) {
	t.Helper()
	extension := filepath.Ext(path)
	files, err := filepath.Glob(strings.TrimSuffix(path, extension) + "-*" + extension + "*")
	require.NoError(t, err)
	slices.Sort(files)
	seen := map[string]string{}
	for _, file := range append(files, path) {
		plain := strings.TrimSuffix(file, ".gz")
		if _, err := os.Stat(plain); err == nil && plain != file {
			continue // both forms are there
		}
		for line := range bytes.Lines(content(t, file)) {
			if round >= 0 && !bytes.Contains(line, fmt.Appendf(nil, `"round %d goroutine `, round)) {
				continue
			}
			require.True(t, bytes.HasSuffix(line, []byte("\n")), "torn line in %s: %q", file, line)
			text := string(line[:len(line)-1])
			var event audit.PermissionAuditEvent
			require.NoError(t, event.UnmarshalJSON([]byte(text)), "in %s: %q", file, text)
			id := event.ID.String()
			if before, again := seen[id]; again {
				require.Equal(t, before, text, "an id that comes again comes with the same line")
				continue
			}
			seen[id] = text
			found = append(found, faults.Line{ID: id, Text: text})
		}
	}
	return found
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	if !strings.HasSuffix(file, ".gz") {
		return text
	}
	unzip, err := gzip.NewReader(bytes.NewReader(text))
	require.NoError(t, err, file)
	text, err = io.ReadAll(unzip)
	require.NoError(t, err, file)
	return text
}

// rowsOf are the events in a database, those of a round alone if it is not negative, in
// the order of their arrival.
func rowsOf(t *testing.T, source query.Source, round, goroutines int) (found []faults.Line) {
	t.Helper()
	var filter query.Filter
	for g := 0; round >= 0 && g < goroutines; g++ {
		filter.Manager.In = append(filter.Manager.In, fmt.Sprintf("round %d goroutine %d", round, g))
	}
	for event, err := range source.Events(t.Context(), filter) {
		require.NoError(t, err)
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		found = append(found, faults.Line{ID: event.ID.String(), Text: string(line)})
	}
	return found
}

// recover does what the next process does: it opens the log and closes it. Twice, since
// the second time must find nothing to do.
func (j job) recover(t *testing.T) {
	t.Helper()
	j.Comes, j.Down = false, false
	for range 2 {
		logger, err := j.open()
		require.NoError(t, err)
		require.NoError(t, logger.Flush(t.Context()))
		require.NoError(t, logger.Shutdown(t.Context()))
		require.NoError(t, faults.Balance(logger.Stats()))
		require.Zero(t, logger.Stats().Pending)
	}
}

// found is what is in the log of a round, or of all if it is negative.
func (j job) found(t *testing.T, round int) []faults.Line {
	t.Helper()
	switch j.Sink {
	case "sqlite":
		store, err := sqlite.Open(t.Context(), j.Path, nil)
		require.NoError(t, err)
		defer func() { require.NoError(t, store.Close()) }()
		return rowsOf(t, store, round, j.Goroutines)
	case "postgres":
		store, err := postgres.Open(t.Context(), os.Getenv("AUDIT_TEST_POSTGRES_DSN"), &postgres.Options{TableName: j.Table})
		require.NoError(t, err)
		defer func() { require.NoError(t, store.Close()) }()
		return rowsOf(t, store, round, j.Goroutines)
	}
	return linesOf(t, j.Path, round)
}
