package audit

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What a busy hour took is not kept for good.
func TestFewBatchesAreKeptForReuse(t *testing.T) {
	options, err := (*BufferOptions)(nil).withDefaults()
	require.NoError(t, err)
	q := newQueue(options, true)
	giant := &batch{json: make([]byte, 0, 2*MaxBatchBytes+1)}
	q.free(giant)
	require.Empty(t, q.spare)
	for range 2 * mostSpare {
		q.free(&batch{json: make([]byte, 100, MaxBatchBytes), events: 1, waiters: 1, urgent: true, finished: true, settled: 1, gaps: []int{0}})
	}
	require.Len(t, q.spare, mostSpare)
	for range mostSpare {
		b := q.newBatch()
		require.Equal(t, MaxBatchBytes, cap(b.json))
		b.json, b.gaps = nil, nil
		require.Equal(t, batch{}, *b, "it is as good as new")
	}
	require.Empty(t, q.spare)
}
