package audittest

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/permaudit/audit"
)

// trial is a case of TestLogger at work, and its logger.
type trial struct {
	probe

	logger   audit.AuditLogger
	name     string                                                      // its type
	flush    func(context.Context) error                                 // nil: there is none
	shutdown func(context.Context) error                                 // Shutdown, or else Close; nil: there is neither
	closer   io.Closer                                                   // Close, where there is Shutdown too; or nil
	read     func(context.Context) ([]audit.PermissionAuditEvent, error) // nil: events cannot be read back
	down     bool                                                        // shutdown was called
}

// open opens the logger and finds out what it can do.
func (t *trial) open(open func(testing.TB) audit.AuditLogger) {
	t.Helper()
	opened := open(t.TB)
	if opened == nil {
		t.Fatal("open returned no logger")
	}
	t.logger, t.read = opened, reader(opened)
	if j, ok := opened.(*joined); ok {
		opened = j.logger // which may have less than j forwards
	}
	t.name = fmt.Sprintf("%T", opened)
	if logger, ok := opened.(audit.Flusher); ok {
		t.flush = logger.Flush
	}
	t.closer, _ = opened.(io.Closer)
	if logger, ok := opened.(audit.Shutdowner); ok {
		t.shutdown = logger.Shutdown
	} else if closer := t.closer; closer != nil {
		t.closer, t.shutdown = nil, func(context.Context) error { return closer.Close() }
	}
	t.Cleanup(func() {
		if t.shutdown == nil || t.down || t.hung {
			return
		}
		// The test's own context has ended. Whether Shutdown works is for the
		// cases that are named for it.
		ctx := context.WithoutCancel(t.Context())
		errs, returned := together(soon, 1, func(int) error { return t.shutdown(ctx) })
		if !returned {
			t.Logf("Shutdown has not returned after %v", soon)
		} else if errs[0] != nil {
			t.Logf("Shutdown: %v", errs[0])
		}
	})
}

func (t *trial) unreadable() string {
	return fmt.Sprintf("the events of %s cannot be read back, so that what arrives cannot be checked: "+
		"give it Events() []audit.PermissionAuditEvent or make it a query.Source, or let open return audittest.WithSource(logger, source)", t.name)
}

// record records event, which must succeed.
func (t *trial) record(ctx context.Context, event audit.PermissionAuditEvent) {
	t.Helper()
	if err := t.call("Record", patience, func() error { return t.logger.Record(ctx, event) }); err != nil {
		t.broken("Record of a valid event returned an error: %v\nThe event: %s", err, shortly(event.Freeze(ctx)))
		t.FailNow()
	}
}

// deliver flushes the logger, or shuts it down if it has no Flush.
func (t *trial) deliver() {
	t.Helper()
	switch {
	case t.down:
	case t.flush != nil:
		if err := t.call("Flush", patience, func() error { return t.flush(t.Context()) }); err != nil {
			t.broken("Flush returned an error: %v", err)
			t.FailNow()
		}
	case t.shutdown != nil:
		t.shut()
	}
}

// shut shuts the logger down, which must succeed.
func (t *trial) shut() {
	t.Helper()
	t.down = true
	if err := t.call("Shutdown", patience, func() error { return t.shutdown(t.Context()) }); err != nil {
		t.broken("Shutdown returned an error: %v", err)
		t.FailNow()
	}
}

// events reads back what the log holds now.
func (t *trial) events() []audit.PermissionAuditEvent {
	t.Helper()
	var events []audit.PermissionAuditEvent
	err := t.call("Events", patience, func() (err error) {
		events, err = t.read(t.Context())
		return err
	})
	if err != nil {
		t.Fatalf("events cannot be read back from %s: %v", t.name, err)
	}
	return events
}

// delivered delivers and reads back. ok is false if events cannot be read.
func (t *trial) delivered() (events []audit.PermissionAuditEvent, ok bool) {
	t.Helper()
	t.deliver()
	if t.read == nil {
		t.Log("only errors and panics are checked: " + t.unreadable())
		return nil, false
	}
	return t.events(), true
}
