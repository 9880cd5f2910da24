package audit

import "time"

// Stats is a consistent snapshot of what a logger did with its events. Always
//
//	Recorded + Recovered = Written + Dropped + DeadLettered + Pending
//
// in events. The zero value is that of a new logger.
type Stats struct {
	Recorded     uint64 // valid events, queued or dropped by policy
	Recovered    uint64 // found in the spool: at the start, what was delivered of its first file already too; later, what other programs wrote to it
	Written      uint64 // confirmed by the sink, a repeat that it skipped too
	Dropped      uint64 // by OverflowDrop; or taken out of the spool by another program
	DeadLettered uint64 // refused by the sink for good
	Pending      uint64 // queued, being written or spooled; after Shutdown: lost, but for Spooled

	Spooled   uint64 // of those pending, safe in the spool
	Refused   uint64 // Record returned an error and nothing was queued
	Gaps      uint64 // gap events handed to the sink, which are none of the above
	Sanitized uint64 // of those recorded, repaired on the way in

	OldestPending time.Time // when the oldest pending event was queued, about; zero: none is
	LastWrite     time.Time // when the sink last confirmed a batch
	LastErrorTime time.Time // when LastError happened
	LastError     error     // the last error of the sink, cured or not
}
