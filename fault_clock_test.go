package audit

import (
	"context"
	"testing"
	"time"
	"unsafe"

	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// called is a sink that says that it was called.
type called struct{ calls chan struct{} }

func (s *called) WriteBatch(context.Context, []Entry) error {
	s.calls <- struct{}{}
	return nil
}

func (*called) Close() error { return nil }

// Whoever sets the clock back an hour changes neither FlushInterval nor MaxWait: both
// are counted from times that have a reading of the monotonic clock. The ids of the
// events ascend all the same.
func TestFault16IntervalsDoNotHeedTheWallClock(t *testing.T) {
	sink := &called{make(chan struct{}, 1)}
	logger, err := NewBufferedAuditLogger(sink, &BufferOptions{FlushInterval: time.Second, MaxWait: time.Hour})
	require.NoError(t, err)
	require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Granted: true}))
	logger.queue.mu.Lock()
	beforeTheClockWasSetBack(t, &logger.queue.open.opened, time.Hour)
	logger.queue.mu.Unlock()
	logger.queue.signal() // the worker asks again how long to wait
	select {
	case <-sink.calls:
	case <-time.After(time.Minute):
		require.Fail(t, "it waits for the hour to come again")
	}
	requireMonotonic(t, receipt{queue: logger.queue, ack: newAck()}.bounded().deadline)
	requireLedgerHolds(t, logger)
	require.NoError(t, logger.Close())
	requireLedgerHolds(t, logger)

	before := NewEventID()
	for range 1000 {
		after := newEventID(time.Now().Add(-time.Hour))
		require.Less(t, before.String(), after.String())
		before = after
	}
	faults.Report(t, faults.Row{Fault: "16 clock set back an hour", Rounds: 1, Counts: faults.Counts{Submitted: 1, Acked: 1, Found: 1}, Note: "ids ascend, intervals are monotonic"})
}

// beforeTheClockWasSetBack makes of a time of just now what it would be if the clock had
// been set back since: the wall clock was ahead then, the monotonic clock was not.
func beforeTheClockWasSetBack(t *testing.T, at *time.Time, by time.Duration) {
	t.Helper()
	requireMonotonic(t, *at)
	before := *at
	*(*uint64)(unsafe.Pointer(at)) += uint64(by/time.Second) << 30 // where a Time keeps the seconds of the wall clock
	require.Equal(t, by, at.Round(0).Sub(before.Round(0)))
	require.Zero(t, at.Sub(before))
}

func requireMonotonic(t *testing.T, at time.Time) {
	t.Helper()
	require.Regexp(t, ` m=[+-]\d`, at.String(), "it has a reading of the monotonic clock")
}
