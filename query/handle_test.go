package query

import (
	"errors"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

func TestHandleIsASourceUntilItIsClosed(t *testing.T) {
	handle := NewHandle(Slice([]audit.PermissionAuditEvent{{ID: idOf(1), Action: "read"}, {ID: idOf(2), Action: "read"}}), nil)
	sequence := handle.Events(t.Context(), Filter{})
	require.Equal(t, []int{1, 2}, numbers(t, handle, Filter{}))
	require.Equal(t, []int{2}, numbers(t, handle, Filter{Newest: true, Limit: 1}))
	for _, err := range sequence {
		require.NoError(t, err)
		break // the sequence ends when its reader does
	}
	require.NoError(t, handle.Close())
	require.Equal(t, []string{"error query: source is closed"}, yielded(t.Context(), handle, Filter{}))
	for _, err := range sequence {
		require.EqualError(t, err, "query: source is closed")
	}
}

func TestHandleIsClosedOnce(t *testing.T) {
	failed := errors.New("disk on fire")
	closed := 0
	handle := NewHandle(Slice(nil), func() error { closed++; return failed })
	var all sync.WaitGroup
	errs := make([]error, 8)
	for i := range errs {
		all.Add(1)
		go func() {
			defer all.Done()
			errs[i] = handle.Close()
		}()
	}
	all.Wait()
	for _, err := range errs {
		require.ErrorIs(t, err, failed)
	}
	require.Equal(t, 1, closed)
}

func TestHandleSaysWhatCannotBeFollowed(t *testing.T) {
	handle := NewHandle(Slice(nil), nil)
	pairs := 0
	for event, err := range handle.Follow(t.Context(), Filter{}, 1) {
		pairs++
		require.Zero(t, event)
		require.EqualError(t, err, "query: this source cannot be followed")
	}
	require.Equal(t, 1, pairs)
	require.NoError(t, handle.Close())
}
