// Package sample makes up logs of permission decisions, for tests and benchmarks that
// need many events which look like those of a service: some users and managers occur
// often and most of them rarely, denied clients try again, and a new deployment
// arrives in the middle of it.
package sample

import (
	"context"
	"iter"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/permaudit/audit"
)

// Users is how many different users with an id there are.
const Users = 10_000

// Days is how many days the events of a log spread over, whatever their number.
const Days = 14

// Start is when a log begins, on a Monday.
var Start = time.Date(2026, 11, 2, 0, 0, 0, 0, time.UTC)

// Events is a log of n events. The same n and seed give the same events, each time
// that it is ranged over.
//
// Their timestamps ascend strictly, and so do their ids. An event has two attributes
// mostly, three permissions, a request id and a deployment, "v1" or "v2"; its line has
// about 340 bytes. Four percent are denied, one percent is bypassed, three percent have
// no user id. The events of a request share its id and its user, and stand among those
// of others. Half of what is denied is tried again soon, in a request of its own.
//
// Two rules tell a story: what MissingRule names is denied to everybody always, what
// LostRule names is denied by v2 only. The superusers bypass both.
//
// The events are the caller's. It may be ranged over concurrently.
func Events(n int, seed uint64) iter.Seq[audit.PermissionAuditEvent] {
	return func(yield func(audit.PermissionAuditEvent) bool) {
		g := generator{n: n, random: rand.New(rand.NewPCG(seed, 0x5851f42d4c957f2d))} //nolint:gosec // G404: it has to be the same every time
		for i := range n {
			if !yield(g.event(i)) {
				return
			}
		}
	}
}

// Sampled is what audit.SampleLogger keeps of events: granted ones by chance, with
// their sample_rate. It returns an error unless rate is in (0, 1].
func Sampled(events iter.Seq[audit.PermissionAuditEvent], rate float64) (iter.Seq[audit.PermissionAuditEvent], error) {
	if _, err := audit.SampleLogger(nil, rate); err != nil {
		return nil, err
	}
	return func(yield func(audit.PermissionAuditEvent) bool) {
		more := true
		logger, _ := audit.SampleLogger(audit.AuditLoggerFunc(func(_ context.Context, event audit.PermissionAuditEvent) error {
			more = yield(event)
			return nil
		}), rate)
		for event := range events {
			if _ = logger.Record(context.Background(), event); !more {
				return
			}
		}
	}, nil
}

// User is the id of a user, by rank: 0 occurs most often, Users-1 least. It is meant
// for ranks in that range.
func User(rank int) string { return strconv.Itoa(1000 + rank*7919%Users) }
