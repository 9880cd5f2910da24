package audittest

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/permaudit/audit"
)

// flushKeepsOpen: Flush is no end, and not the last one.
func flushKeepsOpen(t *trial) {
	t.deliver() // nothing, so far
	var want []audit.PermissionAuditEvent
	for i := range 3 {
		event := sample(i)
		want = append(want, event)
		if err := t.call("Record", patience, func() error { return t.logger.Record(t.Context(), event) }); err != nil {
			t.broken("Record after Flush returned an error: %v", err)
			return
		}
		if events, ok := t.delivered(); ok {
			t.arrived(events, want)
		}
	}
}

// shutdownDrains: nothing that was accepted is left behind.
func shutdownDrains(t *trial) {
	var want []audit.PermissionAuditEvent
	for i := range 64 {
		event := sample(i)
		want = append(want, event)
		t.record(t.Context(), event)
	}
	t.shut()
	t.arrived(t.events(), want)
}

// shutdownTwice: all who call it are told the same, once it is true.
func shutdownTwice(t *trial) {
	const callers = 4
	var want []audit.PermissionAuditEvent
	for i := range 64 {
		event := sample(i)
		want = append(want, event)
		t.record(t.Context(), event)
	}
	t.down = true
	var reading sync.Mutex
	var seen [callers][]audit.PermissionAuditEvent
	answers := t.all("Shutdown, called concurrently,", patience, callers, func(i int) error {
		if err := t.shutdown(t.Context()); err != nil || t.read == nil {
			return err
		}
		reading.Lock()
		defer reading.Unlock()
		var err error
		seen[i], err = t.read(t.Context())
		if err != nil {
			err = fmt.Errorf("events cannot be read back: %w", err)
		}
		return err
	})
	again := func(what string, shut func() error) {
		answers = append(answers, t.call(what, patience, shut))
	}
	again("Shutdown, called again,", func() error { return t.shutdown(t.Context()) })
	if t.closer != nil {
		again("Close, called after Shutdown,", t.closer.Close)
	}
	for _, answer := range answers[1:] {
		if fmt.Sprint(answer) != fmt.Sprint(answers[0]) {
			t.broken("Shutdown gave different answers: %v and %v. Let all callers wait for the same result", answers[0], answer)
			return
		}
	}
	if answers[0] != nil || t.read == nil {
		return
	}
	for _, events := range seen {
		if got, _ := byID(events); len(got) < len(want) {
			t.broken("one of several concurrent calls of Shutdown returned nil when %d of %d events had been delivered. "+
				"Let it wait for the call that is delivering them", len(got), len(want))
			return
		}
	}
}

// shutdownObeysContext: who has no time is not kept waiting.
func shutdownObeysContext(t *trial) {
	for i := range 8 {
		t.record(t.Context(), sample(i))
	}
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no time"))
	t.down = true
	_ = t.call("Shutdown, with a context that has ended,", soon, func() error { return t.shutdown(ended) })
	_ = t.call("Shutdown, called again,", patience, func() error { return t.shutdown(t.Context()) })
}

// recordAfterShutdown: a decision never vanishes in silence.
func recordAfterShutdown(t *trial) {
	t.shut()
	event := sample(0)
	err := t.call("Record, called after Shutdown,", patience, func() error { return t.logger.Record(t.Context(), event) })
	if !errors.Is(err, audit.ErrClosed) {
		t.broken("Record after Shutdown returned %v: want an error that wraps audit.ErrClosed, so that a decision which is not logged never vanishes in silence", err)
	}
	if t.read != nil {
		if events := t.events(); len(events) > 0 {
			t.broken("Record was called after Shutdown, and its event is in the log")
		}
	}
}
