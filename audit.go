package audit

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
)

// AuditLogger takes permission decisions.
//
// Record is called concurrently, from the goroutines that made the decisions. It
// must not change the event, and must not keep a slice, a map or the User of the
// event after it returned: what must be kept is taken by event.Freeze, or by
// NewEntry in encoded form. An error means that the event is not guaranteed to be
// stored, never that it is guaranteed not to be. ctx bounds how long Record may
// wait; it says nothing about the fate of an event that was accepted.
//
// A logger that buffers should implement Flusher and Shutdowner too.
type AuditLogger interface {
	Record(ctx context.Context, event PermissionAuditEvent) error
}

// AuditLoggerFunc makes a function an AuditLogger.
type AuditLoggerFunc func(context.Context, PermissionAuditEvent) error

// Record calls f.
func (f AuditLoggerFunc) Record(ctx context.Context, event PermissionAuditEvent) error {
	return f(ctx, event)
}

// Flusher is implemented by loggers that buffer. Flush returns nil once all that
// was recorded before it is delivered; the logger stays open.
type Flusher interface {
	Flush(ctx context.Context) error
}

// Shutdowner is implemented by loggers that hold resources. Shutdown delivers
// what was recorded and releases them; it is idempotent and may be called
// concurrently.
type Shutdowner interface {
	Shutdown(ctx context.Context) error
}

// configuration is what is configured: one allocation for each call of
// ConfigureAuditLogger, so that its address tells the calls apart.
type configuration struct{ logger AuditLogger }

// current is nil while logging is off.
var current atomic.Pointer[configuration]

// noopLogger is what CurrentAuditLogger returns while logging is off.
type noopLogger struct{}

func (noopLogger) Record(context.Context, PermissionAuditEvent) error { return nil }

// ConfigureAuditLogger makes logger the one that EmitPermissionAuditEvent calls.
// Nil, or an interface that holds a nil pointer or func, turns logging off. It
// neither flushes nor closes the logger that was configured before.
//
// restore puts that one back, unless somebody else configured another since; it
// closes nothing. Tests defer it.
func ConfigureAuditLogger(logger AuditLogger) (restore func()) {
	mine, before := configure(logger)
	return func() { current.CompareAndSwap(mine, before) }
}

func configure(logger AuditLogger) (mine, before *configuration) {
	if !isNil(logger) && logger != AuditLogger(noopLogger{}) {
		mine = &configuration{logger}
	}
	return mine, current.Swap(mine)
}

// isNil reports whether v is nil or holds a nil pointer, map, func, ...
func isNil(v any) bool {
	if v == nil {
		return true
	}
	switch value := reflect.ValueOf(v); value.Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return value.IsNil()
	default:
		return false
	}
}

// CurrentAuditLogger returns the configured logger, or one that does nothing
// while logging is off. It is never nil.
func CurrentAuditLogger() AuditLogger {
	if c := current.Load(); c != nil {
		return c.logger
	}
	return noopLogger{}
}

// AuditLoggingEnabled reports whether a logger is configured. Ask it before
// building an event that is expensive to build.
func AuditLoggingEnabled() bool { return current.Load() != nil }

// EmitPermissionAuditEvent hands event to the configured logger and returns the
// logger's error. While logging is off it costs one atomic load, but its caller
// has built the event by then: guard that with AuditLoggingEnabled where it
// matters. In a DryRun nothing is handed on.
func EmitPermissionAuditEvent(ctx context.Context, event PermissionAuditEvent) error {
	if current.Load() == nil {
		return nil
	}
	return emit(ctx, event)
}

// emit is apart so that EmitPermissionAuditEvent stays small enough to be inlined.
// A logger that was replaced and closed between the look at current and the call
// loses nothing: the event goes to its successor, with the same id and time.
func emit(ctx context.Context, event PermissionAuditEvent) error {
	if isDry(ctx) {
		return nil
	}
	event.stamp()
	for c := current.Load(); c != nil; {
		err := c.logger.Record(ctx, event)
		now := current.Load()
		if now == c || !errors.Is(err, ErrClosed) {
			return err
		}
		c = now
	}
	return nil
}

// Flush flushes the configured logger, if it is a Flusher.
func Flush(ctx context.Context) error { return flushLogger(ctx, CurrentAuditLogger()) }

// Shutdown shuts the configured logger down, if it is a Shutdowner, and leaves it
// configured: what is emitted later returns the logger's ErrClosed instead of
// vanishing in silence. Call it when the last request is served.
func Shutdown(ctx context.Context) error { return shutdownLogger(ctx, CurrentAuditLogger()) }

func flushLogger(ctx context.Context, logger AuditLogger) error {
	if f, ok := logger.(Flusher); ok {
		return f.Flush(ctx)
	}
	return nil
}

func shutdownLogger(ctx context.Context, logger AuditLogger) error {
	if s, ok := logger.(Shutdowner); ok {
		return s.Shutdown(ctx)
	}
	return nil
}
