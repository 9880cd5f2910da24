package audittest

import (
	"testing"

	"github.com/permaudit/audit"
)

// TestLogger checks that a logger keeps the contract of audit.AuditLogger. Each case
// is a subtest of t, for which open is called once: it returns a logger whose log is
// empty, that drops nothing by policy, and that has room for a thousand events. What
// the logger needs is cleaned up by tb.Cleanup; a Shutdown, or else a Close, is
// called by TestLogger before.
//
// The package documentation lists the cases and says how events are read back.
func TestLogger(t *testing.T, open func(tb testing.TB) audit.AuditLogger) {
	t.Helper()
	for _, c := range loggerCases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// loggerCase checks one promise.
type loggerCase struct {
	name  string
	needs need
	who   string // says the rule
	rule  string // the promise, as it stands in that comment
	run   func(*trial)
}

// need is what a logger must have for a case to make sense.
type need uint8

const (
	readable need = 1 << iota // events can be read back
	flushes                   // Flush
	shuts                     // Shutdown or Close
)

var loggerCases = []loggerCase{
	{
		"Delivers", readable, "audit.AuditLogger",
		"An error means that the event is not guaranteed to be stored", delivers,
	},
	{
		"FillsIn", readable, "audit.PermissionAuditEvent.Freeze",
		"ID, Timestamp, UserID and the metadata of ctx are filled in", fillsIn,
	},
	{
		"NullUserAndManager", readable, "audit.PermissionAuditEvent",
		"The zero value of every field but Action is meaningful", nullUserAndManager,
	},
	{
		"Once", readable, "audit.Sink",
		"skips entries whose ID it has already", once,
	},
	{
		"Order", readable, "query.Source",
		"in order of arrival", order,
	},
	{
		"Concurrent", 0, "audit.AuditLogger",
		"Record is called concurrently, from the goroutines that made the decisions", concurrent,
	},
	{
		"KeepsNothing", readable, "audit.AuditLogger",
		"must not keep a slice, a map or the User of the event after it returned", keepsNothing,
	},
	{
		"ChangesNothing", 0, "audit.AuditLogger",
		"It must not change the event", changesNothing,
	},
	{
		"HostileUser", 0, "audit.PermissionAuditEvent.User",
		"never its fields, which may hold secrets", hostileUser,
	},
	{
		"HostileMetadata", 0, "audit.PermissionAuditEvent.Freeze",
		"metadata values other than numbers, strings, booleans and times, and maps and slices of them, are replaced by what their JSON form says", hostileMetadata,
	},
	{
		"InvalidEvent", 0, "audit.ErrInvalidEvent",
		"its action is empty or longer than MaxActionBytes. Nothing was queued", invalidEvent,
	},
	{
		"ContextDone", 0, "audit.AuditLogger",
		"ctx bounds how long Record may wait; it says nothing about the fate of an event that was accepted", contextDone,
	},
	{
		"FlushKeepsOpen", flushes, "audit.Flusher",
		"the logger stays open", flushKeepsOpen,
	},
	{
		"ShutdownDrains", readable | shuts, "audit.Shutdowner",
		"Shutdown delivers what was recorded and releases them", shutdownDrains,
	},
	{
		"ShutdownTwice", shuts, "audit.Shutdowner",
		"it is idempotent and may be called concurrently", shutdownTwice,
	},
	{
		"ShutdownObeysContext", shuts, "audit.BufferedAuditLogger.Shutdown",
		"The ctx of the first call bounds that", shutdownObeysContext,
	},
	{
		"RecordAfterShutdown", shuts, "audit.ErrClosed",
		"ErrClosed is returned by every method of a logger that is shut down", recordAfterShutdown,
	},
}

// test runs the case, on any testing.TB.
func (c loggerCase) test(tb testing.TB, open func(testing.TB) audit.AuditLogger) {
	tb.Helper()
	t := &trial{probe: probe{TB: tb, who: c.who, rule: c.rule}}
	t.open(open)
	switch {
	case c.needs&flushes != 0 && t.flush == nil:
		t.Skipf("%s has no Flush(context.Context) error, so that there is nothing to check: see audit.Flusher", t.name)
	case c.needs&shuts != 0 && t.shutdown == nil:
		t.Skipf("%s has neither Shutdown(context.Context) error nor Close() error, so that there is nothing to check: see audit.Shutdowner", t.name)
	case c.needs&readable != 0 && t.read == nil:
		t.Skip(t.unreadable())
	}
	if t.read != nil {
		if events := t.events(); len(events) > 0 {
			t.Fatalf("open must return a logger whose log is empty, one for each case: %s", list(events, nil))
		}
	}
	c.run(t)
}
