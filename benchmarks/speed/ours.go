package main

import (
	"context"

	"github.com/permaudit/audit"
)

// ours is a logger of the library.
type ours struct {
	logger interface {
		audit.AuditLogger
		audit.Flusher
		Close() error
	}
}

func (o ours) record(ctx context.Context, d *decision) error {
	return o.logger.Record(ctx, d.PermissionAuditEvent)
}

func (o ours) flush(ctx context.Context) error { return o.logger.Flush(ctx) }
func (o ours) close() error                    { return o.logger.Close() }

func openQueued(path string) (log, error)   { return openOurs(path, nil) }
func openCritical(path string) (log, error) { return openAck(path, audit.AckCritical) }
func openDurable(path string) (log, error)  { return openAck(path, audit.AckDurable) }

func openAck(path string, ack audit.AckMode) (log, error) {
	return openOurs(path, &audit.FileOptions{Buffer: audit.BufferOptions{Ack: ack}})
}

func openOurs(path string, options *audit.FileOptions) (log, error) {
	logger, err := audit.NewFileAuditLogger(path, options)
	if err != nil {
		return nil, err
	}
	return ours{logger}, nil
}
