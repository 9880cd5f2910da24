package audittest

import (
	"fmt"
	"runtime"
	"slices"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// readsMeanwhile: who reads does not disturb the one who writes, nor the other way
// round.
func readsMeanwhile(s *storing) {
	const batches, n = 24, 16
	all := small(s, batches*n)
	want := eventsOf(s, all)
	position := map[audit.EventID]int{}
	for i := range all {
		position[all[i].ID] = i
	}
	var (
		begins  = make(chan struct{}) // a read does, and a write with it
		stopped = make(chan struct{}) // closed by the reader
		written = make(chan struct{}) // closed by the writer
	)
	errs := s.all("WriteBatch or Events, called concurrently,", patience, 2, func(i int) error {
		if i == 0 {
			defer close(written)
			for batch := range slices.Chunk(all, n) {
				select {
				case <-begins:
				case <-stopped:
				}
				if err := s.sink.WriteBatch(s.Context(), batch); err != nil {
					return fmt.Errorf("WriteBatch returned an error: %w", err)
				}
			}
			return nil
		}
		defer close(stopped)
		for {
			select {
			case begins <- struct{}{}:
			case <-written:
				return nil
			}
			if err := s.readOnce(position); err != nil {
				return err
			}
		}
	})
	for _, err := range errs {
		if err != nil {
			s.broken("while one goroutine wrote batches and another one read the log, %v", err)
			return
		}
	}
	s.holds("after events were read while batches were written", want)
}

// readOnce reads the log to its end, giving way to others, and compares the order with
// the positions at which events were written.
func (s *storing) readOnce(position map[audit.EventID]int) error {
	last := -1
	for event, err := range s.source.Events(s.Context(), query.Filter{}) {
		if err != nil {
			return fmt.Errorf("the source yielded an error: %w", err)
		}
		at, found := position[event.ID]
		switch {
		case !found:
			return fmt.Errorf("the source yielded an event that nobody wrote: %s", shortly(event))
		case at == last:
			return fmt.Errorf("the source yielded an event twice: %s", shortly(event))
		case at < last:
			return fmt.Errorf("the source yielded the event number %d behind number %d, again or in another order: %s", at+1, last+1, shortly(event))
		}
		last = at
		runtime.Gosched()
	}
	return nil
}

// closes: the end is one without an error.
func closes(s *storing) {
	if err := s.close(); err != nil {
		s.broken("Close of a sink that nothing was written to returned an error: %v", err)
	}
	s.open()
	s.write("events", samples(s, 8))
	if err := s.close(); err != nil {
		s.broken("Close returned an error: %v", err)
	}
}
