package audit_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// vandalisms are what another program does to a spool while it is in use.
var vandalisms = map[string]func(random *rand.Rand, path string, file *os.File, size int64){
	"emptied": func(_ *rand.Rand, _ string, file *os.File, _ int64) { _ = file.Truncate(0) },
	"truncated": func(random *rand.Rand, _ string, file *os.File, size int64) {
		_ = file.Truncate(random.Int64N(size + 1))
	},
	"deleted": func(_ *rand.Rand, path string, _ *os.File, _ int64) { _ = os.Remove(path) },
	"renamed": func(random *rand.Rand, path string, _ *os.File, _ int64) {
		_ = os.Rename(path, path+strconv.Itoa(random.Int()))
	},
	"lines broken": func(random *rand.Rand, _ string, file *os.File, size int64) {
		_, _ = file.WriteAt([]byte{'\n'}, random.Int64N(size+1))
	},
	"bytes overwritten": func(random *rand.Rand, _ string, file *os.File, size int64) {
		_, _ = file.WriteAt(make([]byte, 4), random.Int64N(size+1))
	},
	"appended to": func(_ *rand.Rand, path string, file *os.File, size int64) {
		text := make([]byte, min(size, 4096))
		_, _ = file.ReadAt(text, 0)
		other, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err == nil {
			_, _ = other.Write(append(text[:bytes.LastIndexByte(text, '\n')+1], "what is this?\n"...))
			_ = other.Close()
		}
	},
}

// chance is a store that takes every third batch, and refuses the others, hangs, or
// loses its answer.
func chance(random *rand.Rand, working *atomic.Bool) *memorySink {
	store, calls := &memorySink{}, 0
	store.write = func(ctx context.Context, batch []audit.Entry) error {
		if calls++; working.Load() || calls%3 == 0 {
			store.keep(batch)
			return nil
		}
		switch random.IntN(3) {
		case 0:
			<-ctx.Done()
		case 1:
			store.keep(batch)
		}
		return errSink
	}
	return store
}

// Whatever becomes of the spool under the hands of others, under load and in front of a
// database in trouble: the logger goes on, the equation holds, what is missing is
// counted, and the rest is in order, each event once.
func TestFault06ASpoolInOtherHandsUnderLoad(t *testing.T) {
	for name, vandalism := range vandalisms {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // it waits for the disk
			rounds, destroyed := faults.Rounds(1, 4), 0
			var counts faults.Counts
			for seed := range rounds {
				v := newVandalised(t, uint64(seed))
				v.record(t, vandalism)
				found, missing := v.judge(t)
				destroyed += missing
				counts.Add(faults.Counts{Submitted: vandalisedEvents, Acked: vandalisedEvents, Found: found})
			}
			faults.Report(t, faults.Row{
				Fault: "6 spool under load, " + name, Rounds: rounds, Counts: counts, Note: fmt.Sprint(destroyed, " destroyed, and counted"),
			})
		})
	}
}

const (
	vandalisedProducers = 4
	vandalisedEvents    = vandalisedProducers * 100
)

// vandalised is a logger whose spool is in other hands.
type vandalised struct {
	random  *rand.Rand
	path    string
	store   *memorySink
	working atomic.Bool // the database, from now on
	logger  *audit.DatabaseAuditLogger
}

func newVandalised(t *testing.T, seed uint64) *vandalised {
	t.Helper()
	v := &vandalised{random: rand.New(rand.NewPCG(seed, 1)), path: filepath.Join(t.TempDir(), "audit.spool")}
	v.store = chance(rand.New(rand.NewPCG(seed, 2)), &v.working)
	v.logger = v.open(t)
	return v
}

func (v *vandalised) open(t *testing.T) *audit.DatabaseAuditLogger {
	t.Helper()
	return spooling(t, v.store, v.path, func(o *audit.DatabaseOptions) {
		o.WriteTimeout, o.SpoolMaxBytes = 2*time.Millisecond, 1<<(12+v.random.IntN(10))
		o.Buffer.BatchSize, o.Buffer.QueueSize = 1+v.random.IntN(20), 20+v.random.IntN(100)
		o.Buffer.FlushInterval, o.Buffer.Ack = time.Millisecond, audit.AckMode(v.random.IntN(3))
	})
}

// record records all events, while another program does what it does after every tenth
// of one of the producers.
func (v *vandalised) record(t *testing.T, vandalism func(*rand.Rand, string, *os.File, int64)) {
	t.Helper()
	defer faults.WatchLedger(t, v.logger.Stats)()
	var group sync.WaitGroup
	for p := range vandalisedProducers {
		group.Go(func() {
			for n := range vandalisedEvents / vandalisedProducers {
				event := granted(fmt.Sprint("producer ", p))
				event.UserID = strconv.Itoa(n)
				if err := v.logger.Record(t.Context(), event); err != nil {
					t.Error(err)
				}
				if p == 0 && n%10 == 9 {
					vandalise(v.random, v.path, vandalism)
				}
			}
		})
	}
	group.Wait()
}

func vandalise(random *rand.Rand, path string, vandalism func(*rand.Rand, string, *os.File, int64)) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return // it is away
	}
	defer func() { _ = file.Close() }()
	if info, err := file.Stat(); err == nil {
		vandalism(random, path, file, info.Size())
	}
}

// judge returns how many of the events the database has, and how many are missing, of
// which all must be counted.
func (v *vandalised) judge(t *testing.T) (found, missing int) {
	t.Helper()
	v.working.Store(true)
	require.NoError(t, v.logger.Flush(t.Context()))
	require.NoError(t, v.logger.Close())
	stats := v.logger.Stats()
	require.Equal(t, stats.Spooled, stats.Pending, "what was found at the end of all")
	v.store.closed = 0
	again := v.open(t)
	require.NoError(t, again.Flush(t.Context()))
	require.NoError(t, again.Close())
	require.Zero(t, again.Stats().Pending)
	var next [vandalisedProducers]int
	for _, entry := range v.store.entries() {
		var producer, n int
		_, err := fmt.Sscanf(entry.Manager+" "+entry.UserID, "producer %d %d", &producer, &n)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, next[producer], "in order")
		next[producer] = n + 1
		found++
	}
	missing = vandalisedEvents - found
	require.LessOrEqual(t, missing, int(stats.Dropped+stats.DeadLettered), "%+v", stats)
	return found, missing
}
