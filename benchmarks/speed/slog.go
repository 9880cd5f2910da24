package main

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/permaudit/audit"
)

// slogLog calls the handler, which takes less than a slog.Logger. Without a time the
// record has none but ours; its level and its message stay.
type slogLog struct {
	unbuffered

	handler slog.Handler
}

func openSlog(string) (log, error) {
	return slogLog{handler: slog.NewJSONHandler(io.Discard, nil)}, nil
}

func (l slogLog) record(ctx context.Context, d *decision) error {
	var array [8]slog.Attr
	metadata := array[:0]
	for _, p := range d.pairs {
		metadata = append(metadata, slog.String(p.key, p.value))
	}
	record := slog.NewRecord(time.Time{}, slog.LevelInfo, "", 0)
	record.AddAttrs(
		slog.String("id", audit.NewEventID().String()), slog.String("timestamp", time.Now().UTC().Format(timeLayout)),
		slog.String("action", string(d.Action)), slog.Any("attributes", d.Attributes),
		slog.Bool("granted", d.Granted), slog.Bool("bypassed", d.Bypassed),
		slog.String("manager", d.Manager), slog.String("user_id", d.UserID), slog.Any("user", nil),
		slog.Any("permissions", d.Permissions), slog.GroupAttrs("metadata", metadata...))
	return l.handler.Handle(ctx, record)
}

// unbuffered is what most others have in common.
type unbuffered struct{}

func (unbuffered) flush(context.Context) error { return nil }
func (unbuffered) close() error                { return nil }
