package audit_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// spoolSize is what the files of a spool hold, in bytes.
func spoolSize(t *testing.T, path string) (size int64) {
	t.Helper()
	for _, file := range spoolFiles(t, path) {
		info, err := os.Stat(file)
		require.NoError(t, err)
		size += info.Size()
	}
	return size
}

func TestASpoolIsBoundedThenThePolicyDecides(t *testing.T) {
	const limit, queue = 200_000, 300
	for _, policy := range []audit.OverflowPolicy{audit.OverflowBlock, audit.OverflowDrop} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, broken := breakable()
				path := spoolPath(t)
				var reports []error
				logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
					o.SpoolMaxBytes = limit
					o.Buffer.QueueSize, o.Buffer.BatchSize, o.Buffer.MaxWait, o.Buffer.Overflow = queue, 50, time.Second, policy
					o.Buffer.OnError = func(err error) { reports = append(reports, err) }
				})
				var accepted []string
				refused := 0
				for _, name := range named(3000) {
					err := logger.Record(t.Context(), granted(name))
					synctest.Wait()
					require.LessOrEqual(t, spoolSize(t, path), int64(limit))
					requireLedger(t, logger.Stats())
					if err != nil {
						require.ErrorIs(t, err, audit.ErrQueueFull)
						refused++
						continue
					}
					accepted = append(accepted, name)
				}
				require.Greater(t, spoolSize(t, path), int64(limit-50*400), "a batch more does not fit")
				stats := logger.Stats()
				require.Equal(t, uint64(queue), stats.Pending-stats.Spooled, "the queue is full too")
				require.Equal(t, 3000, len(accepted)+refused)
				if policy == audit.OverflowDrop {
					require.EqualValues(t, refused, stats.Dropped)
				} else {
					require.EqualValues(t, refused, stats.Refused)
				}
				full := 0
				for _, err := range reports {
					if strings.Contains(err.Error(), "the spool is full, events wait in the queue: its files hold ") {
						full++
					}
				}
				require.Equal(t, 1, full, "it is said once")

				broken.Store(false)
				require.NoError(t, logger.Close())
				found := store.managers()
				if policy == audit.OverflowDrop {
					require.Equal(t, "gap", found[len(found)-1])
					require.Contains(t, string(store.entries()[len(found)-1].Metadata), fmt.Sprintf(`"dropped":%d`, refused))
					found = found[:len(found)-1]
				}
				require.Equal(t, accepted, found, "each accepted event once, in order")
			})
		})
	}
}

func TestABatchLargerThanTheSpoolIsTakenByAnEmptyOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		logger := spooling(t, store, path, func(o *audit.DatabaseOptions) { o.SpoolMaxBytes, o.Buffer.Ack = 10, audit.AckDurable })
		recordAll(t, logger, "m0")
		require.Equal(t, []string{"m0"}, logged(t, path))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, logger.Record(ctx, granted("m1")), audit.ErrNotDurable)
		broken.Store(false)
		require.NoError(t, logger.Close())
		require.Equal(t, named(2), store.managers())
	})
}

// The gap is in the spool as any other event, and none of the counts.
func TestAGapGoesThroughTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, open := gate()
		path := spoolPath(t)
		logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
			o.Buffer.QueueSize, o.Buffer.Overflow = 2, audit.OverflowDrop
		})
		for range 5 {
			_ = logger.Record(t.Context(), granted("m")) // three too many, within the patience
		}
		<-time.After(time.Minute)
		stats := logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{5, 3, 2, 2}, []uint64{stats.Recorded, stats.Dropped, stats.Pending, stats.Spooled})
		require.Len(t, logged(t, path), 3)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, logger.Shutdown(ctx))

		again := &memorySink{write: store.write}
		logger = spooling(t, again, path, nil)
		stats = logger.Stats()
		require.Equal(t, []uint64{2, 2, 2}, []uint64{stats.Recovered, stats.Pending, stats.Spooled}, "a gap is no event")
		close(open)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, []string{"m", "m", "gap"}, store.managers())
		stats = logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{2, 0, 0, 1}, []uint64{stats.Written, stats.Pending, stats.Spooled, stats.Gaps})
		require.NoError(t, logger.Close())
	})
}
