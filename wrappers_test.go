package audit_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestMultiGivesAllTheSameIDAndTimestamp(t *testing.T) {
	first, second := &memorySink{}, &memorySink{}
	var third []audit.PermissionAuditEvent
	logger := audit.MultiLogger(newBuffered(t, first, audit.BufferOptions{}), nil,
		newBuffered(t, second, audit.BufferOptions{}), remember(&third))
	require.NoError(t, logger.Record(t.Context(), granted("m")))
	require.NoError(t, logger.Flush(t.Context()))
	require.Len(t, third, 1)
	for _, entry := range []audit.Entry{first.entries()[0], second.entries()[0]} {
		require.Equal(t, third[0].ID, entry.ID)
		require.Equal(t, third[0].Timestamp, entry.Timestamp)
	}
	require.NoError(t, logger.Shutdown(t.Context()))
	require.ErrorIs(t, logger.Record(t.Context(), granted("m")), audit.ErrClosed)
}

// All have the event before any ack is waited for: here the first acks only after
// the others were written, and one hangs for ever.
func TestMultiHandsToAllBeforeItWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := make(chan struct{})
		last := &memorySink{}
		last.write = func(_ context.Context, batch []audit.Entry) error {
			last.keep(batch)
			close(written)
			return nil
		}
		first := &memorySink{write: func(context.Context, []audit.Entry) error {
			<-written
			return nil
		}}
		hang := make(chan struct{})
		logger := audit.MultiLogger(
			&stub{record: func(context.Context, audit.PermissionAuditEvent) error { <-hang; return nil }},
			newBuffered(t, first, audit.BufferOptions{Ack: audit.AckDurable}),
			newBuffered(t, last, audit.BufferOptions{Ack: audit.AckDurable}),
		)
		returned := make(chan error, 1)
		go func() { returned <- logger.Record(t.Context(), granted("m")) }()
		synctest.Wait()
		require.Len(t, last.entries(), 1)
		require.Empty(t, returned, "nil means that all acked")
		close(hang)
		require.NoError(t, <-returned)
		require.NoError(t, logger.Shutdown(t.Context()))
	})
}

func TestMultiHandsToAllWhileOneHasNoRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full, open := gate()
		fine := &memorySink{}
		logger := audit.MultiLogger(newBuffered(t, full, audit.BufferOptions{QueueSize: 1}), newBuffered(t, fine, audit.BufferOptions{}))
		for _, name := range named(3) {
			go func() { _ = logger.Record(t.Context(), granted(name)) }()
		}
		<-time.After(time.Second)
		require.Len(t, fine.entries(), 3)
		close(open)
		require.NoError(t, logger.Shutdown(t.Context()))
	})
}

func TestMultiContainsPanicsAndJoinsErrors(t *testing.T) {
	broken := errors.New("broken")
	sink := &memorySink{}
	logger := audit.MultiLogger(
		audit.AuditLoggerFunc(func(context.Context, audit.PermissionAuditEvent) error { panic("oops") }),
		audit.AuditLoggerFunc(func(context.Context, audit.PermissionAuditEvent) error { return broken }),
		&stub{
			flush:    func(context.Context) error { panic("flush") },
			shutdown: func(context.Context) error { return broken },
		},
		newBuffered(t, sink, audit.BufferOptions{}),
	)
	err := logger.Record(t.Context(), granted("m"))
	require.ErrorContains(t, err, "oops")
	require.ErrorIs(t, err, broken)
	require.ErrorContains(t, logger.Flush(t.Context()), "panic: flush")
	require.Len(t, sink.entries(), 1)
	require.ErrorIs(t, logger.Shutdown(t.Context()), broken)
	require.Equal(t, 1, sink.closed, "all are tried")
}

// One that takes all the time there is must leave some to the others.
func TestMultiShutsAllDownAtTheSameTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sink := &memorySink{}
		logger := audit.MultiLogger(
			&stub{shutdown: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }},
			newBuffered(t, sink, audit.BufferOptions{}),
		)
		require.NoError(t, logger.Record(t.Context(), granted("m0")))
		require.ErrorIs(t, logger.Shutdown(bounded(t, time.Second)), context.DeadlineExceeded)
		require.Equal(t, named(1), sink.managers())
	})
}

func TestMultiKeepsTheOrder(t *testing.T) {
	sink := &memorySink{}
	logger := audit.MultiLogger(audit.MultiLogger(newBuffered(t, sink, audit.BufferOptions{})))
	for _, name := range named(1000) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
	}
	require.NoError(t, logger.Shutdown(t.Context()))
	require.Equal(t, named(1000), sink.managers())
}

func TestMultiOfNoneIsALogger(t *testing.T) {
	configure(t, audit.MultiLogger())
	require.True(t, audit.AuditLoggingEnabled())
	require.NoError(t, audit.EmitPermissionAuditEvent(t.Context(), granted("m")))
	require.True(t, audit.CurrentAuditLogger() == audit.CurrentAuditLogger(), "it can be compared") //nolint:testifylint // the comparison itself could panic
}

func TestFilterAsksAboutEveryEvent(t *testing.T) {
	var kept []audit.PermissionAuditEvent
	asked := 0
	logger := audit.FilterLogger(remember(&kept), func(_ context.Context, event audit.PermissionAuditEvent) bool {
		asked++
		if event.Manager == "panic" {
			panic("oops")
		}
		return event.Manager != "secret"
	})
	for _, name := range []string{"secret", "panic", "m"} {
		require.NoError(t, logger.Record(t.Context(), denied(name)))
		require.NoError(t, audit.MultiLogger(logger).Record(t.Context(), denied(name)))
	}
	require.Equal(t, 6, asked)
	require.Len(t, kept, 4, "an event is kept when keep panics")
}

func TestWrappersForwardTheLifecycle(t *testing.T) {
	for name, wrap := range map[string]func(audit.AuditLogger) audit.LifecycleLogger{
		"multi": func(l audit.AuditLogger) audit.LifecycleLogger { return audit.MultiLogger(l) },
		"filter": func(l audit.AuditLogger) audit.LifecycleLogger {
			return audit.FilterLogger(l, func(context.Context, audit.PermissionAuditEvent) bool { return true })
		},
		"sample": func(l audit.AuditLogger) audit.LifecycleLogger { return sampled(t, l, 0.5) },
	} {
		t.Run(name, func(t *testing.T) {
			calls := []string{}
			logger := wrap(&stub{
				record:   func(context.Context, audit.PermissionAuditEvent) error { calls = append(calls, "record"); return nil },
				flush:    func(context.Context) error { calls = append(calls, "flush"); return nil },
				shutdown: func(context.Context) error { calls = append(calls, "shutdown"); return nil },
			})
			require.NoError(t, logger.Record(t.Context(), denied("m")))
			require.NoError(t, logger.Flush(t.Context()))
			require.NoError(t, logger.Shutdown(t.Context()))
			require.Equal(t, []string{"record", "flush", "shutdown"}, calls)

			require.NoError(t, wrap(nil).Record(t.Context(), denied("m")), "nil does nothing")
			require.NoError(t, wrap(nil).Flush(t.Context()))
		})
	}
}

func sampled(t *testing.T, logger audit.AuditLogger, rate float64) audit.LifecycleLogger {
	t.Helper()
	sample, err := audit.SampleLogger(logger, rate)
	require.NoError(t, err)
	return sample
}

func TestSampleKeepsItsShareAndSaysSo(t *testing.T) {
	for _, rate := range []float64{0.01, 0.1, 0.5, 1} {
		t.Run(fmt.Sprint(rate), func(t *testing.T) {
			var kept []audit.PermissionAuditEvent
			logger := sampled(t, remember(&kept), rate)
			const users = 20_000
			metadata := map[string]any{"request_id": "r"}
			for user := range users {
				event := granted("m")
				event.UserID, event.Metadata = fmt.Sprint("user", user), metadata
				require.NoError(t, logger.Record(t.Context(), event))
			}
			// Five standard deviations of a binomial distribution.
			require.InDelta(t, users*rate, len(kept), 5*math.Sqrt(users*rate*(1-rate))+0.1)
			for _, event := range kept {
				want := map[string]any{"request_id": "r", "sample_rate": rate}
				if rate == 1 {
					delete(want, "sample_rate")
				}
				require.Equal(t, want, event.Metadata)
			}
			require.Len(t, metadata, 1, "the event's own metadata is left alone")
		})
	}
}

func TestSampleKeepsAUsersEventsTogether(t *testing.T) {
	var kept []audit.PermissionAuditEvent
	logger := sampled(t, remember(&kept), 0.3)
	for range 5 {
		for user := range 100 {
			event := granted("m")
			event.UserID, event.User = "", user
			require.NoError(t, logger.Record(t.Context(), event))
		}
	}
	count := map[string]int{}
	for _, event := range kept {
		count[event.UserID]++
	}
	for user, n := range count {
		require.Equal(t, 5, n, "events of user %s", user)
	}
}

func TestSamplesOfSamplesCarryTheSmallerRate(t *testing.T) {
	for _, rates := range [][2]float64{{0.1, 0.5}, {0.5, 0.1}} {
		var kept []audit.PermissionAuditEvent
		logger := sampled(t, sampled(t, remember(&kept), rates[0]), rates[1])
		for user := range 10_000 {
			event := granted("m")
			event.UserID = fmt.Sprint(user)
			require.NoError(t, logger.Record(t.Context(), event))
		}
		require.InDelta(t, 1000, len(kept), 150)
		require.Equal(t, map[string]any{"sample_rate": 0.1}, kept[0].Metadata)
	}
}

func TestSampleNeverDropsCriticalEvents(t *testing.T) {
	var kept []audit.PermissionAuditEvent
	logger := sampled(t, remember(&kept), 1e-9)
	bypassed := granted("bypassed")
	bypassed.Bypassed = true
	for _, event := range []audit.PermissionAuditEvent{granted("granted"), denied("denied"), bypassed} {
		require.NoError(t, logger.Record(t.Context(), event))
		require.NoError(t, audit.MultiLogger(logger).Record(t.Context(), event))
	}
	require.Len(t, kept, 4)
	for _, event := range kept {
		require.Empty(t, event.Metadata, "they stand for themselves alone")
	}
}

func TestSampleRefusesRatesThatAreNone(t *testing.T) {
	for _, rate := range []float64{0, -1, 1.1, math.NaN(), math.Inf(1)} {
		_, err := audit.SampleLogger(&stub{}, rate)
		require.ErrorContains(t, err, fmt.Sprint(rate))
	}
}

func TestMultiIsSafeForConcurrentUse(t *testing.T) {
	sink := &memorySink{}
	var mu sync.Mutex
	count := 0
	logger := audit.MultiLogger(newBuffered(t, sink, audit.BufferOptions{QueueSize: 8}),
		audit.AuditLoggerFunc(func(_ context.Context, event audit.PermissionAuditEvent) error {
			mu.Lock()
			defer mu.Unlock()
			count += strings.Count(event.Manager, "m")
			return nil
		}))
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for range 100 {
				if err := logger.Record(context.Background(), granted("m")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, logger.Shutdown(t.Context()))
	require.Len(t, sink.entries(), 1600)
	require.Equal(t, 1600, count)
}
