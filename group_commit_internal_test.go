package audit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCompanyIsWaitedForOnceInAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g groupCommit
		var waited []int
		for i := range 30 {
			g.expect(2, time.Millisecond, nil)
			if g.wait(nil) > 0 {
				waited = append(waited, i)
				<-time.After(time.Millisecond)
				require.Zero(t, g.wait(nil), "they did not come")
			}
		}
		require.Equal(t, []int{8, 16, 24}, waited)
	})
}

func TestCompanyIsNotWaitedForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g groupCommit
		for range sameOften + 1 {
			g.expect(1, time.Minute, &batch{waiters: 1})
		}
		require.Equal(t, maxCompanyWait, g.wait(nil))
		require.Equal(t, maxCompanyWait, g.wait(&batch{waiters: 1}))
		require.Zero(t, g.wait(&batch{waiters: 2}))
		require.Zero(t, g.wait(nil), "that is over")
	})
}

func TestWhoHasNoCompanyDoesNotWait(t *testing.T) {
	for name, row := range map[string]struct {
		told int
		most time.Duration
		open *batch
	}{
		"one who is alone":                {1, time.Hour, nil},
		"nobody was told":                 {0, time.Hour, &batch{waiters: 2}},
		"it was not the worker who wrote": {2, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var g groupCommit
			for range 2 * sameOften {
				g.expect(row.told, row.most, row.open)
				require.Zero(t, g.wanted)
				require.Zero(t, g.wait(nil))
			}
		})
	}
}
