//go:build cgo && linux

package faults_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// slow is a sink that takes a millisecond for each batch, and knows what it got.
type slow struct {
	next  [8]int // of each goroutine
	wrong error
}

func (s *slow) WriteBatch(_ context.Context, batch []audit.Entry) error {
	<-time.After(time.Millisecond)
	for i := range batch {
		var round, goroutine int
		_, err := fmt.Sscanf(batch[i].Manager, "round %d goroutine %d", &round, &goroutine)
		if err == nil && batch[i].UserID != strconv.Itoa(s.next[goroutine]) {
			err = fmt.Errorf("goroutine %d: event %s comes in the place of %d", goroutine, batch[i].UserID, s.next[goroutine])
		}
		if err != nil && s.wrong == nil {
			s.wrong = err
		}
		s.next[goroutine]++
	}
	return nil
}

func (*slow) Close() error { return nil }

// flood is the child: it says how it went.
func (j *job) flood() int {
	sink := &slow{}
	logger, err := audit.NewBufferedAuditLogger(sink, nil)
	if err != nil {
		say("E %v", err)
		return 1
	}
	done := make(chan struct{})
	go j.watchLedger(logger, done)
	var all sync.WaitGroup
	for g := range j.Goroutines {
		all.Go(func() {
			for n := range j.Events {
				if err := logger.Record(context.Background(), event(0, g, n, audit.NewEventID())); err != nil {
					say("E %v", err)
				}
			}
		})
	}
	all.Wait()
	if err := logger.Shutdown(context.Background()); err != nil || sink.wrong != nil {
		say("E %v %v", err, sink.wrong)
	}
	close(done)
	stats := logger.Stats()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		say("E %v", err)
	}
	resident := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)[1]
	say("F %d %d %s", stats.Recorded, stats.Written, resident)
	return 0
}

// What does not fit into the queue waits; memory does not grow with the flood.
func TestFault13AFloodIsTakenInBoundedMemory(t *testing.T) {
	t.Setenv("GOMEMLIMIT", "64MiB")
	flood := func(events int) (counts faults.Counts, kilobytes int) {
		var recorded, written int
		c := start(t, job{Sink: "slow", Goroutines: 8, Events: events / 8}, &history{})
		_, err := fmt.Sscanf(c.next(t), "F %d %d %d", &recorded, &written, &kilobytes)
		require.NoError(t, err)
		c.end(t)
		require.Equal(t, []int{events, events}, []int{recorded, written})
		return faults.Counts{Submitted: events, Acked: recorded, Found: written, Lost: recorded - written}, kilobytes
	}
	var counts faults.Counts
	var few, many []int // kilobytes of each run
	for range 3 {
		_, kilobytes := flood(10_000)
		few = append(few, kilobytes)
		found, kilobytes := flood(faults.Rounds(100_000, 1_000_000))
		many = append(many, kilobytes)
		counts.Add(found)
	}
	slices.Sort(few)
	slices.Sort(many)
	assert.LessOrEqual(t, many[1], few[1]*3/2, "kilobytes, medians of %v and %v", many, few)
	faults.Report(t, faults.Row{
		Fault: "13 flood at a sink of 1 ms a batch", Rounds: 3, Counts: counts,
		Note: fmt.Sprintf("%d KiB resident at most, %d of 10,000 events (medians)", many[1], few[1]),
	})
}
