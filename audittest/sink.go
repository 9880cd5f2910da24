package audittest

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// TestSink checks that a sink keeps the contract of audit.Sink, be it a database or
// anything else. Each case is a subtest of t, for which open is called at least once:
// it returns a sink that has stored nothing, and the source from which what it stores
// is read back; for a store that is the same value twice. What open needs is cleaned
// up by tb.Cleanup; Close is called by TestSink before, once.
//
// Without a source, which is nil then, only errors, panics, hangs and data races are
// found, and the cases that need more are skipped.
//
// The package documentation lists the cases.
func TestSink(t *testing.T, open func(tb testing.TB) (audit.Sink, query.Source)) {
	t.Helper()
	for _, c := range sinkCases {
		t.Run(c.name, func(t *testing.T) { c.test(t, open) })
	}
}

// sinkCase checks one promise.
type sinkCase struct {
	name  string
	needs need // readable, or nothing
	who   string
	rule  string // the promise, as it stands in that comment
	run   func(*storing)
}

// The sentences that several cases quote.
const (
	allOrNothing = "WriteBatch stores the batch, all of it or nothing"
	skipsRepeats = "skips entries whose ID it has already"
	comesAgain   = "after an error of unknown outcome the batch comes again"
	returnsSoon  = "should return soon after ctx is cancelled"
)

var sinkCases = []sinkCase{
	{
		"Delivers", readable, "audit.Sink",
		allOrNothing, storesFields,
	},
	{
		"Repaired", 0, "audit.Entry",
		`"" is null; valid UTF-8 without NUL`, storesRepaired,
	},
	{
		"Order", readable, "query.Source",
		"Arrival is the order in which they were written", storesInOrder,
	},
	{
		"EmptyBatch", 0, "audit.Sink",
		allOrNothing, storesNothing,
	},
	{
		"Large", 0, "audit.Sink",
		allOrNothing, storesLarge,
	},
	{
		"Repeated", 0, "audit.Sink",
		comesAgain, skipsBatch,
	},
	{
		"PartlyRepeated", 0, "audit.Sink",
		skipsRepeats, skipsSome,
	},
	{
		"RepeatedInBatch", 0, "audit.Sink",
		skipsRepeats, skipsWithin,
	},
	{
		"KeepsNothing", 0, "audit.Entry",
		"The entries of a batch and their slices are valid until WriteBatch returns", copies,
	},
	{
		"ChangesNothing", 0, "audit.Sink",
		"It must not change the batch", leavesBatch,
	},
	{
		"ContextDone", 0, "audit.Sink",
		returnsSoon, obeysContext,
	},
	{
		"CancelledHalfway", 0, "audit.Sink",
		allOrNothing, cancelledHalfway,
	},
	{
		"ReadsMeanwhile", readable, "query.Source",
		"A Source may be used concurrently", readsMeanwhile,
	},
	{
		"Closes", 0, "audit.Sink",
		"Close is called once, after the last WriteBatch has returned", closes,
	},
}

// test runs the case, on any testing.TB.
func (c sinkCase) test(tb testing.TB, open func(testing.TB) (audit.Sink, query.Source)) {
	tb.Helper()
	s := &storing{probe: probe{TB: tb, who: c.who, rule: c.rule}, opener: open}
	s.open()
	switch {
	case s.source != nil:
	case c.needs&readable != 0:
		s.Skip(s.unreadable())
	default:
		s.Log("only errors and panics are checked: " + s.unreadable())
	}
	c.run(s)
}
