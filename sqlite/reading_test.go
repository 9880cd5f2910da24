//go:build cgo

package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/table"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
)

// places are where a database may be, for what must hold in both.
func places(tb testing.TB) map[string]string {
	return map[string]string{"file": newPath(tb), "memory": ":memory:"}
}

func TestManyRowsAreReadPageByPageInBothOrders(t *testing.T) {
	const n = 5000 // pages of 64, 256, 1024, 1024, ...
	for name, path := range places(t) {
		store := openTest(t, path, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(n)...)))
		want := managersOf(n)
		require.Equal(t, want, managers(t, store, everything), name)
		require.Equal(t, want[:2000], managers(t, store, query.Filter{Limit: 2000}), name)
		slices.Reverse(want)
		require.Equal(t, want, managers(t, store, query.Filter{Newest: true}), name)
		require.Equal(t, want[:65], managers(t, store, query.Filter{Newest: true, Limit: 65}), name)
		require.Equal(t, []string{"m4321"}, managers(t, store, query.Filter{Manager: query.Terms{In: []string{"m4321"}}}), name)
	}
}

// A page ends when it holds 4 MiB, so that rows of any size are read in bounded memory.
func TestHugeRowsAreRead(t *testing.T) {
	const n = 100 // of 200 kB, 21 a page
	store := openTest(t, ":memory:", nil)
	pages := 0
	run := store.reader.Query
	store.reader.Query = func(ctx context.Context, statement string, args []any, row func(table.Scan) (bool, error)) error {
		pages++
		return run(ctx, statement, args, row)
	}
	batch := entries(t, numbered(n)...)
	text := []byte(`{"v":"` + strings.Repeat("x", 200_000) + `"}`)
	for i := range batch {
		batch[i].Metadata = text
	}
	require.NoError(t, store.WriteBatch(t.Context(), batch))
	require.Equal(t, managersOf(n), managers(t, store, everything))
	require.GreaterOrEqual(t, pages, 5)
	want := managersOf(n)
	slices.Reverse(want)
	require.Equal(t, want, managers(t, store, query.Filter{Newest: true}))
}

func TestEventsAreReadWhileTheyAreWritten(t *testing.T) {
	for name, path := range places(t) {
		store := openTest(t, path, nil)
		logger, _ := newLogger(t, &uncloseable{store}, audit.DatabaseOptions{Buffer: audit.BufferOptions{BatchSize: 50}})
		var readers sync.WaitGroup
		done := make(chan struct{})
		errs := make([]error, 3)
		for i := range errs {
			readers.Go(func() {
				for last := 0; errs[i] == nil; {
					n := 0
					for event, err := range store.Events(context.Background(), everything) {
						if errs[i] = err; err == nil && event.Manager != fmt.Sprint("m", n) {
							errs[i] = fmt.Errorf("event %d is %s", n, event.Manager)
						}
						n++
					}
					if errs[i] == nil && n < last {
						errs[i] = fmt.Errorf("there were %d events, now %d", last, n)
					}
					last = n
					select {
					case <-done:
						return
					default:
					}
				}
			})
		}
		record(t, logger, numbered(3000)...)
		require.NoError(t, logger.Flush(t.Context()), name)
		close(done)
		readers.Wait()
		require.NoError(t, errors.Join(errs...), name)
		require.Len(t, managers(t, store, everything), 3000)
	}
}

// No statement is open while the caller looks at an event: whatever it does with the
// store goes on, also where there is one connection only.
func TestTheStoreMayBeUsedInsideALoopOverItsEvents(t *testing.T) {
	for name, path := range places(t) {
		store := openTest(t, path, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(100)...)))
		n := 0
		for e, err := range store.Events(t.Context(), everything) {
			require.NoError(t, err, name)
			require.Equal(t, fmt.Sprint("m", n), e.Manager)
			if n%30 == 0 {
				require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("inside"))))
				require.NoError(t, store.Ping(t.Context()))
				require.NotEmpty(t, managers(t, store, query.Filter{Manager: query.Terms{In: []string{"inside"}}}))
			}
			n++
		}
		require.Equal(t, 100, n, "what arrives during a reading belongs to the next: %s", name)
		require.Len(t, managers(t, store, everything), 104)
		for _, err := range store.Events(t.Context(), query.Filter{Newest: true}) {
			require.NoError(t, err)
			require.NoError(t, store.WriteBatch(t.Context(), entries(t, event("after"))))
			break
		}
		require.Equal(t, []string{"after"}, managers(t, store, query.Filter{Newest: true, Limit: 1}))
	}
}

func TestAReadingEndsWithItsContext(t *testing.T) {
	for name, path := range places(t) {
		store := openTest(t, path, nil)
		require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(500)...)))
		cause := errors.New("the reader gave up")
		for _, after := range []int{0, 1, 64, 65, 499} {
			ctx, cancel := context.WithCancelCause(t.Context())
			if after == 0 {
				cancel(cause)
			}
			n := 0
			var last error
			for _, err := range store.Events(ctx, everything) {
				require.NoError(t, last, "the error is the last pair")
				if last = err; err != nil {
					continue
				}
				if n++; n == after {
					cancel(cause)
				}
			}
			cancel(nil)
			require.Equal(t, cause, last, name)
			require.Equal(t, after, n, name)
		}
		require.Len(t, managers(t, store, everything), 500, "the store is not harmed")
	}
}

// general_manager numbers the rows of its table as it does, and they may be deleted.
func TestRowsThatAreDeletedDuringAReadingAreLeftOut(t *testing.T) {
	path := newPath(t)
	store := openTest(t, path, nil)
	require.NoError(t, store.WriteBatch(t.Context(), entries(t, numbered(200)...)))
	n := 0
	for _, err := range store.Events(t.Context(), everything) {
		require.NoError(t, err)
		if n++; n == 1 {
			execute(t, path, "DELETE FROM permission_audit_log WHERE id BETWEEN 65 AND 164 OR id = 200")
		}
	}
	require.Equal(t, 99, n)
	execute(t, path, "DROP TABLE permission_audit_log")
	require.Empty(t, managers(t, store, everything))
}
