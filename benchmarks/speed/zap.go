package main

import (
	"context"
	"io"
	"time"

	"github.com/permaudit/audit"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type zapLog struct {
	unbuffered

	logger *zap.Logger
}

func openZap(string) (log, error) { return newZap(zapcore.AddSync(io.Discard)), nil }

// newZap leaves out the keys of zap's own.
func newZap(w zapcore.WriteSyncer) log {
	encoder := zapcore.NewJSONEncoder(zapcore.EncoderConfig{EncodeTime: zapcore.TimeEncoderOfLayout(timeLayout)})
	return zapLog{logger: zap.New(zapcore.NewCore(encoder, w, zap.InfoLevel))}
}

func (l zapLog) record(_ context.Context, d *decision) error {
	var array [8]zap.Field
	metadata := array[:0]
	for _, p := range d.pairs {
		metadata = append(metadata, zap.String(p.key, p.value))
	}
	l.logger.Info("", zap.String("id", audit.NewEventID().String()), zap.Time("timestamp", time.Now().UTC()),
		zap.String("action", string(d.Action)), zap.Strings("attributes", d.Attributes),
		zap.Bool("granted", d.Granted), zap.Bool("bypassed", d.Bypassed),
		zap.String("manager", d.Manager), zap.String("user_id", d.UserID), zap.Any("user", nil),
		zap.Strings("permissions", d.Permissions), zap.Dict("metadata", metadata...))
	return nil
}
