package query

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

func TestSliceYieldsInOrderWithoutLookingForRepeats(t *testing.T) {
	source := Slice([]audit.PermissionAuditEvent{
		{ID: idOf(2), Action: "read"},
		{ID: idOf(1), Action: "update", Granted: true},
		{ID: idOf(2), Action: "read"},
		{ID: idOf(3), Action: audit.ActionGap},
	})
	for _, row := range []struct {
		filter Filter
		want   []int
	}{
		{Filter{}, []int{2, 1, 2}},
		{Filter{Newest: true}, []int{2, 1, 2}},
		{Filter{Limit: 2}, []int{2, 1}},
		{Filter{Limit: 1, Newest: true, Granted: Yes}, []int{1}},
		{Filter{Limit: -1, Action: in("gap", "update")}, []int{1, 3}},
		{Filter{Newest: true, Action: in("gap", "update")}, []int{3, 1}},
	} {
		require.Equal(t, row.want, numbers(t, source, row.filter), "%+v", row.filter)
	}
	require.Empty(t, yielded(t.Context(), Slice(nil), Filter{}))
}

func TestSliceEndsWithTheCauseOfTheContext(t *testing.T) {
	source := Slice([]audit.PermissionAuditEvent{{Action: "read"}, {Action: "read"}})
	cause := errors.New("the reader gave up")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var errs []error
	for _, err := range source.Events(ctx, Filter{}) {
		errs = append(errs, err)
		cancel(cause)
	}
	require.Equal(t, []error{nil, cause}, errs)
	require.Equal(t, []string{"error the reader gave up"}, yielded(ctx, source, Filter{Newest: true}))
}
