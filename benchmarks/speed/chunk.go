package main

import "time"

// chunk is how many rows are encoded beforehand: all of the first table's, and not all of
// those of a great one.
const chunk = 50 * transaction

// inChunks measures the insertion of rows that are encoded beforehand, the number of
// which is divided by unit. Only what an insertion takes is counted.
func inChunks(events, unit int, f *figure, encode func(n int) (insert func() error, err error)) (sent int, err error) {
	var took time.Duration
	events = max(events/unit, 1) * unit
	for left := events; left > 0; left -= chunk {
		n := min(chunk, left)
		insert, err := encode(n)
		if err != nil {
			return 0, err
		}
		var allocated allocations
		allocated.begin()
		began := time.Now()
		if err := insert(); err != nil {
			return 0, err
		}
		took += time.Since(began)
		mallocs, bytes := allocated.end(events)
		f.mallocs, f.bytes = f.mallocs+mallocs, f.bytes+bytes
	}
	f.rate = perSecond(events, took)
	return events, nil
}
