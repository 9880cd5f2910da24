package audit_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

func TestAckModes(t *testing.T) {
	bypassed := granted("bypassed")
	bypassed.Bypassed = true
	for _, row := range []struct {
		ack                        audit.AckMode
		granted, denied, bypassing bool // does Record wait?
	}{
		{audit.AckQueued, false, false, false},
		{audit.AckCritical, false, true, true},
		{audit.AckDurable, true, true, true},
	} {
		t.Run(row.ack.String(), func(t *testing.T) {
			for name, event := range map[string]struct {
				event audit.PermissionAuditEvent
				waits bool
			}{"granted": {granted("g"), row.granted}, "denied": {denied("d"), row.denied}, "bypassed": {bypassed, row.bypassing}} {
				t.Run(name, func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						release := make(chan struct{})
						logger := newBuffered(t, &memorySink{write: func(context.Context, []audit.Entry) error {
							<-release
							return nil
						}}, audit.BufferOptions{Ack: row.ack, FlushInterval: time.Hour})
						returned := make(chan error, 1)
						go func() { returned <- logger.Record(t.Context(), event.event) }()
						synctest.Wait()
						require.Equal(t, event.waits, len(returned) == 0, "does Record wait?")
						close(release)
						require.NoError(t, <-returned)
						require.NoError(t, logger.Close())
					})
				})
			}
		})
	}
}

// While one batch is being written the next one fills: those who wait share a write.
func TestWaitersShareAWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := make(chan struct{})
		sink := &memorySink{}
		sink.write = func(_ context.Context, batch []audit.Entry) error {
			<-step
			sink.keep(batch)
			return nil
		}
		logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable})
		var group sync.WaitGroup
		group.Go(func() { require.NoError(t, logger.Record(t.Context(), granted("m0"))) })
		synctest.Wait() // the first is being written
		for range 63 {
			group.Go(func() { require.NoError(t, logger.Record(t.Context(), granted("m"))) })
		}
		synctest.Wait()
		step <- struct{}{}
		step <- struct{}{}
		group.Wait()
		require.Equal(t, []int{1, 63}, sink.sizes())
		require.NoError(t, logger.Close())
	})
}

func TestCancelledContextDoesNotRefuseAnEventForWhichThereIsRoom(t *testing.T) {
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, logger.Record(ctx, granted("m0")))
	require.NoError(t, logger.Close())
	require.Equal(t, named(1), sink.managers())
}

func TestAckThatComesTooLateLeavesTheEventAccepted(t *testing.T) {
	for name, bound := range map[string]struct {
		options audit.BufferOptions
		timeout time.Duration
		cause   error
	}{
		"context": {audit.BufferOptions{}, time.Second, context.DeadlineExceeded},
		"MaxWait": {audit.BufferOptions{MaxWait: time.Second}, time.Hour, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				sink := &memorySink{}
				sink.write = func(_ context.Context, batch []audit.Entry) error {
					<-release
					sink.keep(batch)
					return nil
				}
				bound.options.Ack = audit.AckDurable
				logger := newBuffered(t, sink, bound.options)
				ctx, cancel := context.WithTimeout(t.Context(), bound.timeout)
				defer cancel()
				start := time.Now()
				err := logger.Record(ctx, granted("m0"))
				require.ErrorIs(t, err, audit.ErrNotDurable)
				if bound.cause != nil {
					require.ErrorIs(t, err, bound.cause)
				}
				require.Equal(t, time.Second, time.Since(start))
				close(release)
				require.NoError(t, logger.Close())
				require.Equal(t, named(1), sink.managers())
			})
		})
	}
}
