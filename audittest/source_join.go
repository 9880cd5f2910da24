package audittest

import (
	"context"
	"io"
	"iter"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// WithSource returns logger, joined with the source from which its events are read
// back: that is what TestLogger needs to see what arrived. The source is read after
// Flush, or after Shutdown if there is no Flush, and must still be readable then.
//
// Flush, Shutdown and Close are forwarded; those that logger has not do nothing and
// return nil.
func WithSource(logger audit.AuditLogger, source query.Source) audit.AuditLogger {
	return &joined{logger, source}
}

// joined is a logger with a source.
type joined struct {
	logger audit.AuditLogger
	source query.Source
}

func (j *joined) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	return j.logger.Record(ctx, event)
}

func (j *joined) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return j.source.Events(ctx, f)
}

func (j *joined) Flush(ctx context.Context) error {
	if logger, ok := j.logger.(audit.Flusher); ok {
		return logger.Flush(ctx)
	}
	return nil
}

func (j *joined) Shutdown(ctx context.Context) error {
	if logger, ok := j.logger.(audit.Shutdowner); ok {
		return logger.Shutdown(ctx)
	}
	return nil
}

func (j *joined) Close() error {
	if logger, ok := j.logger.(io.Closer); ok {
		return logger.Close()
	}
	return nil
}

// keeper is a logger that hands its events out, as a Recorder does.
type keeper interface {
	Events() []audit.PermissionAuditEvent
}

// reader finds out how the events of a logger are read back; nil: not at all.
func reader(logger audit.AuditLogger) func(context.Context) ([]audit.PermissionAuditEvent, error) {
	switch logger := logger.(type) {
	case query.Source:
		return func(ctx context.Context) ([]audit.PermissionAuditEvent, error) {
			return collect(logger.Events(ctx, query.Filter{}))
		}
	case keeper:
		return func(context.Context) ([]audit.PermissionAuditEvent, error) { return logger.Events(), nil }
	}
	return nil
}

// collect takes all events of a sequence, up to the first error.
func collect(events iter.Seq2[audit.PermissionAuditEvent, error]) ([]audit.PermissionAuditEvent, error) {
	var all []audit.PermissionAuditEvent
	for event, err := range events {
		if err != nil {
			return all, err
		}
		all = append(all, event)
	}
	return all, nil
}
