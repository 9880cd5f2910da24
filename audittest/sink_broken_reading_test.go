package audittest

import (
	"context"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// keepingSink keeps entries, and decodes them when they are read.
type keepingSink struct {
	mu   sync.Mutex
	kept []audit.Entry
	seen map[audit.EventID]bool
	keep func(entry audit.Entry) audit.Entry
}

func (s *keepingSink) WriteBatch(ctx context.Context, batch []audit.Entry) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batch {
		if !s.seen[batch[i].ID] {
			s.seen[batch[i].ID] = true
			s.kept = append(s.kept, s.keep(batch[i]))
		}
	}
	return nil
}

func (s *keepingSink) Events(ctx context.Context, f query.Filter) sequence {
	s.mu.Lock()
	defer s.mu.Unlock()
	events, err := decode(s.kept)
	if err != nil {
		return func(yield func(audit.PermissionAuditEvent, error) bool) { yield(audit.PermissionAuditEvent{}, err) }
	}
	return query.Slice(events).Events(ctx, f)
}

func (s *keepingSink) Close() error { return nil }

func TestSinkCatchesWhatIsKept(t *testing.T) {
	clone := func(entry audit.Entry) audit.Entry { return cloneBatch([]audit.Entry{entry})[0] }
	for name, broken := range map[string]struct {
		keep func(entry audit.Entry) audit.Entry
		want []string
	}{
		"nothing":    {clone, nil},
		"all slices": {func(entry audit.Entry) audit.Entry { return entry }, []string{"KeepsNothing"}},
		"a slice": {func(entry audit.Entry) audit.Entry {
			kept := clone(entry)
			kept.Metadata = entry.Metadata
			return kept
		}, []string{"KeepsNothing"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) {
				sink := &keepingSink{seen: map[audit.EventID]bool{}, keep: broken.keep}
				return sink, sink
			})
			require.Equal(t, broken.want, got.failed(), got.log())
		})
	}
}

// A sink that keeps the batch itself has other events when it is overwritten.
func TestSinkCatchesABatchThatIsKept(t *testing.T) {
	got := runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) {
		sink := &batchSink{}
		return sink, sink
	}, "Delivers", "KeepsNothing", "Large")
	require.Equal(t, []string{"KeepsNothing"}, got.failed(), got.log())
	require.Contains(t, got.log(), "is not in the log any more")
}

// batchSink keeps batches as they are.
type batchSink struct{ batches [][]audit.Entry }

func (s *batchSink) WriteBatch(_ context.Context, batch []audit.Entry) error {
	s.batches = append(s.batches, batch)
	return nil
}

func (s *batchSink) Events(ctx context.Context, f query.Filter) sequence {
	var events []audit.PermissionAuditEvent
	for _, batch := range s.batches {
		decoded, err := decode(batch)
		if err != nil {
			panic(err)
		}
		events = append(events, decoded...)
	}
	return query.Slice(events).Events(ctx, f)
}

func (s *batchSink) Close() error { return nil }

// A source whose reading is disturbed by what is written meanwhile.
func TestSinkCatchesDisturbedReads(t *testing.T) {
	for name, disturb := range map[string]func(before, now []audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool){
		"an error": func(_, _ []audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool) {
			yield(audit.PermissionAuditEvent{}, errBroken)
		},
		"events that come twice": func(before, _ []audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool) {
			if len(before) > 0 {
				yield(before[len(before)-1], nil)
			}
		},
		"another order": func(before, now []audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool) {
			if len(now) > len(before)+1 {
				_ = yield(now[len(before)+1], nil) && yield(now[len(before)], nil)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := runSinkCases(t, func(testing.TB) (audit.Sink, query.Source) {
				sink := &memorySink{}
				return sink, sourceFunc(func(_ context.Context, _ query.Filter) sequence {
					return disturbed(sink, disturb)
				})
			}, "ReadsMeanwhile", "Order", "Delivers")
			require.Equal(t, []string{"ReadsMeanwhile"}, got.failed(), got.log())
			require.Contains(t, got.log(), "The documentation of query.Source says")
		})
	}
}

// disturbed yields what sink holds, and then something else if that has become more
// meanwhile, for which it waits a little.
func disturbed(sink *memorySink, disturb func(before, now []audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool)) sequence {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		before := sink.Events()
		for _, event := range before {
			if !yield(event, nil) {
				return
			}
		}
		const patiently = 1000
		for range patiently {
			if now := sink.Events(); len(now) > len(before) {
				disturb(before, now, yield)
				return
			}
			runtime.Gosched()
		}
	}
}
