package main

import (
	"context"
	"io"
	"sync"

	"github.com/permaudit/audit"
)

// printLogger is about the smallest logger there is: it writes each event as a line
// of JSON, and Record returns when that is done.
type printLogger struct {
	mu sync.Mutex
	w  io.Writer
}

// Record implements audit.AuditLogger. It is called concurrently, hence the mutex; the
// event is encoded before it is locked, so that nobody waits for another's event.
func (l *printLogger) Record(ctx context.Context, event audit.PermissionAuditEvent) error {
	entry, err := audit.NewEntry(ctx, event) // refuses what is no event, hides secrets, keeps nothing
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.w.Write(append(entry.AppendJSON(nil), '\n'))
	return err
}
