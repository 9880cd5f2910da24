package audit

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Without a dry run an event costs an atomic load: the contexts of those that are over are
// forgotten.
func TestADryRunThatIsOverCostsNothing(t *testing.T) {
	DryRun(t.Context(), func(context.Context) { require.Positive(t, dryCalls.Load()) })
	require.Zero(t, dryCalls.Load())
	require.Eventually(t, func() bool {
		runtime.GC()
		return dryRuns.Load() == 0
	}, 20*time.Second, time.Millisecond)
}
