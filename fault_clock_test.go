package audit

import (
	"context"
	"testing"
	"time"

	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// idle is a sink that does nothing.
type idle struct{}

func (idle) WriteBatch(context.Context, []Entry) error { return nil }
func (idle) Close() error                              { return nil }

// Whoever sets the clock back an hour changes neither FlushInterval nor MaxWait: both
// are counted from times that have a reading of the monotonic clock. The ids of the
// events ascend all the same.
func TestFault16IntervalsDoNotHeedTheWallClock(t *testing.T) {
	logger, err := NewBufferedAuditLogger(idle{}, &BufferOptions{FlushInterval: time.Hour, MaxWait: time.Hour})
	require.NoError(t, err)
	event := PermissionAuditEvent{Action: ActionRead, Granted: true}
	require.NoError(t, logger.Record(t.Context(), event))
	logger.queue.mu.Lock()
	opened := logger.queue.open.opened
	logger.queue.mu.Unlock()
	requireMonotonic(t, opened)
	requireMonotonic(t, receipt{queue: logger.queue, ack: newAck()}.bounded().deadline)
	require.NoError(t, logger.Close())

	before := NewEventID()
	for range 1000 {
		after := newEventID(time.Now().Add(-time.Hour))
		require.Less(t, before.String(), after.String())
		before = after
	}
	faults.Report(t, faults.Row{Fault: "16 clock set back an hour", Rounds: 1, Note: "ids ascend, intervals are monotonic"})
}

func requireMonotonic(t *testing.T, at time.Time) {
	t.Helper()
	require.Regexp(t, ` m=[+-]\d`, at.String(), "it has a reading of the monotonic clock")
}
