package main

import (
	"context"
	"errors"
	"time"
)

// burst is how many events are recorded before a Flush that is not counted.
const burst = 8000

// bursts measures the caller of one goroutine, and the allocations of the process.
func bursts(l log, decide func(i int) *decision, events int, f *figure) error {
	ctx := context.Background()
	record := func(n int) error {
		for i := range n {
			if err := l.record(ctx, decide(i)); err != nil {
				return err
			}
		}
		return nil
	}
	// The buffers grow to their size.
	if err := errors.Join(record(min(burst, events)), l.flush(ctx)); err != nil {
		return err
	}
	var took time.Duration
	var allocated allocations
	allocated.begin()
	for left := events; left > 0; left -= burst {
		began := time.Now()
		err := record(min(burst, left))
		took += time.Since(began)
		if err := errors.Join(err, l.flush(ctx)); err != nil {
			return err
		}
	}
	f.mallocs, f.bytes = allocated.end(events)
	f.caller = perEvent(took, events)
	return nil
}
