package audittest

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/permaudit/audit"
)

// errNoTime is why the contexts of these cases end.
var errNoTime = errors.New("there is no time left")

// obeysContext: a sink whose context has ended comes back soon, and a batch that it
// gives up is not there by half.
func obeysContext(s *storing) {
	first := samples(s, 4)
	want := eventsOf(s, first)
	s.write("events", first)
	for _, cancelled := range []struct {
		when   string
		before bool
		n      int
	}{
		{"whose context had ended before", true, 16},
		{"whose context ended meanwhile", false, 2000},
	} {
		batch := small(s, cancelled.n)
		after := slices.Concat(want, eventsOf(s, batch))
		ctx, cancel := context.WithCancelCause(s.Context())
		if cancelled.before {
			cancel(errNoTime)
		}
		write := func() error { return s.sink.WriteBatch(ctx, batch) }
		ok := s.interrupted(cancelled.when, want, after, batch, write, func(<-chan struct{}) { cancel(errNoTime) })
		cancel(nil)
		if !ok {
			return
		}
		want = after
	}
}

// cancelledHalfway: whatever the moment at which the context ends, a batch is stored
// or it is not.
func cancelledHalfway(s *storing) {
	const rounds, n = 60, 8
	first := small(s, n)
	want := eventsOf(s, first)
	started := time.Now() // how long a write takes says when to cancel one
	s.write("events", first)
	usual := time.Since(started)
	for round := range rounds {
		batch := small(s, n)
		after := slices.Concat(want, eventsOf(s, batch))
		ctx, cancel := context.WithCancelCause(s.Context())
		end := func() { cancel(errNoTime) }
		var interrupt func(written <-chan struct{})
		switch share := round / 3; round % 3 {
		case 0: // when the sink looks at it
			looking := &watched{Context: ctx, end: end}
			looking.looks.Store(int64(share + 1))
			ctx, interrupt = looking, func(<-chan struct{}) {}
		case 1: // after others have run
			interrupt = func(<-chan struct{}) {
				for range share * share {
					runtime.Gosched()
				}
				end()
			}
		case 2: // after a part of the usual time, or a little more than all of it
			interrupt = func(written <-chan struct{}) {
				timer := time.NewTimer(usual * time.Duration(share) * 3 / (2 * rounds / 3))
				defer timer.Stop()
				select {
				case <-timer.C:
					end()
				case <-written:
				}
			}
		}
		write := func() error { return s.sink.WriteBatch(ctx, batch) }
		ok := s.interrupted("whose context ended halfway", want, after, batch, write, interrupt)
		cancel(nil)
		if !ok {
			return
		}
		want = after
	}
}

// watched is a context that ends when somebody looks at it for the looks-th time.
type watched struct {
	context.Context

	end   func()
	looks atomic.Int64
}

func (w *watched) look() {
	if w.looks.Add(-1) == 0 {
		w.end()
	}
}

func (w *watched) Done() <-chan struct{} {
	w.look()
	return w.Context.Done()
}

func (w *watched) Err() error {
	w.look()
	return w.Context.Err()
}

// interrupted calls write, a WriteBatch of batch, while interrupt runs, which ends its
// context, and which is told when write has returned. The log must hold all events
// then or, if there was an error, those that were stored before; and all when the batch
// was written again. It reports whether all is well.
func (s *storing) interrupted(when string, stored, all []audit.PermissionAuditEvent, batch []audit.Entry,
	write func() error, interrupt func(written <-chan struct{}),
) bool {
	s.Helper()
	s.rule = returnsSoon
	written := make(chan struct{})
	err := s.all("WriteBatch, "+when+",", soon, 2, func(i int) error {
		if i == 1 {
			interrupt(written)
			return nil
		}
		defer close(written)
		return write()
	})[0]
	s.rule = allOrNothing
	if !s.settled("after a WriteBatch "+when, err, stored, all) {
		return false
	}
	if err == nil {
		return true
	}
	// A sink may need an attempt to find out that its connection is gone.
	const attempts = 3
	for range attempts {
		err = s.try(s.Context(), "the same batch again", batch)
		if !s.settled("after the same batch was written again, behind a WriteBatch "+when, err, stored, all) {
			return false
		}
		if err == nil {
			return true
		}
	}
	s.rule = comesAgain
	s.broken("after a WriteBatch %s, the same batch was refused %d times: %v", when, attempts, err)
	return false
}

// settled fails the test unless the log holds all, or what was stored before if err
// is an error. It reports whether all is well.
func (s *storing) settled(when string, err error, stored, all []audit.PermissionAuditEvent) bool {
	s.Helper()
	if err == nil {
		_, ok := s.holds(when+", which returned nil", all)
		return ok
	}
	if s.source == nil {
		return true
	}
	events := s.events()
	if compareSequences(stored, events) == "" {
		return true
	}
	if problem := compareSequences(all, events); problem != "" {
		s.broken("%s, which returned the error %q, the log holds neither all nor nothing of the batch: %s\nIt holds %d events, should hold %d or %d",
			when, err, problem, len(events), len(stored), len(all))
		return false
	}
	return true
}
