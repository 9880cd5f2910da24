package audit_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// Row by row: what somebody does to the log between two batches, what is then in
// it, and what OnError is told.
func TestFault06WhatOthersDoToTheLogIsNoticedAtTheNextBatch(t *testing.T) {
	rounds, destroyed := 0, 0
	var counts faults.Counts
	for name, row := range map[string]struct {
		interfere func(t *testing.T, path string)
		logged    string // the events in the log afterwards
		told      string // "": OnError is not called
		aside     string // in the file for torn tails
	}{
		"renamed, as by logrotate with nocreate": {
			func(t *testing.T, path string) { require.NoError(t, os.Rename(path, path+".1")) },
			"after", "", "",
		},
		"renamed and created, as by logrotate with create": {
			func(t *testing.T, path string) {
				require.NoError(t, os.Rename(path, path+".1"))
				require.NoError(t, os.WriteFile(path, nil, 0o600))
			},
			"after", "", "",
		},
		"its directory renamed": {
			func(t *testing.T, path string) {
				require.NoError(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".old"))
			},
			"after", "", "",
		},
		"deleted": {
			func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
			"after", "permission.log was deleted, with ", "",
		},
		"its directory deleted": {
			func(t *testing.T, path string) { require.NoError(t, os.RemoveAll(filepath.Dir(path))) },
			"after", "permission.log was deleted, with ", "",
		},
		"emptied, as by > permission.log or copytruncate": {
			func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) },
			"after", "permission.log has 0 bytes where ", "",
		},
		"cut in the middle of a line": {
			func(t *testing.T, path string) {
				require.NoError(t, os.Truncate(path, int64(len(lineOf(t, granted("before"))))+1+5))
			},
			"before after", "another program truncated it or wrote to it", `{"id"` + "\n",
		},
		"replaced by another file": {
			func(t *testing.T, path string) {
				require.NoError(t, os.WriteFile(path+".new", []byte(lineOf(t, granted("other"))+"\n"), 0o600))
				require.NoError(t, os.Rename(path+".new", path))
			},
			"other after", "permission.log was deleted, with ", "",
		},
		"replaced by its copy, as by sed -i": {
			func(t *testing.T, path string) {
				text, err := os.ReadFile(path)
				require.NoError(t, err)
				require.NoError(t, os.WriteFile(path+".new", text, 0o600))
				require.NoError(t, os.Rename(path+".new", path))
			},
			"before before after", "permission.log was deleted, with ", "",
		},
		"appended to with a whole line": {
			func(t *testing.T, path string) { appendTo(t, path, lineOf(t, granted("other"))+"\n") },
			"before before other after", "another program truncated it or wrote to it", "",
		},
		"appended to with half a line": {
			func(t *testing.T, path string) { appendTo(t, path, lineOf(t, granted("other"))+"\n"+`{"half":`) },
			"before before other after", "its last 8 bytes are now in ", `{"half":` + "\n",
		},
	} {
		for how, reopen := range map[string]bool{"at the next batch": false, "by Reopen": true} {
			t.Run(name+"/"+how, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "logs", "permission.log")
				errs := newHeard()
				options := audit.FileOptions{Buffer: audit.BufferOptions{OnError: errs.add}}
				if row.told == "" {
					options.Buffer.OnError = quiet(t)
				}
				logger := openLog(t, path, options)
				defer faults.WatchLedger(t, logger.Stats)()
				record(t, logger, "before", "before")
				row.interfere(t, path)
				if reopen {
					require.NoError(t, logger.Reopen())
				}
				record(t, logger, "after")
				require.NoError(t, logger.Close())
				requireLedger(t, logger.Stats())
				rounds++
				found := eventsBelow(t, filepath.Dir(filepath.Dir(path)), "before", "after")
				counts.Add(faults.Counts{Submitted: 3, Acked: 3, Found: found})
				if found < 3 {
					destroyed += 3 - found
					require.NotEmpty(t, row.told, "what is destroyed is told")
				}
				require.Equal(t, row.logged, strings.Join(logged(t, path), " "))
				require.Contains(t, errs.text(), row.told)
				if row.aside == "" {
					require.NoFileExists(t, path+".torn")
					return
				}
				aside, err := os.ReadFile(path + ".torn")
				require.NoError(t, err)
				require.Equal(t, row.aside, string(aside))
			})
		}
	}
	require.Equal(t, counts.Acked, counts.Found+destroyed)
	faults.Report(t, faults.Row{
		Fault: "6 log renamed, deleted, truncated, ...", Rounds: rounds, Counts: counts, Note: fmt.Sprint(destroyed, " destroyed, and told"),
	})
}

// eventsBelow counts the different events of some managers in all files of a directory.
func eventsBelow(t *testing.T, directory string, managers ...string) int {
	t.Helper()
	ids := map[audit.EventID]bool{}
	require.NoError(t, filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range bytes.Lines(text) {
			var event audit.PermissionAuditEvent
			if event.UnmarshalJSON(line) == nil && slices.Contains(managers, event.Manager) {
				ids[event.ID] = true
			}
		}
		return err
	}))
	return len(ids)
}

func appendTo(t *testing.T, path, text string) {
	t.Helper()
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	require.NoError(t, err)
	_, err = file.WriteString(text)
	require.NoError(t, err)
	require.NoError(t, file.Close())
}

func TestTheRenamedFileKeepsWhatWasLogged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{})
	for i, name := range named(3) {
		record(t, logger, name)
		require.NoError(t, os.Rename(path, path+string(rune('0'+i))))
		require.NoError(t, logger.Reopen())
		require.Empty(t, logged(t, path))
	}
	require.Equal(t, named(3), logged(t, path+"0", path+"1", path+"2"))
}

func TestReopenOfAnUntouchedLogChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{})
	record(t, logger, "m0")
	before, err := os.Stat(path)
	require.NoError(t, err)
	require.NoError(t, logger.Reopen())
	record(t, logger, "m1")
	after, err := os.Stat(path)
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after))
	require.Equal(t, named(2), logged(t, path))
}

func TestReopenAfterCloseReturnsErrClosed(t *testing.T) {
	logger := openLog(t, filepath.Join(t.TempDir(), "permission.log"), audit.FileOptions{})
	require.NoError(t, logger.Close())
	require.ErrorIs(t, logger.Reopen(), audit.ErrClosed)
}

// A directory in place of the log, or a file in place of its directory, is a fault
// that only somebody else can end: events wait meanwhile.
func TestEventsWaitWhileSomethingElseIsAtThePath(t *testing.T) {
	for name, row := range map[string]struct {
		block, clear func(t *testing.T, path string)
		told         string
	}{
		"a directory": {
			func(t *testing.T, path string) {
				require.NoError(t, os.Rename(path, path+".1"))
				require.NoError(t, os.Mkdir(path, 0o700))
			},
			func(t *testing.T, path string) { require.NoError(t, os.Remove(path)) },
			"is a directory",
		},
		"a file in place of the directory": {
			func(t *testing.T, path string) {
				directory := filepath.Dir(path)
				require.NoError(t, os.Rename(directory, directory+".old"))
				require.NoError(t, os.WriteFile(directory, nil, 0o600))
			},
			func(t *testing.T, path string) { require.NoError(t, os.Remove(filepath.Dir(path))) },
			"not a directory",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "logs", "permission.log")
			errs := newHeard()
			logger := openLog(t, path, audit.FileOptions{Buffer: audit.BufferOptions{OnError: errs.add}})
			record(t, logger, "before")
			row.block(t, path)
			require.Error(t, logger.Reopen())
			require.NoError(t, logger.Record(t.Context(), granted("after")))
			flushed := make(chan error, 1)
			go func() { flushed <- logger.Flush(bounded(t, 20*time.Second)) }()
			errs.await(t, row.told)
			require.EqualValues(t, 1, logger.Stats().Pending)
			row.clear(t, path)
			require.NoError(t, <-flushed)
			require.Equal(t, []string{"after"}, logged(t, path))
		})
	}
}
