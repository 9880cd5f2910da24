package audit_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// spooling starts a logger with a spool at path, in front of a store.
func spooling(t *testing.T, store audit.Sink, path string, change func(*audit.DatabaseOptions)) *audit.DatabaseAuditLogger {
	t.Helper()
	options := &audit.DatabaseOptions{SpoolPath: path, Buffer: audit.BufferOptions{OnError: ignored, CloseTimeout: time.Hour}}
	if change != nil {
		change(options)
	}
	sampled := &sampling{Sink: store, t: t}
	logger, err := audit.NewDatabaseAuditLogger(sampled, options)
	require.NoError(t, err)
	sampled.begin(logger)
	return logger
}

func durable(o *audit.DatabaseOptions) { o.Buffer.Ack = audit.AckDurable }

func spoolPath(t *testing.T) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "audit.spool")
}

// spoolFiles are the files of a spool, in their order.
func spoolFiles(t *testing.T, path string) []string {
	t.Helper()
	rotated, err := filepath.Glob(strings.TrimSuffix(path, ".spool") + "-*.spool")
	require.NoError(t, err)
	return append(rotated, path)
}

func recordAll(t *testing.T, logger audit.AuditLogger, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
		if counted, ok := logger.(interface{ Stats() audit.Stats }); ok {
			requireLedger(t, counted.Stats())
		}
	}
}

func TestWhileTheDatabaseIsDownEventsAreDurableInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		start := time.Now()
		recordAll(t, logger, named(100)...)
		require.Less(t, time.Since(start), time.Second, "they do not wait for the database")
		require.Equal(t, named(100), logged(t, spoolFiles(t, path)...), "it is a log like any other")
		stats := logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{100, 100, 100, 0}, []uint64{stats.Recorded, stats.Pending, stats.Spooled, stats.Written})
		require.ErrorIs(t, stats.LastError, errSink)

		broken.Store(false)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, named(100), store.managers(), "in order, each once")
		stats = logger.Stats()
		requireLedger(t, stats)
		require.Equal(t, []uint64{100, 0, 0}, []uint64{stats.Written, stats.Pending, stats.Spooled})
		require.NoError(t, logger.Close())
		require.Empty(t, logged(t, spoolFiles(t, path)...))
		require.Len(t, spoolFiles(t, path), 1)
	})
}

func TestADatabaseThatWorksNeedsNoSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := &memorySink{}
		store.write = func(_ context.Context, batch []audit.Entry) error {
			<-time.After(499 * time.Millisecond)
			store.keep(batch)
			return nil
		}
		path := spoolPath(t)
		logger := spooling(t, store, path, func(o *audit.DatabaseOptions) { o.Buffer.OnError = quiet(t) })
		for _, name := range named(50) {
			recordAll(t, logger, name)
			<-time.After(50 * time.Millisecond)
			require.Zero(t, logger.Stats().Spooled)
			require.Empty(t, logged(t, path))
		}
		require.NoError(t, logger.Flush(t.Context()))
		require.NoError(t, logger.Close())
		require.Equal(t, named(50), store.managers())
	})
}

func TestADatabaseThatHangsDelaysNobodyForLong(t *testing.T) {
	for _, timeout := range []time.Duration{time.Minute, 5 * time.Second, 200 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			store, open := gate()
			path := spoolPath(t)
			logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
				o.WriteTimeout, o.Buffer.Ack = timeout, audit.AckDurable
			})
			start := time.Now()
			recordAll(t, logger, "m0")
			require.Equal(t, min(timeout, 500*time.Millisecond), time.Since(start))
			for _, name := range named(400)[1:] {
				start := time.Now()
				recordAll(t, logger, name)
				require.Zero(t, time.Since(start), "the database is known to hang: %s", name)
				<-time.After(110 * time.Millisecond)
			}
			close(open)
			require.NoError(t, logger.Flush(t.Context()))
			require.Equal(t, named(400), store.managers())
			require.NoError(t, logger.Close())
		})
	}
}

// The sink does not even heed its context.
func TestASinkThatNeverReturnsHoldsNobodyUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := make(chan struct{})
		store := &memorySink{write: func(context.Context, []audit.Entry) error {
			<-hang
			return errSink
		}}
		path := spoolPath(t)
		logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
			o.Buffer.Ack, o.Buffer.QueueSize, o.Buffer.CloseTimeout = audit.AckDurable, 1, time.Second
		})
		recordAll(t, logger, named(20)...)
		start := time.Now()
		err := logger.Close()
		require.ErrorContains(t, err, "close sink", "the store is not closed")
		var undelivered *audit.UndeliveredError
		require.NotErrorAs(t, err, &undelivered)
		require.Less(t, time.Since(start), 2*time.Second)
		require.Equal(t, named(20), logged(t, spoolFiles(t, path)...))
		require.EqualValues(t, 20, logger.Stats().Spooled)
		close(hang)
		synctest.Wait()
	})
}

func TestFlushWaitsForTheDatabaseNotForTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		logger := spooling(t, store, spoolPath(t), nil)
		recordAll(t, logger, named(3)...)
		for range 2 { // the second one finds the queue empty
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			err := logger.Flush(ctx)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorIs(t, err, errSink)
			cancel()
		}
		require.EqualValues(t, 3, logger.Stats().Spooled)
		broken.Store(false)
		require.NoError(t, logger.Flush(t.Context()))
		require.Equal(t, named(3), store.managers())
		require.NoError(t, logger.Close())
	})
}

func TestShutdownLeavesInTheSpoolWhatIsSafeThere(t *testing.T) {
	for name, hangs := range map[string]bool{"fails": false, "hangs": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				store, _ := breakable()
				if hangs {
					store, _ = gate()
				}
				path := spoolPath(t)
				logger := spooling(t, store, path, nil)
				recordAll(t, logger, named(2000)...)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.NoError(t, logger.Shutdown(ctx))
				stats := logger.Stats()
				requireLedger(t, stats)
				require.Equal(t, []uint64{2000, 2000}, []uint64{stats.Pending, stats.Spooled})
				require.Equal(t, named(2000), logged(t, spoolFiles(t, path)...))
				require.Equal(t, 1, store.closed)
			})
		})
	}
}

func TestShutdownDeliversWhatIsInTheSpoolIfItCan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		logger := spooling(t, store, spoolPath(t), durable)
		recordAll(t, logger, named(100)...)
		<-time.After(time.Minute) // the pauses are five seconds long
		broken.Store(false)
		start := time.Now()
		require.NoError(t, logger.Close())
		require.Zero(t, time.Since(start))
		require.Equal(t, named(100), store.managers())
		require.Zero(t, logger.Stats().Spooled)
	})
}

// Events keep coming while the spool is emptied, each as soon as the one before it is
// durable, and faster than the database takes them: the logger must not go on spooling
// for ever.
func TestTheSpoolIsLeftUnderSteadyLoad(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		inner := store.write
		store.write = func(ctx context.Context, batch []audit.Entry) error {
			<-time.After(2 * time.Millisecond)
			return inner(ctx, batch)
		}
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		names := named(10_000)
		left := -1
		for i, name := range names {
			if i == 100 {
				broken.Store(false)
			}
			recordAll(t, logger, name)
			if left < 0 && i > 100 && logger.Stats().Spooled == 0 {
				left = i
			}
			<-time.After(time.Millisecond)
		}
		require.Positive(t, left, "the spool is still in use after 10 seconds")
		require.NoError(t, logger.Close())
		require.Equal(t, names, store.managers())
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Empty(t, text)
	})
}

// While the database has not confirmed them, the events are in their file, whatever
// else happens.
func TestWhatIsInTheSpoolStaysThereUntilItIsCommitted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, open := gate()
		path := spoolPath(t)
		logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
			o.Buffer.Ack, o.Buffer.BatchSize, o.SpoolMaxBytes, o.WriteTimeout = audit.AckDurable, 100, 1<<20, time.Minute
		})
		recordAll(t, logger, named(500)...) // two files
		for logger.Stats().Spooled > 0 {
			<-time.After(100 * time.Second) // an attempt fails, and another one is under way
			delivered := int(logger.Stats().Written)
			require.Equal(t, named(500)[delivered:], logged(t, spoolFiles(t, path)...)[delivered-gone(t, path, 500):])
			open <- struct{}{}
			synctest.Wait()
		}
		close(open)
		require.NoError(t, logger.Close())
		require.Equal(t, named(500), store.managers())
	})
}

// gone is how many of the events that were in a spool are not in it any more.
func gone(t *testing.T, path string, were int) int {
	t.Helper()
	return were - len(logged(t, spoolFiles(t, path)...))
}

func TestNoSecretIsInTheSpoolOrTheDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		inner := store.write
		store.write = func(ctx context.Context, batch []audit.Entry) error {
			if broken.Load() {
				return inner(ctx, batch)
			}
			return audit.Permanent(errSink)
		}
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		secret := granted("m0")
		secret.Metadata = map[string]any{"password": "hunter2", "request": map[string]any{"headers": []any{map[string]any{"Authorization": "hunter2"}}}}
		require.NoError(t, logger.Record(t.Context(), secret))
		require.Equal(t, named(1), logged(t, path))
		for _, file := range []string{path, path + ".dead"} {
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NotContains(t, string(text), "hunter2")
			broken.Store(false)
			require.NoError(t, logger.Flush(t.Context()))
		}
		require.EqualValues(t, 1, logger.Stats().DeadLettered)
		require.Equal(t, named(1), logged(t, path+".dead"))
		require.NoError(t, logger.Close())
	})
}

func TestStatsTellTheOldestEventInTheSpool(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, broken := breakable()
		path := spoolPath(t)
		logger := spooling(t, store, path, durable)
		first := time.Now()
		recordAll(t, logger, "m0")
		<-time.After(time.Hour)
		recordAll(t, logger, "m1")
		require.Equal(t, first, logger.Stats().OldestPending.Round(0).Local())
		require.NoError(t, logger.Close())
		logger = spooling(t, &memorySink{write: store.write}, path, durable)
		require.True(t, first.Equal(logger.Stats().OldestPending), "the next process knows it too")
		broken.Store(false)
		require.NoError(t, logger.Flush(t.Context()))
		require.Zero(t, logger.Stats().OldestPending)
		require.NoError(t, logger.Close())
	})
}

func TestWhatIsDeliveredIsDeletedBitByBit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, open := gate()
		path := spoolPath(t)
		logger := spooling(t, store, path, func(o *audit.DatabaseOptions) {
			o.SpoolMaxBytes, o.Buffer.BatchSize, o.WriteTimeout = 1<<20, 100, time.Hour
		})
		recordAll(t, logger, named(4000)...)
		<-time.After(time.Minute)
		before := len(spoolFiles(t, path))
		require.Greater(t, before, 8)
		for i := range 20 {
			open <- struct{}{}
			synctest.Wait()
			require.Len(t, store.managers(), 100*(i+1))
		}
		require.InDelta(t, before/2, len(spoolFiles(t, path)), 2)
		close(open)
		require.NoError(t, logger.Close())
		require.Equal(t, named(4000), store.managers())
		require.Len(t, spoolFiles(t, path), 1)
	})
}
