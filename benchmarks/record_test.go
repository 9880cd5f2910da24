// Package benchmarks compares the library with other loggers, in one run:
//
//	make bench
package benchmarks

import (
	"context"
	"io"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/permaudit/audit"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The reference event: what every logger gets.
var (
	attributes  = []string{"status", "owner"}
	permissions = []string{"isAdmin", "isSelf", "relatedUserField:owner"}
	metadata    = map[string]any{"request_id": "req-0123456789", "deployment": "v2026.11"}
)

func event() audit.PermissionAuditEvent {
	return audit.PermissionAuditEvent{
		Action: audit.ActionUpdate, Attributes: attributes, Granted: true, Manager: "Project", UserID: "4711",
		Permissions: permissions, Metadata: metadata,
	}
}

// BenchmarkRecord is the time of the caller. Ours goes to a real file, in bursts of
// 8000 with a Flush between them that is not counted; the others go nowhere.
func BenchmarkRecord(b *testing.B) {
	b.Run("permaudit-file", func(b *testing.B) {
		logger, err := audit.NewFileAuditLogger(filepath.Join(b.TempDir(), "permission.log"), nil)
		require.NoError(b, err)
		ctx, e := context.Background(), event()
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			if n++; n%8000 == 0 {
				b.StopTimer()
				require.NoError(b, logger.Flush(ctx))
				b.StartTimer()
			}
			if err := logger.Record(ctx, e); err != nil {
				b.Fatal(err)
			}
		}
		b.StopTimer()
		require.NoError(b, logger.Close())
	})
	b.Run("slog-discard", func(b *testing.B) {
		logger := slog.New(slog.NewJSONHandler(io.Discard, nil))
		ctx := context.Background()
		b.ReportAllocs()
		for b.Loop() {
			id := audit.NewEventID()
			logger.LogAttrs(ctx, slog.LevelInfo, "", slog.String("id", id.String()), slog.String("action", "update"),
				slog.Any("attributes", attributes), slog.Bool("granted", true), slog.Bool("bypassed", false),
				slog.String("manager", "Project"), slog.String("user_id", "4711"), slog.Any("user", nil),
				slog.Any("permissions", permissions), slog.Any("metadata", metadata))
		}
	})
	b.Run("zap-discard", func(b *testing.B) {
		logger := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
		b.ReportAllocs()
		for b.Loop() {
			id := audit.NewEventID()
			logger.Info("", zap.String("id", id.String()), zap.String("action", "update"),
				zap.Strings("attributes", attributes), zap.Bool("granted", true), zap.Bool("bypassed", false),
				zap.String("manager", "Project"), zap.String("user_id", "4711"), zap.Any("user", nil),
				zap.Strings("permissions", permissions), zap.Any("metadata", metadata))
		}
	})
	b.Run("zerolog-discard", func(b *testing.B) {
		logger := zerolog.New(io.Discard).With().Timestamp().Logger()
		b.ReportAllocs()
		for b.Loop() {
			id := audit.NewEventID()
			logger.Log().Stringer("id", id).Str("action", "update").
				Strs("attributes", attributes).Bool("granted", true).Bool("bypassed", false).
				Str("manager", "Project").Str("user_id", "4711").Interface("user", nil).
				Strs("permissions", permissions).
				Dict("metadata", zerolog.Dict().Str("deployment", "v2026.11").Str("request_id", "req-0123456789")).
				Send()
		}
	})
}
