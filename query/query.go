// Package query reads permission events back.
package query

import (
	"context"
	"iter"
	"time"

	"github.com/permaudit/audit"
)

// Source is where events are read back from. Events yields those that match f, in
// order of arrival, or newest first if f says so. An error that is a *DamageError
// concerns one line, and the reading goes on; any other error is the last pair.
// A Source may be used concurrently, and the sequence more than once.
type Source interface {
	Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error]
}

// Filter selects events. The zero value selects everything, in order of arrival.
// An event has to satisfy every field.
type Filter struct {
	Since, Until time.Time // [Since, Until); zero: open

	Action, Manager, User Terms
	// Attribute and Permission match an event if one of its values does.
	Attribute, Permission Terms
	Metadata              map[string]Terms // by key

	Granted, Bypassed Choice

	Newest bool   // newest first
	Limit  int    // at most so many; 0: all
	Fields Fields // what the caller needs of each event; zero: all
}

// Terms match a value that is one of In (or any, if In is empty) and none of NotIn.
type Terms struct{ In, NotIn []string }

// Choice selects by a boolean.
type Choice uint8

// The zero Choice is Any.
const (
	Any Choice = iota
	Yes
	No
)

// Fields is a set of fields of an event.
type Fields uint32
