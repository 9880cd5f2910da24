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

func TestOneWhoIsAloneHasNoCompany(t *testing.T) {
	var g groupCommit
	for range 2 * sameOften {
		g.expect(1, time.Hour, nil)
		g.expect(0, time.Hour, nil)
		g.expect(2, 0, nil)
		require.Zero(t, g.wait(nil))
	}
}
