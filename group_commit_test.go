package audit_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// writeTime is what a write takes in the tests below, and comeBack how long somebody who
// was told takes to record the next event.
const (
	writeTime = time.Millisecond
	comeBack  = 100 * time.Microsecond
)

// slowSink takes writeTime for a batch, and notes when it began.
type slowSink struct {
	memorySink

	started time.Time
	begun   []time.Duration // since started
}

func newSlowSink() *slowSink {
	s := &slowSink{started: time.Now()}
	s.write = func(_ context.Context, batch []audit.Entry) error {
		s.begun = append(s.begun, time.Since(s.started))
		<-time.After(writeTime)
		s.keep(batch)
		return nil
	}
	return s
}

// oneAfterTheOther lets goroutines record so many events each, every one of which waits
// until it is durable. The first begins alone, the others while its event is being written.
func oneAfterTheOther(t *testing.T, logger audit.AuditLogger, event audit.PermissionAuditEvent, events ...int) {
	t.Helper()
	var group sync.WaitGroup
	for g, n := range events {
		group.Go(func() {
			<-time.After(time.Duration(g) * comeBack)
			for range n {
				require.NoError(t, logger.Record(t.Context(), event))
				<-time.After(comeBack)
			}
		})
	}
	group.Wait()
}

// They would wait for two writes each for ever: 1, 3, 1, 3 and so on.
func TestThoseWhoComeBackAreInOneBatchInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newSlowSink()
		logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable})
		oneAfterTheOther(t, logger, granted("m"), 20, 20, 20, 20)
		sizes := sink.sizes()
		require.Equal(t, []int{1, 3, 1, 3, 1, 3, 1, 3, 1, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4}, sizes[:20])
		for i := 10; i < 20; i++ {
			require.Equal(t, writeTime+comeBack, sink.begun[i]-sink.begun[i-1], "they are waited for no longer than it takes them")
		}
		require.NoError(t, logger.Close())
	})
}

func TestThoseWhoDoNotComeBackAreWaitedForOnce(t *testing.T) {
	for name, row := range map[string]struct{ interval, waits time.Duration }{
		"as long as the last write took": {0, writeTime},
		"for FlushInterval":              {3 * comeBack, 3 * comeBack},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := newSlowSink()
				logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable, FlushInterval: row.interval})
				oneAfterTheOther(t, logger, granted("m"), 20, 20, 20, 10)
				sizes := sink.sizes()
				missed := slices.Index(sizes[10:], 3) + 10 // the first without the fourth
				require.Equal(t, 4, sizes[missed-1])
				require.Equal(t, writeTime+row.waits, sink.begun[missed]-sink.begun[missed-1])
				for i := missed + 1; i < missed+8; i++ {
					require.LessOrEqual(t, sink.begun[i]-sink.begun[i-1], writeTime+comeBack)
				}
				require.NoError(t, logger.Close())
			})
		})
	}
}

// The number of those who wait changes all the time: each batch is written as soon as
// there is something in it and the sink is free.
func TestUsersWhoComeAndGoAreNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newSlowSink()
		logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable})
		var group sync.WaitGroup
		for g := range 7 {
			group.Go(func() {
				for i := range 40 {
					<-time.After(time.Duration(300+(g*461+i*i*g*97)%2900) * time.Microsecond)
					require.NoError(t, logger.Record(t.Context(), granted("m")))
				}
			})
		}
		group.Wait()
		require.NoError(t, logger.Close())
		free := time.Duration(0)
		for i, batch := range sink.batches {
			first := slices.MinFunc(batch, func(a, b audit.Entry) int { return a.Timestamp.Compare(b.Timestamp) })
			require.Equal(t, max(free, first.Timestamp.Sub(sink.started)), sink.begun[i], "batch %d", i)
			free = sink.begun[i] + writeTime
		}
	})
}

// An event that nobody waits for has been in the batch for FlushInterval already.
func TestCompanyIsNotWaitedForBeyondFlushInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := newSlowSink()
		logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckCritical, FlushInterval: writeTime / 2})
		var group sync.WaitGroup
		group.Go(func() { oneAfterTheOther(t, logger, denied("m"), 20, 20, 20, 20) })
		<-time.After(15 * writeTime)
		synctest.Wait()
		began := len(sink.begun) // one is being written
		require.NoError(t, logger.Record(t.Context(), granted("nobody waits")))
		group.Wait()
		require.Equal(t, writeTime+comeBack, sink.begun[began-1]-sink.begun[began-2], "they are waited for")
		require.Equal(t, writeTime, sink.begun[began]-sink.begun[began-1])
		require.NoError(t, logger.Close())
	})
}

func TestCloseDoesNotWaitForCompany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		logger := newBuffered(t, newSlowSink(), audit.BufferOptions{Ack: audit.AckDurable})
		oneAfterTheOther(t, logger, granted("m"), 21, 20, 20, 20)
		began := time.Now()
		require.NoError(t, logger.Close())
		require.Zero(t, time.Since(began))
	})
}

// Neither Flush nor Close waits for those who do not come back.
func TestWhoCannotWaitEndsTheWaitingForOthers(t *testing.T) {
	for name, end := range map[string]func(*audit.BufferedAuditLogger, context.Context) error{
		"Flush": (*audit.BufferedAuditLogger).Flush,
		"Close": func(l *audit.BufferedAuditLogger, _ context.Context) error { return l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sink := newSlowSink()
				logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable})
				oneAfterTheOther(t, logger, granted("m"), 21, 20, 20, 20) // they end together
				var group sync.WaitGroup
				group.Go(func() { require.NoError(t, logger.Record(t.Context(), granted("alone"))) })
				synctest.Wait()
				began := time.Now()
				require.NoError(t, end(logger, t.Context()))
				require.Equal(t, writeTime, time.Since(began))
				group.Wait()
				require.NoError(t, logger.Close())
			})
		})
	}
}
