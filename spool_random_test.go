package audit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// moody is a store that does what chance says: it works, fails, hangs, or fails and
// hangs after it has stored the batch; in phases.
type moody struct {
	memorySink

	random *rand.Rand
	until  time.Time // end of the phase
	works  bool

	recovered atomic.Bool
}

func newMoody(random *rand.Rand) *moody {
	m := &moody{random: random}
	m.write = m.decide
	return m
}

// recover makes it work from now on.
func (m *moody) recover() { m.recovered.Store(true) }

func (m *moody) decide(ctx context.Context, batch []audit.Entry) error {
	if m.recovered.Load() {
		m.keep(batch)
		return nil
	}
	if now := time.Now(); now.After(m.until) {
		m.until = now.Add(time.Duration(m.random.IntN(20_000)) * time.Millisecond)
		m.works = m.random.IntN(2) == 0
	}
	select {
	case <-time.After(time.Duration(m.random.IntN(300)) * time.Millisecond):
	case <-ctx.Done():
	}
	if m.works || m.random.IntN(10) == 0 {
		m.keep(batch)
		if m.random.IntN(3) > 0 {
			return ctx.Err()
		}
	}
	if m.random.IntN(2) == 0 {
		<-ctx.Done()
	}
	return errors.New("not in the mood")
}

// Processes follow one another with the same spool, in front of a store that mostly
// fails. Whatever happens, each event is stored once, in the order of its goroutine.
func TestASpoolLosesNothingWhateverTheStoreDoes(t *testing.T) {
	seeds := 300
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(uint64(seed), 0))
			store := newMoody(rand.New(rand.NewPCG(uint64(seed), 1)))
			path := filepath.Join(t.TempDir(), "audit.spool")
			const goroutines = 3
			var next [goroutines]int
			left := uint64(0)
			limit, patience := int64(1<<30), 20*time.Second
			if seed%2 == 0 { // of what does not fit, nothing is left at Close only if there is time
				limit, patience = int64(2000+random.IntN(200_000)), 24*time.Hour
			}
			for life := range 4 {
				store.closed = 0
				logger, err := audit.NewDatabaseAuditLogger(&store.memorySink, &audit.DatabaseOptions{
					SpoolPath: path, WriteTimeout: time.Second, SpoolMaxBytes: limit,
					Buffer: audit.BufferOptions{
						QueueSize: 200, BatchSize: 1 + random.IntN(20), Ack: audit.AckMode(random.IntN(3)),
						OnError: ignored, CloseTimeout: time.Millisecond + time.Duration(random.Int64N(int64(patience))),
					},
				})
				require.NoError(t, err)
				require.GreaterOrEqual(t, logger.Stats().Recovered, left, "what was delivered already may be there still")
				var producers sync.WaitGroup
				for g := range goroutines {
					pauses := make([]time.Duration, random.IntN(100))
					for i := range pauses {
						pauses[i] = time.Duration(random.IntN(200)) * time.Millisecond
					}
					producers.Go(func() {
						for _, pause := range pauses {
							name := fmt.Sprintf("g%d-%d", g, next[g])
							require.NoError(t, logger.Record(context.Background(), granted(name)))
							next[g]++
							<-time.After(pause)
							requireLedger(t, logger.Stats())
						}
					})
				}
				producers.Wait()
				if life == 3 {
					store.recover()
					require.NoError(t, logger.Flush(context.Background()))
				}
				err = logger.Close()
				stats := logger.Stats()
				requireLedger(t, stats)
				var undelivered *audit.UndeliveredError
				if errors.As(err, &undelivered) {
					require.Fail(t, "undelivered", "seed %d life %d: %v %+v", seed, life, err, stats)
				}
				require.NoError(t, err)
				require.Equal(t, stats.Pending, stats.Spooled)
				left = stats.Spooled
			}
			require.Zero(t, left)
			var found [goroutines]int
			for _, manager := range store.managers() {
				var g, i int
				_, err := fmt.Sscanf(manager, "g%d-%d", &g, &i)
				require.NoError(t, err)
				require.Equal(t, found[g], i, "in order, once; seed %d", seed)
				found[g]++
			}
			require.Equal(t, next, found)
		})
	}
}
