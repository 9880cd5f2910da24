package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// gate is a sink that takes a batch each time it is told to.
func gate() (sink *memorySink, open chan struct{}) {
	open = make(chan struct{})
	sink = &memorySink{}
	sink.write = func(ctx context.Context, batch []audit.Entry) error {
		select {
		case <-open:
			sink.keep(batch)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return sink, open
}

func TestBlockedRecordsGetTheirPlaceInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: 2})
		var group sync.WaitGroup
		for _, name := range named(10) {
			group.Go(func() { require.NoError(t, logger.Record(t.Context(), granted(name))) })
			synctest.Wait() // they come one after the other
		}
		require.EqualValues(t, 2, logger.Stats().Pending, "the queue is bounded")
		close(open)
		group.Wait()
		require.NoError(t, logger.Close())
		require.Equal(t, named(10), sink.managers(), "who waits longest is first")
		requireLedger(t, logger.Stats())
	})
}

func TestTheQueueIsBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueBytes: 10_000, MaxWait: time.Second})
		large := granted(strings.Repeat("m", 1000))
		accepted := 0
		for logger.Record(t.Context(), large) == nil {
			accepted++
		}
		require.Equal(t, 9, accepted)
		close(open)
		require.NoError(t, logger.Close())
	})
}

func TestAnEventLargerThanTheQueueIsTakenAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		logger := newBuffered(t, sink, audit.BufferOptions{QueueBytes: 10})
		start := time.Now()
		for _, name := range named(3) {
			require.NoError(t, logger.Record(t.Context(), granted(name)))
		}
		require.Zero(t, time.Since(start), "who waits for room does not wait for FlushInterval")
		require.NoError(t, logger.Close())
		require.Equal(t, named(3), sink.managers())
		require.Equal(t, []int{1, 1, 1}, sink.sizes())
	})
}

func TestABatchHoldsAtMostOneMebibyte(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{FlushInterval: time.Hour})
	event := granted("m")
	event.Permissions = []string{strings.Repeat("p", 10_000)}
	for range 300 {
		require.NoError(t, logger.Record(t.Context(), event))
	}
	require.NoError(t, logger.Close())
	for _, batch := range sink.batches {
		bytes := 0
		for _, entry := range batch {
			bytes += len(entry.Permissions)
		}
		require.LessOrEqual(t, bytes, audit.MaxBatchBytes)
	}
	require.GreaterOrEqual(t, len(sink.batches), 3)
	require.Len(t, sink.managers(), 300)
}

func TestRecordWaitsForRoomAsLongAsItMay(t *testing.T) {
	canceled := fmt.Errorf("the client hung up")
	for name, row := range map[string]struct {
		options audit.BufferOptions
		context func(context.Context) (context.Context, context.CancelFunc)
		after   time.Duration
		cause   error
	}{
		"context ends": {audit.BufferOptions{}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}, time.Second, context.DeadlineExceeded},
		"context has ended": {audit.BufferOptions{}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			ctx, cancel := context.WithCancelCause(ctx)
			cancel(canceled)
			return ctx, func() {}
		}, 0, canceled},
		"MaxWait": {audit.BufferOptions{MaxWait: 3 * time.Second}, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Hour)
		}, 3 * time.Second, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink, open := gate()
				row.options.QueueSize = 1
				logger := newBuffered(t, sink, row.options)
				require.NoError(t, logger.Record(t.Context(), granted("m0")))
				ctx, cancel := row.context(t.Context())
				defer cancel()
				start := time.Now()
				err := logger.Record(ctx, granted("refused"))
				require.ErrorIs(t, err, audit.ErrQueueFull)
				if row.cause != nil {
					require.ErrorIs(t, err, row.cause)
				}
				require.Equal(t, row.after, time.Since(start))
				close(open)
				require.NoError(t, logger.Close())
				require.Equal(t, named(1), sink.managers(), "nothing was queued")
				stats := logger.Stats()
				require.EqualValues(t, 1, stats.Refused)
				require.EqualValues(t, 1, stats.Recorded)
				requireLedger(t, stats)
			})
		})
	}
}

// MaxWait bounds the wait for room and the wait for the ack together.
func TestMaxWaitBoundsBothWaitsTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: 1, MaxWait: 3 * time.Second, Ack: audit.AckDurable})
		start := time.Now()
		go func() { _ = logger.Record(t.Context(), granted("m0")) }()
		synctest.Wait()
		go func() {
			<-time.After(2 * time.Second)
			open <- struct{}{}
		}()
		err := logger.Record(t.Context(), granted("m1"))
		require.ErrorIs(t, err, audit.ErrNotDurable)
		require.Equal(t, 3*time.Second, time.Since(start))
		close(open)
		require.NoError(t, logger.Close())
		require.Equal(t, named(2), sink.managers())
	})
}

func TestOverflowDropDropsCountsAndSaysSoInTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: 3, Overflow: audit.OverflowDrop})
		for _, name := range named(3) {
			require.NoError(t, logger.Record(t.Context(), granted(name)))
		}
		<-time.After(time.Second)
		since := time.Now()
		start := time.Now()
		require.ErrorIs(t, logger.Record(t.Context(), granted("dropped")), audit.ErrQueueFull)
		require.Zero(t, time.Since(start), "at once")
		<-time.After(time.Second)
		require.ErrorIs(t, logger.Record(t.Context(), granted("dropped")), audit.ErrQueueFull)
		until := time.Now()

		stats := logger.Stats()
		require.EqualValues(t, 5, stats.Recorded)
		require.EqualValues(t, 2, stats.Dropped)
		requireLedger(t, stats)

		close(open)
		require.NoError(t, logger.Flush(t.Context()))
		require.NoError(t, logger.Record(t.Context(), granted("m3")))
		require.NoError(t, logger.Close())
		require.Equal(t, []string{"m0", "m1", "m2", "gap", "m3"}, sink.managers())

		gap := sink.entries()[3]
		require.True(t, gap.Granted)
		var metadata map[string]any
		require.NoError(t, json.Unmarshal(gap.Metadata, &metadata))
		const layout = "2006-01-02T15:04:05.000000Z"
		require.Equal(t, map[string]any{
			"dropped": 2.0, "reason": audit.ErrQueueFull.Error(),
			"since": since.UTC().Format(layout), "until": until.UTC().Format(layout),
		}, metadata)
		stats = logger.Stats()
		require.EqualValues(t, 1, stats.Gaps)
		require.EqualValues(t, 4, stats.Written, "gap events are not counted as events")
		requireLedger(t, stats)
	})
}

func TestAGapAtTheEndIsWrittenBeforeShutdownReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: 1, Overflow: audit.OverflowDrop})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		require.Error(t, logger.Record(t.Context(), granted("dropped")))
		close(open)
		require.NoError(t, logger.Close())
		require.Equal(t, []string{"m0", "gap"}, sink.managers())
	})
}

// Each gap event could be a batch of its own, whose end makes room for the next one.
func TestGapEventsDoNotPileUp(t *testing.T) {
	for _, size := range []int{1, 4} {
		synctest.Test(t, func(t *testing.T) {
			sink := &memorySink{}
			sink.write = func(_ context.Context, batch []audit.Entry) error {
				<-time.After(time.Millisecond)
				sink.keep(batch)
				return nil
			}
			logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: size, BatchSize: 1, Overflow: audit.OverflowDrop})
			for i := range 2000 {
				_ = logger.Record(t.Context(), granted("m"))
				if i%3 == 0 {
					<-time.After(300 * time.Microsecond)
				}
			}
			require.NoError(t, logger.Close())
			stats := logger.Stats()
			requireLedger(t, stats)
			require.NotZero(t, stats.Dropped)
			dropped := uint64(0)
			for _, entry := range sink.entries() {
				if entry.Action == audit.ActionGap {
					var metadata struct{ Dropped uint64 }
					require.NoError(t, json.Unmarshal(entry.Metadata, &metadata))
					dropped += metadata.Dropped
				}
			}
			require.Equal(t, stats.Dropped, dropped, "the log accounts for all that was dropped")
		})
	}
}

// An event that is too large for the room there is must not keep a small one out
// once it has gone.
func TestWhoLeavesTheLineLetsTheNextOneIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueBytes: 2000})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		large := granted(strings.Repeat("l", 1000))
		large.Permissions = []string{strings.Repeat("p", 1000)}
		small := make(chan error, 1)
		go func() {
			<-time.After(time.Second)
			small <- logger.Record(t.Context(), granted("m1"))
		}()
		require.ErrorIs(t, logger.Record(bounded(t, 2*time.Second), large), audit.ErrQueueFull)
		require.NoError(t, <-small)
		close(open)
		require.NoError(t, logger.Close())
		require.Equal(t, named(2), sink.managers())
	})
}

func TestCriticalEventsAreNeverDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: 1, Overflow: audit.OverflowDrop})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		waited := make(chan error, 1)
		go func() { waited <- logger.Record(t.Context(), denied("m1")) }()
		synctest.Wait()
		require.Empty(t, waited, "it waits")
		close(open)
		require.NoError(t, <-waited)
		require.NoError(t, logger.Close())
		require.Equal(t, named(2), sink.managers())
	})
}

// The queue could hold more full batches than there was room for in its channel.
func TestTheGreatestQueueTakesManyLargeBatches(t *testing.T) {
	sink, open := gate()
	logger := newBuffered(t, sink, audit.BufferOptions{QueueBytes: audit.MaxQueueBytes})
	large := granted("m")
	large.Permissions = slices.Repeat([]string{strings.Repeat("p", audit.MaxStringBytes)}, 20)
	large.Attributes = large.Permissions
	for range 100 {
		require.NoError(t, logger.Record(t.Context(), large))
	}
	close(open)
	require.NoError(t, logger.Close())
	require.Len(t, sink.entries(), 100)
	_, err := audit.NewBufferedAuditLogger(sink, &audit.BufferOptions{QueueSize: math.MaxInt, QueueBytes: math.MaxInt64})
	require.ErrorContains(t, err, "QueueSize must be at most 16777216: got 9223372036854775807")
	require.ErrorContains(t, err, "QueueBytes must be at most 1099511627776")
}

// However the queue is bounded, no batch is left behind and nobody waits for ever.
func TestNoBoundsDeadlock(t *testing.T) {
	for _, options := range []audit.BufferOptions{
		{QueueSize: 1},
		{QueueSize: 2, BatchSize: 1},
		{QueueSize: 1000, BatchSize: 1},
		{QueueBytes: 1},
		{QueueSize: 3, QueueBytes: 500, BatchSize: 2},
		{QueueSize: 1, BatchSize: 1, Ack: audit.AckDurable},
		{QueueSize: 4, BatchSize: 1, Overflow: audit.OverflowDrop},
	} {
		t.Run(fmt.Sprintf("%d %d %d", options.QueueSize, options.QueueBytes, options.BatchSize), func(t *testing.T) {
			sink := &memorySink{}
			logger := newBuffered(t, sink, options)
			var group sync.WaitGroup
			for g := range 8 {
				group.Go(func() {
					for i := range 200 {
						event := granted(fmt.Sprint("m", i))
						event.Granted = i%3 > 0
						_ = logger.Record(context.Background(), event)
						if i%50 == g {
							_ = logger.Flush(context.Background())
						}
					}
				})
			}
			group.Wait()
			require.NoError(t, logger.Close())
			stats := logger.Stats()
			requireLedger(t, stats)
			require.Zero(t, stats.Pending)
			require.EqualValues(t, 1600, stats.Recorded)
			require.Len(t, sink.entries(), int(stats.Written+stats.Gaps))
		})
	}
}

func TestErrNotDurableSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("the database is down")
		var healed atomic.Bool
		sink := &memorySink{}
		sink.write = func(_ context.Context, batch []audit.Entry) error {
			if !healed.Load() {
				return down
			}
			sink.keep(batch)
			return nil
		}
		logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable, MaxWait: time.Second, OnError: func(error) {}})
		err := logger.Record(t.Context(), granted("m0"))
		require.ErrorIs(t, err, audit.ErrNotDurable)
		require.ErrorIs(t, err, down)
		require.ErrorContains(t, err, "MaxWait of 1s passed")
		healed.Store(true)
		require.NoError(t, logger.Close())
	})
}
