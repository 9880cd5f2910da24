//go:build cgo

package sqlite

import (
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/query"
)

func TestFileIsASink(t *testing.T) {
	audittest.TestSink(t, func(tb testing.TB) (audit.Sink, query.Source) { return fresh(tb, newPath(tb)) })
}

func TestMemoryIsASink(t *testing.T) {
	audittest.TestSink(t, func(tb testing.TB) (audit.Sink, query.Source) { return fresh(tb, ":memory:") })
}

// fresh returns a store that the suite closes.
func fresh(tb testing.TB, path string) (audit.Sink, query.Source) {
	tb.Helper()
	store, err := Open(tb.Context(), path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = store.Close() })
	return store, store
}
