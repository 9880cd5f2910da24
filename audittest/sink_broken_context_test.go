package audittest

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
)

// What these break shows itself only at certain moments, or in cases beside the one
// that is named for it: the other cases are not run.
func TestSinkCatchesWhatContextsReveal(t *testing.T) {
	for name, broken := range map[string]struct {
		write writeFunc
		by    string
		too   []string
	}{
		"half a batch": {func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
			if ctx.Err() == nil {
				return s.store(ctx, batch)
			}
			_ = s.store(context.WithoutCancel(ctx), batch[:len(batch)/2])
			return context.Cause(ctx)
		}, "ContextDone", []string{"CancelledHalfway"}},
		"a batch that is lost in silence": {func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
			if ctx.Err() == nil {
				return s.store(ctx, batch)
			}
			return nil
		}, "ContextDone", []string{"CancelledHalfway"}},
		"a batch that comes again after all was stored": {func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
			events, err := decode(batch)
			if err == nil {
				s.add(events)
				err = ctx.Err()
			}
			return err
		}, "ContextDone", []string{"CancelledHalfway"}},
		"a sink that never recovers": {poisoned(), "ContextDone", []string{"CancelledHalfway"}},
		"entries that are stored one by one": {func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
			for i := range batch {
				if err := s.store(ctx, batch[i:i+1]); err != nil {
					return err
				}
			}
			return nil
		}, "CancelledHalfway", nil},
		"a rollback that forgets the last entry": {func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
			err := ctx.Err()
			for range len(batch) - 1 {
				if err == nil {
					err = ctx.Err()
				}
			}
			if err != nil {
				return err
			}
			if err := s.store(ctx, batch[:len(batch)-1]); err != nil {
				return err
			}
			return s.store(ctx, batch[len(batch)-1:])
		}, "CancelledHalfway", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := runSinkCases(t, opening(memorySinkHooks{write: broken.write}), append(broken.too, broken.by)...)
			require.ElementsMatch(t, append(broken.too, broken.by), got.failed(), got.log())
			require.Contains(t, got[broken.by].log.String(), "The documentation of audit.Sink says")
		})
	}
}

// poisoned is a WriteBatch that fails for ever, for one sink, once its context ended.
func poisoned() writeFunc {
	dead := map[*memorySink]bool{}
	return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
		if dead[s] = dead[s] || ctx.Err() != nil; dead[s] {
			return errBroken
		}
		return s.store(ctx, batch)
	}
}

func TestSinkCatchesWhatHangs(t *testing.T) {
	for name, broken := range map[string]struct {
		write func(release <-chan struct{}) writeFunc
		close func(release <-chan struct{}) error
		by    string
		after string
	}{
		"when the context has ended": {
			write: func(release <-chan struct{}) writeFunc {
				return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
					if ctx.Err() != nil {
						<-release
					}
					return s.store(ctx, batch)
				}
			},
			by: "ContextDone", after: "10s",
		},
		"when the context ends": {
			write: func(release <-chan struct{}) writeFunc {
				return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
					if len(batch) == 2000 {
						<-release
					}
					return s.store(ctx, batch)
				}
			},
			by: "ContextDone", after: "10s",
		},
		"at the second look": {
			write: func(release <-chan struct{}) writeFunc {
				return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
					if err := ctx.Err(); err != nil {
						return err
					}
					if ctx.Err() != nil {
						<-release
					}
					return s.store(ctx, batch)
				}
			},
			by: "CancelledHalfway", after: "10s",
		},
		"with the second batch": {
			write: func(release <-chan struct{}) writeFunc {
				return func(s *memorySink, ctx context.Context, batch []audit.Entry) error {
					if len(s.Events()) > 0 {
						<-release
					}
					return s.store(ctx, batch)
				}
			},
			by: "Order", after: "30s",
		},
		"at the end": {
			close: func(release <-chan struct{}) error { <-release; return nil },
			by:    "Closes", after: "30s",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got results
			synctest.Test(t, func(t *testing.T) {
				release := make(chan struct{})
				var hooks memorySinkHooks
				if broken.write != nil {
					hooks.write = broken.write(release)
				}
				if broken.close != nil {
					hooks.close = func() error { return broken.close(release) }
				}
				got = runSinkCases(t, opening(hooks), broken.by, "EmptyBatch")
				close(release)
			})
			require.Contains(t, got.failed(), broken.by, got.log())
			require.Contains(t, got[broken.by].log.String(), "has not returned after "+broken.after)
		})
	}
}
