package audit_test

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// countInto is a logger of the host's that counts.
func countInto(n *int) *stub {
	var mu sync.Mutex
	return &stub{record: func(context.Context, audit.PermissionAuditEvent) error {
		mu.Lock()
		defer mu.Unlock()
		*n++
		return nil
	}}
}

func TestADryRunLogsNothingWithItsContext(t *testing.T) {
	var n int
	configure(t, countInto(&n))
	sample, err := audit.SampleLogger(countInto(&n), 1)
	require.NoError(t, err)
	sink := &memorySink{}
	logger := newBuffered(t, sink, audit.BufferOptions{Ack: audit.AckDurable})
	loggers := map[string]audit.AuditLogger{
		"buffered": logger,
		"multi":    audit.MultiLogger(countInto(&n), logger),
		"filter":   audit.FilterLogger(countInto(&n), func(context.Context, audit.PermissionAuditEvent) bool { n++; return true }),
		"sample":   sample,
		"all":      audit.MultiLogger(audit.FilterLogger(audit.MultiLogger(logger, sample), func(context.Context, audit.PermissionAuditEvent) bool { n++; return true })),
	}
	invalid := audit.PermissionAuditEvent{}
	record := func(ctx context.Context) {
		require.NoError(t, audit.EmitPermissionAuditEvent(ctx, invalid), "it is not checked either")
		for name, logger := range loggers {
			require.NoError(t, logger.Record(ctx, granted("Project")), name)
			require.NoError(t, logger.Record(ctx, invalid), name)
		}
	}
	type key struct{}
	var dry context.Context
	audit.DryRun(audit.ContextWithMetadata(t.Context(), map[string]any{"k": "v"}), func(ctx context.Context) {
		require.Equal(t, map[string]any{"k": "v"}, audit.MetadataFromContext(ctx))
		dry = ctx
		inner, cancel := context.WithCancel(context.WithValue(ctx, key{}, 1))
		defer cancel()
		record(inner)
		done := make(chan struct{})
		go func() {
			defer close(done)
			record(inner)
		}()
		<-done
	})
	runtime.GC()
	runtime.GC()
	record(dry) // by somebody who outlives the dry run
	require.Zero(t, n)
	require.Zero(t, logger.Stats().Recorded)
	require.Zero(t, logger.Stats().Refused)
	require.NoError(t, logger.Close())
}

func TestADryRunLogsNothingFromItsGoroutineWhateverTheContext(t *testing.T) {
	var n int
	configure(t, countInto(&n))
	logger := newBuffered(t, &memorySink{}, audit.BufferOptions{})
	record := func(depth int) {
		atDepth(depth, func() {
			require.NoError(t, audit.EmitPermissionAuditEvent(context.Background(), granted("Project")))
			require.NoError(t, logger.Record(context.Background(), granted("Project")))
			require.NoError(t, audit.EmitPermissionAuditEvent(nil, granted("Project"))) //nolint:staticcheck // SA1012: somebody does it
		})
	}
	audit.DryRun(t.Context(), func(context.Context) {
		for depth := range 200 { // wherever a part of the stack ends
			record(depth)
		}
		audit.DryRun(t.Context(), func(context.Context) { record(0) })
		record(0)
		func() {
			defer func() { _ = recover() }()
			audit.DryRun(t.Context(), func(context.Context) { panic("new code") })
		}()
		record(0)
		runtime.GC() // nobody uses the context any more
		runtime.GC()
		record(0)
	})
	require.Zero(t, n)
	require.Zero(t, logger.Stats().Recorded)
	record(0)
	require.Equal(t, 2, n, "it is over")
	require.EqualValues(t, 1, logger.Stats().Recorded)
	require.NoError(t, logger.Close())
}

//go:noinline
func atDepth(depth int, f func()) {
	if depth == 0 {
		f()
		return
	}
	atDepth(depth-1, f)
}

func TestOthersLogDuringADryRun(t *testing.T) {
	var n int
	configure(t, countInto(&n))
	inside, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		<-inside
		for range 100 {
			_ = audit.EmitPermissionAuditEvent(t.Context(), granted("Project"))
		}
	}()
	audit.DryRun(t.Context(), func(ctx context.Context) {
		close(inside)
		_ = audit.EmitPermissionAuditEvent(ctx, granted("Project"))
		<-done
	})
	require.Equal(t, 100, n)
}

func TestAfterAGoexitOrAPanicADryRunIsOver(t *testing.T) {
	var n int
	configure(t, countInto(&n))
	for _, end := range []func(){runtime.Goexit, func() { panic("new code") }} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			defer func() {
				_ = recover()
				_ = audit.EmitPermissionAuditEvent(context.Background(), granted("Project"))
			}()
			audit.DryRun(context.Background(), func(context.Context) { end() })
		}()
		<-done
	}
	require.Equal(t, 2, n)
}

// BenchmarkEmitDuringADryRun is what an event of somebody else costs then.
func BenchmarkEmitDuringADryRun(b *testing.B) {
	defer audit.ConfigureAuditLogger(&stub{})()
	done := make(chan struct{})
	audit.DryRun(b.Context(), func(context.Context) {
		go func() {
			defer close(done)
			atDepth(20, func() {
				b.ReportAllocs()
				for b.Loop() {
					_ = audit.EmitPermissionAuditEvent(context.Background(), granted("Project"))
				}
			})
		}()
		<-done
	})
}
