package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

var errSink = errors.New("the sink is down")

func TestEventsArriveInOrderAndInSeveralBatches(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{BatchSize: 3})
	for _, name := range named(10) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
	}
	require.NoError(t, logger.Close())
	require.Equal(t, named(10), sink.managers())
	require.Equal(t, []int{3, 3, 3, 1}, sink.sizes())
	require.Equal(t, 1, sink.closed)
	requireLedger(t, logger.Stats())
}

func TestNothingIsWrittenForNoEvents(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{})
	require.NoError(t, logger.Flush(t.Context()))
	require.NoError(t, logger.Close())
	require.Empty(t, sink.sizes())
}

func TestFlushDeliversAndLeavesTheLoggerOpen(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{FlushInterval: time.Hour})
	for i, name := range named(3) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, named(i+1), sink.managers())
	}
	require.NoError(t, logger.Close())
	require.ErrorIs(t, logger.Flush(t.Context()), audit.ErrClosed)
}

// The original starts its interval anew with every event: one event each 400 ms is
// never written. Ours is written 500 ms after the first.
func TestATrickleIsWrittenWithinFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		logger := newBuffered(t, sink, audit.BufferOptions{})
		start := time.Now()
		for i := range 10 {
			require.NoError(t, logger.Record(t.Context(), granted(fmt.Sprint("m", i))))
			<-time.After(400 * time.Millisecond)
			synctest.Wait()
			// Batches open with events 0, 2, 4, ... and are written 500 ms later.
			written := int(time.Since(start)-500*time.Millisecond)/int(800*time.Millisecond)*2 + 2
			if time.Since(start) < 500*time.Millisecond {
				written = 0
			}
			require.Equal(t, written, int(logger.Stats().Written), "after %v", time.Since(start))
		}
		require.NoError(t, logger.Close())
	})
}

func TestFault16FlushIntervalIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		sink := &memorySink{write: func(context.Context, []audit.Entry) error {
			at = append(at, time.Since(start))
			return nil
		}}
		logger := newBuffered(t, sink, audit.BufferOptions{FlushInterval: 250 * time.Millisecond})
		for range 3 {
			require.NoError(t, logger.Record(t.Context(), granted("m")))
			<-time.After(time.Second)
		}
		require.NoError(t, logger.Close())
		require.Equal(t, []time.Duration{250 * time.Millisecond, 1250 * time.Millisecond, 2250 * time.Millisecond}, at)
	})
	reportExact(t, "FlushInterval", 3)
}

func TestAFailingWriteDoesNotEndTheWorker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var failures []error
		attempts := 0
		sink := &memorySink{}
		sink.write = func(_ context.Context, batch []audit.Entry) error {
			if attempts++; attempts <= 3 {
				return errSink
			}
			sink.keep(batch)
			return nil
		}
		logger := newBuffered(t, sink, audit.BufferOptions{OnError: func(err error) { failures = append(failures, err) }})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		require.NoError(t, logger.Flush(t.Context()))
		require.NoError(t, logger.Record(t.Context(), granted("m1")))
		require.NoError(t, logger.Close())
		require.Equal(t, named(2), sink.managers())
		require.Len(t, failures, 3)
		var background *audit.BackgroundError
		require.ErrorAs(t, failures[0], &background)
		require.Equal(t, "write", background.Op)
		require.Equal(t, 1, background.Events)
		require.ErrorIs(t, background, errSink)
	})
}

func TestFault16PausesBetweenAttemptsDoubleUpToFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Time
		sink := &memorySink{}
		sink.write = func(_ context.Context, batch []audit.Entry) error {
			if at = append(at, time.Now()); len(at) < 13 {
				return errSink
			}
			sink.keep(batch)
			return nil
		}
		logger := newBuffered(t, sink, audit.BufferOptions{OnError: ignored})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		require.NoError(t, logger.Flush(t.Context()))
		pause := 10 * time.Millisecond
		for i := 1; i < len(at); i++ {
			require.Equal(t, pause, at[i].Sub(at[i-1]), "pause %d", i)
			pause = min(2*pause, 5*time.Second)
		}
		require.NoError(t, logger.Close())
		require.Equal(t, named(1), sink.managers())
	})
	reportExact(t, "pauses between attempts", 1)
}

func TestAPanickingSinkIsContained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		panics := 0
		sink := &memorySink{}
		sink.write = func(_ context.Context, batch []audit.Entry) error {
			if panics++; panics == 1 {
				panic("oops")
			}
			sink.keep(batch)
			return nil
		}
		logger := newBuffered(t, sink, audit.BufferOptions{OnError: ignored})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		require.NoError(t, logger.Close())
		require.Equal(t, named(1), sink.managers())
	})
}

func TestTheBatchThatIsRetriedIsTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen [][]audit.EventID
		logger := newBuffered(t, &memorySink{write: func(_ context.Context, batch []audit.Entry) error {
			var ids []audit.EventID
			for _, entry := range batch {
				ids = append(ids, entry.ID)
			}
			seen = append(seen, ids)
			if len(seen) < 3 {
				return errSink
			}
			return nil
		}}, audit.BufferOptions{BatchSize: 4, OnError: ignored})
		for range 4 {
			require.NoError(t, logger.Record(t.Context(), granted("m")))
		}
		require.NoError(t, logger.Close())
		require.Equal(t, seen[0], seen[1])
		require.Equal(t, seen[0], seen[2])
	})
}

// poison refuses batches that hold a certain manager.
func poison(sink *memorySink, statements *int, bad ...string) {
	sink.write = func(_ context.Context, batch []audit.Entry) error {
		*statements++
		for _, entry := range batch {
			if slices.Contains(bad, entry.Manager) {
				return audit.Permanent(fmt.Errorf("no place for %s", entry.Manager))
			}
		}
		sink.keep(batch)
		return nil
	}
}

func TestAPermanentErrorIsHalvedDownToTheEventAtFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		statements := 0
		poison(sink, &statements, "m333")
		var letters []*audit.DeadLetterError
		logger := newBuffered(t, sink, audit.BufferOptions{BatchSize: 1000, OnError: func(err error) {
			var letter *audit.DeadLetterError
			require.ErrorAs(t, err, &letter)
			letters = append(letters, letter)
		}})
		for _, name := range named(1000) {
			require.NoError(t, logger.Record(t.Context(), granted(name)))
		}
		require.NoError(t, logger.Flush(t.Context()))
		want := named(1000)
		want = slices.Delete(want, 333, 334)
		require.Equal(t, want, sink.managers(), "all others are stored, in order")
		require.LessOrEqual(t, statements, 1+2*10, "about 2 log2(n) statements more")
		stats := logger.Stats()
		require.EqualValues(t, 999, stats.Written)
		require.EqualValues(t, 1, stats.DeadLettered)
		requireLedger(t, stats)
		require.NoError(t, logger.Close())
		require.Len(t, letters, 1)
		var event audit.PermissionAuditEvent
		require.NoError(t, event.UnmarshalJSON(letters[0].Line))
		require.Equal(t, "m333", event.Manager)
		require.Equal(t, letters[0].ID, event.ID)
		require.ErrorContains(t, letters[0], "no place for m333")
	})
}

func TestAWaiterLearnsThatItsEventIsADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		statements := 0
		poison(sink, &statements, "m1")
		logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable, OnError: ignored})
		errs := make([]error, 3)
		var group sync.WaitGroup
		for i, name := range named(3) {
			group.Go(func() { errs[i] = logger.Record(t.Context(), granted(name)) })
		}
		group.Wait()
		require.NoError(t, errs[0])
		require.NoError(t, errs[2])
		var letter *audit.DeadLetterError
		require.ErrorIs(t, errs[1], audit.ErrNotDurable)
		require.ErrorAs(t, errs[1], &letter)
		require.NoError(t, logger.Close())
	})
}

func TestInvalidEventsAreRefusedAndCounted(t *testing.T) {
	logger := newBuffered(t, &memorySink{}, audit.BufferOptions{})
	require.ErrorIs(t, logger.Record(t.Context(), audit.PermissionAuditEvent{}), audit.ErrInvalidEvent)
	stats := logger.Stats()
	require.EqualValues(t, 1, stats.Refused)
	require.Zero(t, stats.Recorded)
	require.NoError(t, logger.Close())
}

func TestOneEventThatCannotBeEncodedHarmsNoOther(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{})
	hostile := granted("m1")
	hostile.Metadata = map[string]any{"channel": make(chan int), "panics": panicky{}}
	hostile.UserID, hostile.User = "", panicky{}
	require.NoError(t, logger.Record(t.Context(), granted("m0")))
	require.NoError(t, logger.Record(t.Context(), hostile))
	require.NoError(t, logger.Record(t.Context(), granted("m2")))
	require.NoError(t, logger.Close())
	require.Equal(t, named(3), sink.managers())
	require.EqualValues(t, 1, logger.Stats().Sanitized)
}

type panicky struct{}

func (panicky) String() string               { panic("no") }
func (panicky) MarshalJSON() ([]byte, error) { panic("no") }

// The original takes both when the worker gets to the event.
func TestTimestampAndUserAreThoseOfTheDecision(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		logger := newBuffered(t, sink, audit.BufferOptions{FlushInterval: time.Minute})
		decided := time.Now().UTC()
		user := &account{id: "before"}
		event := granted("m0")
		event.UserID, event.User = "", user
		require.NoError(t, logger.Record(t.Context(), event))
		<-time.After(30 * time.Second)
		user.id = "after"
		require.NoError(t, logger.Close())
		entry := sink.entries()[0]
		require.Equal(t, decided, entry.Timestamp)
		require.Equal(t, "before", entry.UserID)
	})
}

type account struct{ id string }

func (a *account) AuditUserID() string { return a.id }

func TestTheOrderOfEachGoroutineIsKept(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: 8, BatchSize: 3})
	const goroutines, each = 8, 500
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for i := range each {
				event := granted(fmt.Sprint("g", g))
				event.UserID = fmt.Sprint(i)
				if err := logger.Record(context.Background(), event); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, logger.Close())
	next := map[string]int{}
	for _, entry := range sink.entries() {
		require.Equal(t, fmt.Sprint(next[entry.Manager]), entry.UserID, "events of goroutine %s", entry.Manager)
		next[entry.Manager]++
	}
	require.Len(t, sink.entries(), goroutines*each)
}

func TestOptionsAreReportedAllAtOnce(t *testing.T) {
	_, err := audit.NewBufferedAuditLogger(&memorySink{}, &audit.BufferOptions{
		QueueSize: -1, QueueBytes: -2, BatchSize: -3, FlushInterval: -4, Overflow: 5, MaxWait: -6, Ack: 7, CloseTimeout: -8,
	})
	for _, part := range []string{"QueueSize", "-1", "QueueBytes", "-2", "BatchSize", "-3", "FlushInterval", "-4ns", "Overflow", "[block drop]", "got 5", "MaxWait", "Ack", "got 7", "CloseTimeout"} {
		require.ErrorContains(t, err, part)
	}
	_, err = audit.NewBufferedAuditLogger(&memorySink{}, &audit.BufferOptions{QueueSize: 10, BatchSize: 11})
	require.ErrorContains(t, err, "BatchSize must be at most QueueSize, which is 10: got 11")
	_, err = audit.NewBufferedAuditLogger(nil, nil)
	require.ErrorContains(t, err, "sink is nil")
}

func TestStatsCountEventsNotBatches(t *testing.T) {
	logger := newBuffered(t, &memorySink{}, audit.BufferOptions{BatchSize: 10})
	recordAll(t, logger, named(100)...)
	require.NoError(t, logger.Flush(t.Context()))
	stats := logger.Stats()
	require.Equal(t, []uint64{100, 100, 0}, []uint64{stats.Recorded, stats.Written, stats.Pending})
	require.NoError(t, logger.Close())
}

func TestStatsHoldAtEveryMoment(t *testing.T) {
	var sinkCalls atomic.Int64
	logger := newBuffered(t, &memorySink{write: func(context.Context, []audit.Entry) error {
		if sinkCalls.Add(1)%7 == 0 {
			return audit.Permanent(errSink)
		}
		return nil
	}}, audit.BufferOptions{QueueSize: 50, BatchSize: 5, Overflow: audit.OverflowDrop, OnError: ignored})
	stop := make(chan struct{})
	var watcher, producers sync.WaitGroup
	watcher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				requireLedger(t, logger.Stats())
			}
		}
	})
	for range 4 {
		producers.Go(func() {
			for range 2000 {
				_ = logger.Record(context.Background(), granted("m"))
			}
		})
	}
	producers.Wait()
	require.NoError(t, logger.Close())
	close(stop)
	watcher.Wait()
	stats := logger.Stats()
	requireLedger(t, stats)
	require.EqualValues(t, 8000, stats.Recorded)
	require.Zero(t, stats.Pending)
}
