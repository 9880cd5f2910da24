package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

func TestFault06WhatOthersDoToTheSpool(t *testing.T) {
	rounds, destroyed := 0, 0
	var counts faults.Counts
	for name, row := range map[string]struct {
		do   func(path string) error
		lost int // of the 20 events in it
		kept int // of those, in memory: the worker is trying to deliver them when the change is noticed
		dead int
		told string
	}{
		"renamed":            {do: func(path string) error { return os.Rename(path, path+".away") }},
		"deleted":            {do: os.Remove, told: "was deleted"},
		"directory removed":  {do: func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, told: "was deleted"},
		"without permission": {do: func(path string) error { return os.Chmod(path, 0) }},
		"truncated":          {do: func(path string) error { return os.Truncate(path, 0) }, lost: 20, kept: 1, told: " events in "},
		"truncated in part": {do: func(path string) error {
			text, err := os.ReadFile(path)
			half := len(strings.Join(strings.SplitAfter(string(text), "\n")[:10], ""))
			return errors.Join(err, os.Truncate(path, int64(half)))
		}, lost: 10, told: "10 events in "},
		"appended to": {do: func(path string) error {
			file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = file.WriteString("what is this?\n")
			}
			return errors.Join(err, file.Close())
		}, dead: 1, told: "another program truncated it or wrote to it"},
	} {
		for when, later := range map[string]bool{"events come later": true, "nothing comes later": false} {
			t.Run(name+", "+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store, broken := breakable()
					path := filepath.Join(t.TempDir(), "logs", "audit.spool")
					var reports []error
					logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
						o.Buffer.Ack, o.Buffer.OnError = audit.AckDurable, func(err error) { reports = append(reports, err) }
						o.DeadLetterPath = filepath.Join(t.TempDir(), "dead")
					})
					all, lost := named(25), row.lost
					recordAll(t, logger, all[:20]...)
					require.NoError(t, row.do(path))
					if later {
						recordAll(t, logger, all[20:]...)
						lost -= row.kept
					} else {
						all = all[:20]
					}
					broken.Store(false)
					require.NoError(t, logger.Flush(t.Context()))
					synctest.Wait()
					found := store.managers()
					require.Equal(t, append(all[:20-lost:20-lost], all[20:]...), found)
					stats := logger.Stats()
					requireLedger(t, stats)
					require.EqualValues(t, lost, stats.Dropped, "counted")
					require.EqualValues(t, row.dead, stats.DeadLettered)
					require.Zero(t, stats.Pending)
					rounds++
					destroyed += int(stats.Dropped)
					counts.Add(faults.Counts{
						Submitted: int(stats.Recorded), Acked: int(stats.Recorded), Found: len(found),
						Lost: int(stats.Recorded-stats.Dropped) - len(found),
					})
					require.NoError(t, logger.Close())
					synctest.Wait()
					if later || row.lost+row.dead > 0 { // the rest is noticed with the next batch
						require.ErrorContains(t, errors.Join(reports...), row.told)
					}
				})
			})
		}
	}
	faults.Report(t, faults.Row{Fault: "6 spool renamed, deleted, truncated, ...", Rounds: rounds, Counts: counts, Note: fmt.Sprint(destroyed, " destroyed, and counted as dropped")})
}

// What the database took at last, in the attempt that was hanging, is not lost with
// the file.
func TestOnlyWhatWasNotDeliveredIsLostWithATruncatedSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := spoolPath(t)
		store := &memorySink{}
		calls := 0
		store.write = func(_ context.Context, batch []audit.Entry) error {
			if calls++; calls == 1 {
				<-time.After(3 * time.Second)
				require.Equal(t, named(5), logged(t, path), "the batch is in the spool too")
				require.NoError(t, os.Truncate(path, 0))
			}
			store.keep(batch)
			return nil
		}
		logger := spooling(t, store, path, nil)
		recordAll(t, logger, named(3)...)
		<-time.After(2 * time.Second) // an attempt is under way, which takes too long
		recordAll(t, logger, named(5)[3:]...)
		require.NoError(t, logger.Flush(t.Context()))
		stats := logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{5, 3, 2, 0}, []uint64{stats.Recorded, stats.Written, stats.Dropped, stats.Pending})
		require.Equal(t, named(3), store.managers())
		recordAll(t, logger, "m5")
		require.NoError(t, logger.Close())
		require.Equal(t, append(named(3), "m5"), store.managers())
	})
}

func TestADamagedLineInTheSpoolBecomesADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		recordAll(t, logger, named(6)...)
		require.NoError(t, logger.Close())
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		lines := strings.SplitAfter(string(text), "\n")
		lines[1] = strings.Replace(lines[1], `"granted":true`, `"granted":7`, 1)
		lines[3] = "\n" + strings.Repeat("\x00", 100) + "\n \t\n"
		lines = append(lines, `{"torn":`)
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "")), 0o600))

		broken.Store(false)
		store.closed = 0
		var letters []*audit.DeadLetterError
		logger = spooling(t, store, path, func(o *audit.DatabaseOptions) {
			o.Buffer.OnError = func(err error) {
				var letter *audit.DeadLetterError
				if errors.As(err, &letter) {
					letters = append(letters, letter)
				}
			}
		})
		require.EqualValues(t, 6, logger.Stats().Recovered, "blank lines do not count")
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, []string{"m0", "m2", "m4", "m5"}, store.managers())
		stats := logger.Stats()
		requireLedger(t, stats)
		require.EqualValues(t, 2, stats.DeadLettered)
		require.NoError(t, logger.Close())
		require.Len(t, letters, 2)
		require.ErrorContains(t, letters[0], `key "granted"`)
		dead, err := os.ReadFile(path + ".dead")
		require.NoError(t, err)
		require.Equal(t, lines[1]+strings.Repeat("\x00", 100)+"\n", string(dead), "kept aside, not deleted")
		torn, err := os.ReadFile(path + ".torn")
		require.NoError(t, err)
		require.Equal(t, `{"torn":`+"\n", string(torn))
	})
}

// The spool is a log: what another program wrote into it before is delivered too.
func TestLinesOfOthersInTheSpoolAreDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := spoolPath(t)
		foreign := `{"timestamp": "2026-11-23T08:07:55.123456+00:00", "action": "read", "attributes": ["a"], "granted": true, "bypassed": false, ` +
			`"manager": "M\u0000", "user_id": 7, "user": null, "permissions": [], "metadata": {"a": "\ud800"}}`
		require.NoError(t, os.WriteFile(path, []byte(foreign[:len(foreign)-1]+`,"user_id":"7"}`+"\r\n"), 0o600))
		store := &memorySink{}
		logger := spooling(t, store, path, nil)
		require.NoError(t, logger.Flush(t.Context()))
		entries := store.entries()
		require.Len(t, entries, 1)
		require.True(t, entries[0].ID.IsZero(), "it gets no id that would be another one each time")
		require.Equal(t, "M\ufffd", entries[0].Manager, "it is repaired like any other")
		require.Equal(t, "7", entries[0].UserID)
		require.JSONEq(t, `{"a": "\ufffd"}`, string(entries[0].Metadata))
		require.NoError(t, logger.Close())
	})
}

func TestASpoolThatCannotBeOpened(t *testing.T) {
	path := spoolPath(t)
	logger := spooling(t, &memorySink{}, path, nil)
	open := func(options audit.DatabaseOptions) error {
		store := &memorySink{}
		_, err := audit.NewDatabaseAuditLogger(store, &options)
		require.Error(t, err)
		require.Zero(t, store.closed, "the store is the caller's after an error")
		return err
	}
	require.ErrorIs(t, open(audit.DatabaseOptions{SpoolPath: path, DeadLetterPath: path + ".other"}), audit.ErrLocked)
	require.ErrorIs(t, open(audit.DatabaseOptions{SpoolPath: path + ".other", DeadLetterPath: path}), audit.ErrLocked, "a spool is no place for dead letters")
	require.ErrorIs(t, open(audit.DatabaseOptions{SpoolPath: path}), audit.ErrLocked)
	require.NoError(t, logger.Close())

	require.ErrorContains(t, open(audit.DatabaseOptions{SpoolPath: t.TempDir()}), "is a directory")
	require.ErrorContains(t, open(audit.DatabaseOptions{SpoolPath: path, DeadLetterPath: path}), "SpoolPath must be another file than DeadLetterPath")
	require.ErrorContains(t, open(audit.DatabaseOptions{SpoolPath: path, SpoolMaxBytes: -1}), "SpoolMaxBytes must not be negative: got -1")
}

// Zeros that a power cut left, for example.
func TestALineOfTheSpoolThatIsTooLongHarmsNoOther(t *testing.T) {
	for _, size := range []int{audit.MaxLineBytes, audit.MaxLineBytes + 1, audit.MaxLineBytes + 2, 5 * audit.MaxLineBytes} {
		for when, before := range map[string]bool{"before it is opened": true, "while it is open": false} {
			t.Run(fmt.Sprint(size, " bytes, ", when), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					store, broken := breakable()
					path := spoolPath(t)
					logger := spooling(t, store, path, durable)
					recordAll(t, logger, "m0", "m1")
					if before {
						require.NoError(t, logger.Close())
					}
					appendTo(t, path, strings.Repeat("\x00", size)+"\n"+lineOf(t, granted("other"))+"\n")
					store.closed = 0
					if before {
						logger = spooling(t, store, path, durable)
					}
					recordAll(t, logger, "m2")
					broken.Store(false)
					require.NoError(t, logger.Flush(t.Context()))
					require.Equal(t, []string{"m0", "m1", "other", "m2"}, store.managers())
					require.EqualValues(t, 1, logger.Stats().DeadLettered)
					require.Zero(t, logger.Stats().Dropped)
					require.NoError(t, logger.Close())
					dead, err := os.ReadFile(path + ".dead")
					require.NoError(t, err)
					require.Len(t, dead, size+1, "it is kept as it stands")
				})
			})
		}
	}
}
