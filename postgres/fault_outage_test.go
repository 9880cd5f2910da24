package postgres

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// The database is in a black hole while a service goes on at 20,000 events a second,
// with the default options and a spool. What is measured is compared within the run:
// the latency of Record before and during the outage, and the rate at which the spool
// is delivered with that of the store when nothing is the matter.
func TestFault08AnOutageUnderFullLoad(t *testing.T) {
	const perSecond = 20_000
	before, outage, flood := time.Duration(faults.Rounds(1, 15))*time.Second, time.Duration(faults.Rounds(2, 60))*time.Second, faults.Rounds(20_000, 300_000)
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	store, err := Open(t.Context(), p.dsn, nil)
	require.NoError(t, err)
	logger, err := audit.NewDatabaseAuditLogger(store, &audit.DatabaseOptions{
		SpoolPath: filepath.Join(t.TempDir(), "audit.spool"), Buffer: audit.BufferOptions{OnError: func(error) {}, CloseTimeout: time.Minute},
	})
	require.NoError(t, err)
	unwatch := faults.WatchLedger(t, logger.Stats)
	recorded := 0
	record := func() {
		event := numbered(0)
		event.UserID = strconv.Itoa(recorded)
		if err := logger.Record(context.Background(), event); err != nil {
			require.NoError(t, err)
		}
		recorded++
	}

	// The store's own rate.
	began := time.Now()
	for range flood {
		record()
	}
	require.NoError(t, logger.Flush(t.Context()))
	own := float64(flood) / time.Since(began).Seconds()

	// steady records so many events a second, and returns how long each took.
	steady := func(d time.Duration) (took []time.Duration) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for began := time.Now(); ; <-tick.C {
			elapsed := time.Since(began)
			if elapsed > d {
				return took
			}
			for len(took) < int(elapsed.Seconds()*perSecond) {
				began := time.Now()
				record()
				took = append(took, time.Since(began))
			}
		}
	}
	healthy, slowestBefore := p99(steady(before))
	p.hit(func([]byte) (int, fault) { return 0, unanswered })
	took := steady(outage)
	during, slowest := p99(took)
	require.Positive(t, logger.Stats().Spooled)
	require.Zero(t, logger.Stats().Refused)

	p.hit(nil)
	p.cut() // what was lost in the hole does not come back
	spooled := logger.Stats().Spooled
	written := logger.Stats().Written
	for logger.Stats().Written == written { // until the worker notices
		<-time.After(time.Millisecond)
	}
	began = time.Now()
	require.NoError(t, logger.Flush(t.Context()))
	rate := float64(spooled) / time.Since(began).Seconds()
	unwatch()
	require.NoError(t, logger.Close())
	stats := logger.Stats()
	require.Equal(t, []uint64{uint64(recorded), 0, 0}, []uint64{stats.Written, stats.Spooled, stats.Pending})

	// In order, each once.
	next := 0
	for event, err := range openTest(t, dsn, nil).Events(t.Context(), query.Filter{Fields: query.FieldUser}) {
		require.NoError(t, err)
		if event.UserID != strconv.Itoa(next) {
			require.Equal(t, strconv.Itoa(next), event.UserID)
		}
		next++
	}
	require.Equal(t, recorded, next)
	if faults.Full() {
		require.GreaterOrEqual(t, len(took), int(0.98*outage.Seconds()*perSecond), "the load was kept up")
		require.LessOrEqual(t, during, 2*healthy, "p99 of Record")
		require.GreaterOrEqual(t, rate, own/2, "events a second")
	}
	faults.Report(t, faults.Row{
		Fault: fmt.Sprintf("8 outage of %v at 20,000 events/s", outage), Rounds: 1,
		Counts: faults.Counts{Submitted: recorded, Acked: recorded, Found: next},
		Note: fmt.Sprintf("p99 of Record %v, before %v; the slowest %v, before %v; %d spooled, delivered at %.0f events/s, the store's own rate %.0f",
			during, healthy, slowest, slowestBefore, spooled, rate, own),
	})
}

// p99 is the 99th percentile, and the greatest of all.
func p99(took []time.Duration) (percentile, slowest time.Duration) {
	slices.Sort(took)
	return took[len(took)*99/100], took[len(took)-1]
}
