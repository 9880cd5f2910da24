package audit_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

func TestCloseWaitsForEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		sink.write = func(_ context.Context, batch []audit.Entry) error {
			<-time.After(time.Second) // the original gives up after two
			sink.keep(batch)
			return nil
		}
		logger := newBuffered(t, sink, audit.BufferOptions{BatchSize: 1})
		for _, name := range named(8) {
			require.NoError(t, logger.Record(t.Context(), granted(name)))
		}
		require.NoError(t, logger.Close())
		require.Equal(t, named(8), sink.managers())
	})
}

func TestRecordAfterCloseReturnsErrClosed(t *testing.T) {
	logger := newBuffered(t, &memorySink{}, audit.BufferOptions{})
	require.NoError(t, logger.Close())
	require.ErrorIs(t, logger.Record(t.Context(), granted("m")), audit.ErrClosed)
	require.EqualValues(t, 1, logger.Stats().Refused)
}

func TestFault16CloseIsBoundedByCloseTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, _ := gate() // never opened
		logger := newBuffered(t, sink, audit.BufferOptions{CloseTimeout: 3 * time.Second, OnError: ignored})
		for _, name := range named(5) {
			require.NoError(t, logger.Record(t.Context(), granted(name)))
		}
		start := time.Now()
		err := logger.Close()
		require.Equal(t, 3*time.Second, time.Since(start))
		var undelivered *audit.UndeliveredError
		require.ErrorAs(t, err, &undelivered)
		require.Equal(t, 5, undelivered.Events)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.EqualValues(t, 5, logger.Stats().Pending)
		requireLedger(t, logger.Stats())
		require.Equal(t, 1, sink.closed)
	})
	faults.Report(t, faults.Row{
		Fault: "16 CloseTimeout", Rounds: 1, Counts: faults.Counts{Submitted: 5}, Note: "exact to the nanosecond, in fake time; said to be undelivered",
	})
}

func TestShutdownReturnsWhenTheSinkIgnoresItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		sink := &memorySink{write: func(context.Context, []audit.Entry) error {
			<-hang
			return nil
		}}
		logger := newBuffered(t, sink, audit.BufferOptions{CloseTimeout: 3 * time.Second})
		require.NoError(t, logger.Record(t.Context(), granted("m")))
		start := time.Now()
		var undelivered *audit.UndeliveredError
		require.ErrorAs(t, logger.Close(), &undelivered)
		require.Less(t, time.Since(start), 4*time.Second)
		require.Zero(t, sink.closed, "not while WriteBatch runs")
		close(hang)
		synctest.Wait()
		require.Equal(t, 1, sink.closed)
	})
}

func TestUndeliveredErrorSaysWhatTheSinkSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := newBuffered(t, &memorySink{write: func(context.Context, []audit.Entry) error { return errSink }},
			audit.BufferOptions{OnError: ignored})
		require.NoError(t, logger.Record(t.Context(), granted("m")))
		require.ErrorIs(t, logger.Close(), errSink)
	})
}

// breakable is a sink that fails as long as broken is set, as it is at first.
func breakable() (sink *memorySink, broken *atomic.Bool) {
	sink, broken = &memorySink{}, &atomic.Bool{}
	broken.Store(true)
	sink.write = func(_ context.Context, batch []audit.Entry) error {
		if broken.Load() {
			return errSink
		}
		sink.keep(batch)
		return nil
	}
	return sink, broken
}

func TestFlushThatEndsEarlySaysWhyAndDiscardsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, broken := breakable()
		logger := newBuffered(t, sink, audit.BufferOptions{OnError: ignored})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := logger.Flush(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.ErrorIs(t, err, errSink)
		broken.Store(false)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, named(1), sink.managers())
		require.NoError(t, logger.Close())
	})
}

func TestEverySecondShutdownGetsTheSameAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, _ := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{CloseTimeout: time.Second, OnError: ignored})
		require.NoError(t, logger.Record(t.Context(), granted("m")))
		var group sync.WaitGroup
		errs := make([]error, 16)
		for i := range errs {
			group.Go(func() { errs[i] = logger.Shutdown(bounded(t, time.Second)) })
		}
		group.Wait()
		require.Error(t, errs[0])
		// One of them leads; others that end at the same moment say so, or have its answer.
		require.NotZero(t, countFunc(errs, func(err error) bool {
			var undelivered *audit.UndeliveredError
			return errors.As(err, &undelivered)
		}))
		first := logger.Shutdown(t.Context())
		require.Same(t, first, logger.Close())
		require.Equal(t, 1, sink.closed)
	})
}

func bounded(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func countFunc[T any](list []T, is func(T) bool) int {
	n := 0
	for _, v := range list {
		if is(v) {
			n++
		}
	}
	return n
}

func TestASecondShutdownWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- logger.Shutdown(t.Context()) }()
		synctest.Wait()
		go func() { second <- logger.Shutdown(t.Context()) }()
		impatient := logger.Shutdown(bounded(t, time.Second))
		require.ErrorIs(t, impatient, context.DeadlineExceeded)
		require.Empty(t, second, "it does not return before the first")
		close(open)
		require.NoError(t, <-first)
		require.NoError(t, <-second)
		require.Equal(t, named(1), sink.managers())
	})
}

func TestWhatIsDoneIsSaidWhateverTheContext(t *testing.T) {
	logger := newBuffered(t, &memorySink{}, audit.BufferOptions{})
	require.NoError(t, logger.Close())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 100 {
		require.NoError(t, logger.Shutdown(ctx))
	}
}

func TestWhoWaitsForRoomGetsErrClosedWhoHasAPlaceIsDrained(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{QueueSize: 1, Ack: audit.AckDurable})
		placed, waiting := make(chan error, 1), make(chan error, 1)
		go func() { placed <- logger.Record(t.Context(), granted("m0")) }()
		synctest.Wait()
		go func() { waiting <- logger.Record(t.Context(), granted("m1")) }()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- logger.Close() }()
		require.ErrorIs(t, <-waiting, audit.ErrClosed)
		require.Empty(t, placed)
		close(open)
		require.NoError(t, <-placed, "it gets the drain's result")
		require.NoError(t, <-closed)
		require.Equal(t, named(1), sink.managers())
		requireLedger(t, logger.Stats())
	})
}

func TestWhoWaitsForAnAckLearnsThatTheDrainGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, _ := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable, CloseTimeout: time.Second, OnError: ignored})
		waiting := make(chan error, 1)
		go func() { waiting <- logger.Record(t.Context(), granted("m0")) }()
		synctest.Wait()
		require.Error(t, logger.Close())
		require.ErrorIs(t, <-waiting, audit.ErrNotDurable)
	})
}

// The sink never comes back: who waits for it must.
func TestNobodyWaitsForASinkThatShutdownGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		logger := newBuffered(t, &memorySink{write: func(context.Context, []audit.Entry) error {
			<-hang
			return nil
		}}, audit.BufferOptions{Ack: audit.AckDurable, CloseTimeout: time.Second, OnError: ignored})
		recorded, flushed := make(chan error, 1), make(chan error, 1)
		go func() { recorded <- logger.Record(t.Context(), granted("m0")) }()
		synctest.Wait()
		go func() { flushed <- logger.Flush(t.Context()) }()
		synctest.Wait()
		closed := logger.Close()
		var undelivered *audit.UndeliveredError
		require.ErrorAs(t, closed, &undelivered)
		err := <-recorded
		require.ErrorIs(t, err, audit.ErrNotDurable)
		require.ErrorIs(t, err, closed)
		require.ErrorIs(t, <-flushed, closed)
		close(hang)
	})
}

// A pause between two attempts must not eat the time that Shutdown has.
func TestShutdownTriesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, broken := breakable()
		logger := newBuffered(t, sink, audit.BufferOptions{OnError: ignored})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		<-time.After(time.Minute) // the pauses are five seconds long by now
		broken.Store(false)
		start := time.Now()
		require.NoError(t, logger.Close())
		require.Zero(t, time.Since(start))
		require.Equal(t, named(1), sink.managers())
	})
}

func TestTheSinksCloseErrorIsReturned(t *testing.T) {
	logger := newBuffered(t, &memorySink{onStop: func() error { return errSink }}, audit.BufferOptions{OnError: ignored})
	require.ErrorIs(t, logger.Close(), errSink)
}

func TestAPanicInCloseIsContained(t *testing.T) {
	logger := newBuffered(t, &memorySink{onStop: func() error { panic("oops") }}, audit.BufferOptions{OnError: ignored})
	require.ErrorContains(t, logger.Close(), "oops")
}

func TestOnErrorThatHangsOrPanicsHarmsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		attempts, reports := 0, 0
		sink := &memorySink{}
		sink.write = func(_ context.Context, batch []audit.Entry) error {
			if attempts++; attempts <= 2000 {
				return errSink
			}
			sink.keep(batch)
			return nil
		}
		logger := newBuffered(t, sink, audit.BufferOptions{CloseTimeout: time.Hour * 24, OnError: func(error) {
			if reports++; reports == 1 {
				panic("oops")
			}
			<-release
		}})
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		require.NoError(t, logger.Close())
		require.Equal(t, named(1), sink.managers())
		close(release)
	})
}

func TestStatsTellTheOldestPendingEventAndTheLastError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink, open := gate()
		logger := newBuffered(t, sink, audit.BufferOptions{BatchSize: 1})
		require.Zero(t, logger.Stats().OldestPending)
		first := time.Now()
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		<-time.After(time.Second)
		second := time.Now()
		require.NoError(t, logger.Record(t.Context(), granted("m1")))
		require.Equal(t, first, logger.Stats().OldestPending)
		open <- struct{}{}
		synctest.Wait()
		require.Equal(t, second, logger.Stats().OldestPending)
		require.Equal(t, second, logger.Stats().LastWrite)
		open <- struct{}{}
		synctest.Wait()
		require.Zero(t, logger.Stats().OldestPending)
		require.NoError(t, logger.Stats().LastError)
		require.NoError(t, logger.Close())
	})
}
