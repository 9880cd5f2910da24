package postgres

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// load is a logger under load, from the beginning of a fault until after its end.
type load struct {
	logger  *audit.DatabaseAuditLogger
	store   *Store
	reports func() string
	routes  int // the most goroutines that there were

	mu     sync.Mutex
	oracle faults.Oracle
	queued []string
	next   [loadGoroutines]int

	quiet   sync.RWMutex // held by those who record
	stop    atomic.Bool
	running sync.WaitGroup
	unwatch func()
}

const loadGoroutines = 4

// startLoad starts a logger over the database that dsn leads to, with a spool if
// spool is set, and goroutines that record an event a millisecond.
func startLoad(t *testing.T, dsn string, spool bool, options *Options) *load {
	t.Helper()
	store, err := Open(t.Context(), dsn, options)
	require.NoError(t, err)
	l := &load{store: store}
	var mu sync.Mutex
	var reports strings.Builder
	l.reports = func() string {
		mu.Lock()
		defer mu.Unlock()
		return reports.String()
	}
	o := &audit.DatabaseOptions{
		WriteTimeout: time.Second,
		Buffer: audit.BufferOptions{
			QueueSize: 1 << 17, FlushInterval: 20 * time.Millisecond, CloseTimeout: time.Minute,
			MaxWait: time.Nanosecond, // there is room: no Record waits
			OnError: func(err error) {
				mu.Lock()
				defer mu.Unlock()
				fmt.Fprintln(&reports, err)
			},
		},
	}
	if spool {
		o.SpoolPath = filepath.Join(t.TempDir(), "audit.spool")
	}
	l.logger, err = audit.NewDatabaseAuditLogger(store, o)
	require.NoError(t, err)
	base := runtime.NumGoroutine()
	l.unwatch = faults.WatchLedger(t, func() audit.Stats {
		l.routes = max(l.routes, runtime.NumGoroutine()-base)
		return l.logger.Stats()
	})
	for g := range loadGoroutines {
		l.running.Go(func() { l.record(t, g) })
	}
	return l
}

func (l *load) record(t *testing.T, goroutine int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !l.stop.Load() {
		<-tick.C
		if err := l.recordOne(t, goroutine); err != nil {
			t.Errorf("there is room: %v", err)
			return
		}
	}
}

func (l *load) recordOne(t *testing.T, goroutine int) error {
	t.Helper()
	l.quiet.RLock()
	defer l.quiet.RUnlock()
	l.mu.Lock()
	n := l.next[goroutine]
	l.next[goroutine]++
	event := numbered(n)
	event.ID, event.Timestamp, event.Manager = audit.NewEventID(), time.Now(), fmt.Sprint("goroutine ", goroutine)
	line, err := event.MarshalJSON()
	id := event.ID.String()
	l.oracle.Submit(id, goroutine, n, string(line))
	l.queued = append(l.queued, id)
	l.mu.Unlock()
	return errors.Join(err, l.logger.Record(t.Context(), event))
}

// wait waits until so many events more are recorded.
func (l *load) wait(t *testing.T, events int) {
	t.Helper()
	until := l.logger.Stats().Recorded + uint64(events)
	require.Eventually(t, func() bool { return l.logger.Stats().Recorded >= until }, time.Minute, time.Millisecond)
}

// waitFor waits until OnError has said something.
func (l *load) waitFor(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(l.reports(), text) }, time.Minute, 5*time.Millisecond,
		"OnError is to say %q", text)
}

// forget runs what deletes everything that was recorded so far.
func (l *load) forget(t *testing.T, destroy func()) {
	t.Helper()
	l.quiet.Lock()
	defer l.quiet.Unlock()
	require.NoError(t, l.logger.Flush(t.Context()))
	l.oracle, l.queued = faults.Oracle{}, nil
	destroy()
}

// end is called when the fault is over: everything is delivered, in order, once, and
// nothing was taken for the fault of an event.
func (l *load) end(t *testing.T, dsn string, options *Options) faults.Counts {
	t.Helper()
	l.stop.Store(true)
	l.running.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	require.NoError(t, l.logger.Flush(ctx))
	l.unwatch()
	require.NoError(t, l.logger.Close())
	stats := l.logger.Stats()
	require.Zero(t, stats.DeadLettered+stats.Pending+stats.Spooled+stats.Refused+stats.Dropped)
	require.Equal(t, stats.Recorded, stats.Written)
	require.Less(t, l.routes, 40, "goroutines are bounded")
	for _, id := range l.queued {
		l.oracle.Ack(id) // Flush said so
	}
	var found []faults.Line
	for event, err := range openTest(t, dsn, options).Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		line, err := event.MarshalJSON()
		require.NoError(t, err)
		found = append(found, faults.Line{ID: event.ID.String(), Text: string(line)})
	}
	counts, problems := l.oracle.Judge(found)
	require.Empty(t, problems)
	require.Zero(t, counts.Undecided())
	return counts
}

// withAndWithoutSpool runs a test of a fault both ways, and reports it.
func withAndWithoutSpool(t *testing.T, fault string, rounds int, test func(t *testing.T, spool bool) faults.Counts) {
	t.Helper()
	for name, spool := range map[string]bool{"": false, ", with a spool": true} {
		t.Run(fault+name, func(t *testing.T) {
			faults.Report(t, faults.Row{Fault: fault + name, Rounds: rounds, Counts: test(t, spool)})
		})
	}
}
