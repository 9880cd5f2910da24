package audit_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// changed has 5 events in the spool while another program changes its bytes, and then
// the database is back. The first batch, of which two are in memory, is m0 and m1.
func changed(t *testing.T, change func(lines []string) []string) (found []string, stats audit.Stats, dead string) {
	t.Helper()
	store, broken := breakable()
	path := spoolPath(t)
	logger := spooling(t, store, path, func(o *audit.DatabaseOptions) { o.Buffer.BatchSize = 2 })
	recordAll(t, logger, named(5)...)
	<-time.After(time.Minute)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	after := strings.Join(change(strings.SplitAfter(string(text), "\n")), "")
	require.Len(t, after, len(text))
	require.NoError(t, os.WriteFile(path, []byte(after), 0o600))
	broken.Store(false)
	require.NoError(t, logger.Flush(t.Context()))
	require.NoError(t, logger.Close())
	stats = logger.Stats()
	requireLedger(t, stats)
	require.Zero(t, stats.Pending+stats.Spooled)
	text, err = os.ReadFile(path + ".dead")
	require.NoError(t, err)
	return store.managers(), stats, string(text)
}

// So it is wherever a line is broken in two.
func TestALineBrokenAnywhereHarmsNoOther(t *testing.T) {
	for at := 0; at < 200; at += 9 {
		synctest.Test(t, func(t *testing.T) {
			found, stats, _ := changed(t, func(lines []string) []string {
				lines[3] = lines[3][:at] + "\n" + lines[3][at+1:]
				return lines
			})
			require.Equal(t, []string{"m0", "m1", "m2", "m4"}, found)
			require.Equal(t, stats.Recorded+stats.Recovered, stats.Written+stats.DeadLettered)
		})
	}
}

// What another program does to one line harms no other, also if there are more lines
// then, or fewer.
func TestAChangedLineOfTheSpoolHarmsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		found, stats, dead := changed(t, func(lines []string) []string {
			lines[3] = strings.Replace(lines[3], ",", "\n", 1)
			return lines
		})
		require.Equal(t, []string{"m0", "m1", "m2", "m4"}, found)
		require.Equal(t, []uint64{5, 1, 4, 2, 0}, []uint64{stats.Recorded, stats.Recovered, stats.Written, stats.DeadLettered, stats.Dropped})
		require.Equal(t, 2, strings.Count(dead, "\n"))
	})
	synctest.Test(t, func(t *testing.T) {
		found, stats, dead := changed(t, func(lines []string) []string {
			lines[2] = strings.ReplaceAll(lines[2], "\n", " ")
			return lines
		})
		require.Equal(t, []string{"m0", "m1", "m4"}, found)
		require.Equal(t, []uint64{5, 0, 3, 1, 1}, []uint64{stats.Recorded, stats.Recovered, stats.Written, stats.DeadLettered, stats.Dropped})
		require.Contains(t, dead, `"m2"`, "both are in the dead letter")
		require.Contains(t, dead, `"m3"`)
	})
}

// What the worker is trying to deliver is not lost when the spool is truncated meanwhile.
func TestWhatIsUnderWayOutlivesATruncatedSpool(t *testing.T) {
	for name, gives := range map[string]bool{"it is taken": true, "it is refused at first": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				path := spoolPath(t)
				store := &memorySink{}
				calls := 0
				store.write = func(_ context.Context, batch []audit.Entry) error {
					if calls++; calls == 1 {
						<-time.After(20 * time.Second) // it heeds no timeout
						if !gives {
							return errSink
						}
					}
					store.keep(batch)
					return nil
				}
				logger := spooling(t, store, path, nil)
				recordAll(t, logger, named(3)...)
				<-time.After(2 * time.Second)
				recordAll(t, logger, named(5)[3:]...)
				<-time.After(2 * time.Second)
				require.Equal(t, named(5), logged(t, path))
				require.NoError(t, os.Truncate(path, 0))
				recordAll(t, logger, "m5")
				<-time.After(2 * time.Second)
				stats := logger.Stats()
				requireLedger(t, stats)
				require.Equal(t, []uint64{6, 2, 4, 1}, []uint64{stats.Recorded, stats.Dropped, stats.Pending, stats.Spooled})
				require.NoError(t, logger.Flush(t.Context()))
				require.Equal(t, append(named(3), "m5"), store.managers())
				stats = logger.Stats()
				requireLedger(t, stats)
				require.Equal(t, []uint64{6, 2, 4, 0, 0}, []uint64{stats.Recorded, stats.Dropped, stats.Written, stats.Pending, stats.Spooled})
				require.NoError(t, logger.Close())
			})
		})
	}
}

// The same, and it stays in memory alone until the logger gives up.
func TestWhatIsInMemoryAloneIsUndelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := gate()
		path := spoolPath(t)
		logger := spooling(t, store, path, nil)
		recordAll(t, logger, named(3)...)
		<-time.After(2 * time.Second)
		require.EqualValues(t, 3, logger.Stats().Spooled)
		require.NoError(t, os.Truncate(path, 0))
		recordAll(t, logger, "m3")
		<-time.After(time.Second)
		require.EqualValues(t, 1, logger.Stats().Spooled)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := logger.Shutdown(ctx)
		var undelivered *audit.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		require.Equal(t, 3, undelivered.Events)
		requireLedger(t, logger.Stats())
		require.Equal(t, []string{"m3"}, logged(t, path))
	})
}

// It is worth waiting for the database then.
func TestShutdownWaitsForWhatIsInMemoryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := spoolPath(t)
		start := time.Now()
		store := &memorySink{}
		store.write = func(_ context.Context, batch []audit.Entry) error {
			<-time.After(3 * time.Second)
			if time.Since(start) < 10*time.Second {
				return errSink
			}
			store.keep(batch)
			return nil
		}
		logger := spooling(t, store, path, nil)
		recordAll(t, logger, named(3)...)
		<-time.After(2 * time.Second)
		require.EqualValues(t, 3, logger.Stats().Spooled)
		require.NoError(t, os.Truncate(path, 0))
		recordAll(t, logger, "m3")
		<-time.After(600 * time.Millisecond)
		require.EqualValues(t, 1, logger.Stats().Spooled)
		require.NoError(t, logger.Close())
		require.Equal(t, named(4), store.managers())
	})
}

// A gap that is copied from another log is an event like any other, also after the
// way through the spool.
func TestACopiedGapIsCountedLikeAnyOtherEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		require.NoError(t, logger.Record(t.Context(), audit.PermissionAuditEvent{Action: audit.ActionGap, Granted: true, Manager: "gap"}))
		recordAll(t, logger, "m0")
		broken.Store(false)
		require.NoError(t, logger.Flush(t.Context()))
		stats := logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{2, 2, 0, 0, 0}, []uint64{stats.Recorded, stats.Written, stats.Pending, stats.Spooled, stats.Gaps})
		require.Zero(t, stats.OldestPending)
		require.NoError(t, logger.Close())
		require.Equal(t, []string{"gap", "m0"}, store.managers())
	})
}

func TestFlushSaysThatWhatItWaitsForStaysInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := breakable()
		logger := spooling(t, store, spoolPath(t), nil)
		recordAll(t, logger, named(3)...)
		flushed := make(chan error, 1)
		go func() { flushed <- logger.Flush(context.Background()) }()
		<-time.After(10 * time.Second)
		require.NoError(t, logger.Close())
		err := <-flushed
		require.ErrorIs(t, err, audit.ErrClosed)
		require.ErrorContains(t, err, "what was not delivered is in the spool")
	})
}

// The events are in the queue alone, and there is no time for the database.
func TestShutdownWithoutTimeStillSpools(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := gate()
		path := spoolPath(t)
		logger := spooling(t, store, path, nil)
		recordAll(t, logger, named(3)...)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, logger.Shutdown(ctx))
		require.Equal(t, named(3), logged(t, path))
		require.EqualValues(t, 3, logger.Stats().Spooled)
	})
}

func TestTheOldestPendingOfACopyIsWhenItCame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := breakable()
		logger := spooling(t, store, spoolPath(t), durable)
		start := time.Now()
		old := granted("m0")
		old.Timestamp = start.Add(-1000 * time.Hour)
		require.NoError(t, logger.Record(t.Context(), old))
		<-time.After(time.Minute)
		require.Equal(t, start, logger.Stats().OldestPending)
		require.NoError(t, logger.Close())
	})
}

// What others append is delivered too, though everything else was before it is noticed.
func TestALineThatIsAppendedToTheSpoolIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		recordAll(t, logger, named(3)...)
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		other := strings.NewReplacer("m0", "m3", `{"id":"0`, `{"id":"f`).Replace(strings.SplitAfter(string(text), "\n")[0])
		require.NoError(t, os.WriteFile(path, append(text, other...), 0o600))
		broken.Store(false)
		require.NoError(t, logger.Flush(t.Context()))
		synctest.Wait()
		require.Equal(t, named(4), store.managers())
		stats := logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{3, 1, 4, 0}, []uint64{stats.Recorded, stats.Recovered, stats.Written, stats.Pending})
		require.NoError(t, logger.Close())
		require.Empty(t, logged(t, spoolFiles(t, path)...))
	})
}

func TestTheTornTailOfARotatedSpoolIsReported(t *testing.T) {
	path := spoolPath(t)
	rotated := filepath.Join(filepath.Dir(path), "audit-20000101T000000.000000Z.spool")
	require.NoError(t, os.WriteFile(rotated, []byte(`{"torn":`), 0o600))
	var reports []error
	logger := spooling(t, &memorySink{}, path, func(o *audit.DatabaseOptions) {
		o.Buffer.OnError = func(err error) { reports = append(reports, err) }
	})
	require.NoError(t, logger.Close())
	require.ErrorContains(t, errors.Join(reports...), rotated+" ended in the middle of a line: its last 8 bytes are now in "+path+".torn")
}
