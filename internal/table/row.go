package table

import (
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// row is one row, as it was scanned.
type row struct {
	id      int64
	eventID string
	created func() (time.Time, error) // nil: it was not read
	entry   audit.Entry

	identity string // for a watcher

	granted, bypassed truth
}

func (r *row) size() int {
	e := &r.entry
	return len(e.Manager) + len(e.UserID) + len(e.User) + len(e.Attributes) + len(e.Permissions) + len(e.Metadata) + len(e.Sanitized)
}

// event returns the event, or what is damaged.
func (r *row) event(place string) (audit.PermissionAuditEvent, error) {
	event, err := r.decode()
	if err != nil {
		return audit.PermissionAuditEvent{}, &query.DamageError{File: place, Line: int(r.id), Err: err}
	}
	return event, nil
}

func (r *row) decode() (event audit.PermissionAuditEvent, err error) {
	if r.eventID != "" {
		if r.entry.ID, err = audit.ParseEventID(r.eventID); err != nil {
			return event, err
		}
	}
	if r.created != nil {
		if r.entry.Timestamp, err = r.created(); err != nil {
			return event, fmt.Errorf("created_at: %w", err)
		}
	}
	if r.entry.Granted, err = r.granted.value(); err != nil {
		return event, fmt.Errorf("granted: %w", err)
	}
	if r.entry.Bypassed, err = r.bypassed.value(); err != nil {
		return event, fmt.Errorf("bypassed: %w", err)
	}
	return r.entry.Event()
}

// truth is a boolean that may be none.
type truth struct {
	read bool
	sql.NullBool
}

// Scan implements sql.Scanner.
func (t *truth) Scan(value any) error {
	t.read = true
	return t.NullBool.Scan(value)
}

func (t *truth) value() (bool, error) {
	if t.read && !t.Valid {
		return false, errors.New("it is no boolean")
	}
	return t.Bool, nil
}
