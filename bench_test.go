package audit

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit/internal/race"
	"github.com/stretchr/testify/require"
)

// referenceEvent is what all measurements are made with: 2 attributes, 3
// permissions, 2 metadata keys, a line of about 300 bytes.
func referenceEvent() PermissionAuditEvent {
	return PermissionAuditEvent{
		Action: ActionUpdate, Attributes: []string{"status", "owner"}, Granted: true,
		Manager: "Project", UserID: "4711",
		Permissions: []string{"isAdmin", "isSelf", "relatedUserField:owner"},
		Metadata:    map[string]any{MetadataRequestID: "req-0123456789", MetadataDeployment: "v2026.11"},
	}
}

//go:noinline
func emptyFunction(context.Context, PermissionAuditEvent) error { return nil }

// BenchmarkEmitOff must be at most BenchmarkEmptyCall, with 0 allocations.
func BenchmarkEmitOff(b *testing.B) {
	ctx, event := context.Background(), referenceEvent()
	b.ReportAllocs()
	for b.Loop() {
		_ = EmitPermissionAuditEvent(ctx, event)
	}
}

func BenchmarkEmptyCall(b *testing.B) {
	ctx, event := context.Background(), referenceEvent()
	b.ReportAllocs()
	for b.Loop() {
		_ = emptyFunction(ctx, event)
	}
}

// BenchmarkRecordFile is the time of the caller: bursts of 8000, with a Flush
// between them that is not counted.
func BenchmarkRecordFile(b *testing.B) {
	logger, err := NewFileAuditLogger(filepath.Join(b.TempDir(), "permission.log"), nil)
	require.NoError(b, err)
	ctx, event := context.Background(), referenceEvent()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%8000 == 0 {
			b.StopTimer()
			require.NoError(b, logger.Flush(ctx))
			b.StartTimer()
		}
		if err := logger.Record(ctx, event); err != nil {
			b.Fatal(err)
		}
	}
	b.StopTimer()
	require.NoError(b, logger.Close())
}

// BenchmarkFileEndToEnd is the time until an event is durable, two producers.
func BenchmarkFileEndToEnd(b *testing.B) {
	logger, err := NewFileAuditLogger(filepath.Join(b.TempDir(), "permission.log"), nil)
	require.NoError(b, err)
	b.ReportAllocs()
	b.SetParallelism(1)
	b.RunParallel(func(loop *testing.PB) {
		ctx, event := context.Background(), referenceEvent()
		for loop.Next() {
			if err := logger.Record(ctx, event); err != nil {
				b.Error(err)
			}
		}
	})
	require.NoError(b, logger.Close())
}

func TestEmitWithoutLoggerAllocatesNothing(t *testing.T) {
	defer ConfigureAuditLogger(nil)()
	ctx, event := context.Background(), referenceEvent()
	require.Zero(t, testing.AllocsPerRun(1000, func() { _ = EmitPermissionAuditEvent(ctx, event) }))
}

func TestRecordToAFileAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates: run without -race")
	}
	logger, err := NewFileAuditLogger(filepath.Join(t.TempDir(), "permission.log"), nil)
	require.NoError(t, err)
	ctx := ContextWithMetadata(context.Background(), map[string]any{MetadataTraceID: "t"})
	byID, byKey := referenceEvent(), referenceEvent()
	byKey.UserID, byKey.User = "", 4711
	record := func() {
		_ = logger.Record(ctx, byID)
		_ = logger.Record(ctx, byKey)
	}
	for range 10_000 { // the buffers grow to their size
		record()
	}
	require.NoError(t, logger.Flush(ctx))
	// AllocsPerRun counts those of the worker too.
	require.Zero(t, testing.AllocsPerRun(2000, record))
	require.NoError(t, logger.Close())
}

func TestRecordToAStoreAllocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates: run without -race")
	}
	logger, err := NewDatabaseAuditLogger(&idleSink{}, nil)
	require.NoError(t, err)
	ctx, event := context.Background(), referenceEvent()
	for range 50_000 { // the buffers grow to their size
		_ = logger.Record(ctx, event)
	}
	require.NoError(t, logger.Flush(ctx))
	// The worker's few for a batch are counted too, and are less than one an event.
	require.Zero(t, testing.AllocsPerRun(20_000, func() { _ = logger.Record(ctx, event) }))
	require.NoError(t, logger.Close())
}

// idleSink is a store that does nothing.
type idleSink struct{}

func (*idleSink) WriteBatch(context.Context, []Entry) error { return nil }
func (*idleSink) Close() error                              { return nil }
