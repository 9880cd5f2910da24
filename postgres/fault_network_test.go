package postgres

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// The network between a service and its database fails in every way there is, under
// load, and recovers.
func TestFault08TheNetworkFailsAndRecovers(t *testing.T) {
	always := func(then fault) func(*proxy) {
		return func(p *proxy) { p.hit(func([]byte) (int, fault) { return 0, then }) }
	}
	for name, begin := range map[string]func(p *proxy){
		"connections refused": func(p *proxy) { p.set(true, nil) },
		"reset":               always(reset),
		"black hole":          always(unanswered),
		"half-closed":         always(halfClosed),
		"cut after some bytes": func(p *proxy) {
			var left atomic.Int64
			left.Store(rand.Int64N(20_000))
			p.hit(func(sent []byte) (int, fault) {
				if rest := left.Add(-int64(len(sent))); rest < 0 {
					left.Store(rand.Int64N(20_000))
					return max(0, len(sent)+int(rest)), closed
				}
				return len(sent), none
			})
		},
		"a byte in 50 ms": func(p *proxy) { p.slow(50 * time.Millisecond) },
		"replies to COMMIT are lost": func(p *proxy) {
			p.hit(func(sent []byte) (int, fault) {
				if isEndOfCopy(sent) {
					return len(sent), unanswered
				}
				return len(sent), none
			})
		},
	} {
		events := faults.Rounds(600, 12_000) // for as long as it takes to record them
		withAndWithoutSpool(t, "8 "+name, 1, func(t *testing.T, spool bool) faults.Counts {
			dsn := newDatabase(t)
			p := newProxy(t, dsn)
			l := startLoad(t, p.dsn, spool, nil)
			l.wait(t, 100)
			begin(p)
			l.wait(t, events)
			l.waitFor(t, "write to database")
			p.hit(nil)
			p.slow(0)
			p.set(false, nil)
			l.wait(t, 100)
			return l.end(t, dsn, nil)
		})
	}
}

// A write comes back when its context ends, whatever the network does.
func TestFault08WritesObeyTheirContext(t *testing.T) {
	dsn := newDatabase(t)
	p := newProxy(t, dsn)
	store := openTest(t, p.dsn, nil)
	require.NoError(t, store.Ping(t.Context()))
	for name, begin := range map[string]func(){
		"black hole":      func() { p.hit(func([]byte) (int, fault) { return 0, unanswered }) },
		"half-closed":     func() { p.hit(func([]byte) (int, fault) { return 0, halfClosed }) },
		"a byte in 50 ms": func() { p.slow(50 * time.Millisecond) },
	} {
		begin()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		came := make(chan error, 1)
		batch := entries(t, numbered(1))
		go func() { came <- store.WriteBatch(ctx, batch) }()
		select {
		case err := <-came:
			require.Error(t, err, name)
		case <-time.After(10 * time.Second):
			require.Fail(t, "the write does not come back", name)
		}
		cancel()
		p.hit(nil)
		p.slow(0)
	}
}
