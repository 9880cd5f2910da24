package audit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A batch that was delivered just when the spooler was to take over is freed, and may soon be
// the one to which events are added.
func TestTheSpoolerLeavesADeliveredBatchAlone(t *testing.T) {
	options, err := (&DatabaseOptions{}).withDefaults()
	require.NoError(t, err)
	q := newQueue(options.Buffer, false)
	q.spooler = newSpooler(&spool{queue: q}, &worker{queue: q, timeout: options.WriteTimeout})
	record := func() {
		_, err := q.submit(t.Context(), &PermissionAuditEvent{Action: ActionRead})
		require.NoError(t, err)
	}
	record()
	q.hurry()
	turn := q.turn()
	require.Equal(t, 1, turn.batch.events)

	q.spooler.begin()
	q.spooler.takeOver()
	q.spooler.end(false)
	q.finish(turn.batch, 0, nil)
	record()
	next, on := q.spooler.turn()
	require.True(t, on)
	require.Nil(t, next.batch, "the new event waits for FlushInterval")
	require.Positive(t, next.in)
}
