package audittest

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

type sequence = iter.Seq2[audit.PermissionAuditEvent, error]

// sourceFunc makes a function a source.
type sourceFunc func(ctx context.Context, f query.Filter) sequence

func (s sourceFunc) Events(ctx context.Context, f query.Filter) sequence { return s(ctx, f) }

// brokenSource is a source over events that does something else than Slice.
type brokenSource func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence

// asking is a source that understands another filter than it is given.
func asking(change func(f *query.Filter)) brokenSource {
	return func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
		change(&f)
		return query.Slice(events).Events(ctx, f)
	}
}

// over is a source over other events than it is given.
func over(change func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent) brokenSource {
	return func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
		return query.Slice(change(slices.Clone(events))).Events(ctx, f)
	}
}

// withoutCase makes terms match as LIKE in SQL does it.
func withoutCase(t query.Terms) query.Terms {
	for _, value := range t.In {
		t.In = append(t.In[:len(t.In):len(t.In)], strings.ToLower(value), strings.ToUpper(value[:min(1, len(value))])+value[min(1, len(value)):])
	}
	return t
}

// withoutNull loses null from terms, as a comparison in SQL does.
func withoutNull(t query.Terms) query.Terms {
	t.NotIn = append(t.NotIn[:len(t.NotIn):len(t.NotIn)], "")
	return t
}

func TestSourceCatches(t *testing.T) {
	for name, broken := range map[string]struct {
		source brokenSource
		by     string
		too    []string // among others, which are not run
	}{
		"a filter without Since":      {asking(func(f *query.Filter) { f.Since = time.Time{} }), "Time", []string{"Combined"}},
		"a filter without Until":      {asking(func(f *query.Filter) { f.Until = time.Time{} }), "Time", []string{"Combined"}},
		"a filter without Action":     {asking(func(f *query.Filter) { f.Action = query.Terms{} }), "Action", []string{"Combined", "Gaps"}},
		"a filter without Manager":    {asking(func(f *query.Filter) { f.Manager = query.Terms{} }), "Manager", []string{"Combined"}},
		"a filter without User":       {asking(func(f *query.Filter) { f.User = query.Terms{} }), "User", []string{"Combined", "ManyTerms"}},
		"a filter without Attribute":  {asking(func(f *query.Filter) { f.Attribute = query.Terms{} }), "Attribute", []string{"Combined"}},
		"a filter without Permission": {asking(func(f *query.Filter) { f.Permission = query.Terms{} }), "Permission", []string{"Combined"}},
		"a filter without Metadata":   {asking(func(f *query.Filter) { f.Metadata = nil }), "Metadata", []string{"Combined"}},
		"a filter without Granted":    {asking(func(f *query.Filter) { f.Granted = query.Any }), "Outcome", []string{"Combined"}},
		"a filter without Bypassed":   {asking(func(f *query.Filter) { f.Bypassed = query.Any }), "Outcome", []string{"Combined"}},
		"a filter without Newest":     {asking(func(f *query.Filter) { f.Newest = false }), "Newest", []string{"Combined"}},
		"a filter without Limit":      {asking(func(f *query.Filter) { f.Limit = 0 }), "Limit", []string{"Combined"}},
		"a filter without NotIn": {asking(func(f *query.Filter) {
			f.Manager.NotIn, f.User.NotIn, f.Action.NotIn = nil, nil, nil
		}), "Manager", []string{"Action", "User"}},
		"an Until that is included": {asking(func(f *query.Filter) {
			if !f.Until.IsZero() {
				f.Until = f.Until.Add(time.Microsecond)
			}
		}), "Time", nil},
		"a Since of whole microseconds":  {asking(func(f *query.Filter) { f.Since = f.Since.Truncate(time.Microsecond) }), "Time", nil},
		"an Until of whole microseconds": {asking(func(f *query.Filter) { f.Until = f.Until.Truncate(time.Microsecond) }), "Time", nil},
		"a Since in another zone": {asking(func(f *query.Filter) {
			if _, offset := f.Since.Zone(); offset != 0 {
				f.Since = f.Since.Add(time.Duration(offset) * time.Second)
			}
		}), "Time", nil},
		"names without case": {asking(func(f *query.Filter) { f.Manager = withoutCase(f.Manager) }), "Manager", nil},
		"users who are never null": {asking(func(f *query.Filter) {
			if len(f.User.In)+len(f.User.NotIn) > 0 {
				f.User = withoutNull(f.User)
			}
		}), "User", nil},
		"metadata that are never null": {asking(func(f *query.Filter) {
			for key, terms := range f.Metadata {
				if len(terms.NotIn) > 0 {
					f.Metadata = map[string]query.Terms{key: withoutNull(terms)}
				}
			}
		}), "Metadata", nil},
		"many terms that are cut": {asking(func(f *query.Filter) { f.User.In = f.User.In[:min(len(f.User.In), 65535)] }), "ManyTerms", nil},
		"gaps among all others":   {asking(withGaps), "Gaps", []string{"Everything"}},
		"a limit before the filter": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				if f.Limit > 0 && !f.Newest {
					events = events[:min(f.Limit, len(events))]
				}
				return query.Slice(events).Events(ctx, f)
			}, "Limit", nil,
		},
		"the order of the timestamps": {over(func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
			slices.SortStableFunc(events, func(a, b audit.PermissionAuditEvent) int { return a.Timestamp.Compare(b.Timestamp) })
			return events
		}), "Everything", []string{"Newest"}},
		"the order of the ids": {over(func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
			slices.SortFunc(events, func(a, b audit.PermissionAuditEvent) int { return cmp.Compare(a.ID.String(), b.ID.String()) })
			return events
		}), "Everything", []string{"Newest"}},
		"an end after the first page": {over(func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
			return events[:min(1000, len(events))]
		}), "Everything", []string{"Limit"}},
		"an event twice, at the edge of a page": {over(func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
			if len(events) > 1000 {
				events = slices.Insert(events, 1000, events[999])
			}
			return events
		}), "Everything", nil},
		"metadata that were lost": {over(func(events []audit.PermissionAuditEvent) []audit.PermissionAuditEvent {
			for i := range events {
				events[i].Metadata = nil
			}
			return events
		}), "Everything", []string{"Metadata"}},
		"users without representation": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				return changing(query.Slice(events).Events(ctx, f), func(event *audit.PermissionAuditEvent) { event.User = nil })
			}, "Everything", nil,
		},
		"fields that the filter needs": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				if !f.Fields.Has(query.FieldManager) {
					events = slices.Clone(events)
					for i := range events {
						events[i].Manager = ""
					}
				}
				return query.Slice(events).Events(ctx, f)
			}, "Fields", nil,
		},
		"fields that were asked for": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				return changing(query.Slice(events).Events(ctx, f), func(event *audit.PermissionAuditEvent) {
					if f.Fields == query.FieldAttributes {
						event.Attributes = nil
					}
				})
			}, "Fields", nil,
		},
		"an error where there is nothing": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				return func(yield func(audit.PermissionAuditEvent, error) bool) {
					if len(events) == 0 {
						yield(audit.PermissionAuditEvent{}, errors.New("no such file"))
						return
					}
					query.Slice(events).Events(ctx, f)(yield)
				}
			}, "Empty", nil,
		},
		"a stream": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				used := false
				return func(yield func(audit.PermissionAuditEvent, error) bool) {
					if !used {
						used = true
						query.Slice(events).Events(ctx, f)(yield)
					}
				}
			}, "Again", []string{"Break"},
		},
		"a loop that cannot be left": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				return func(yield func(audit.PermissionAuditEvent, error) bool) {
					for event, err := range query.Slice(events).Events(ctx, f) {
						yield(event, err)
					}
				}
			}, "Break", nil,
		},
		"a context that nobody looks at": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				return query.Slice(events).Events(context.WithoutCancel(ctx), f)
			}, "ContextDone", nil,
		},
		"an end in silence": {
			func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
				return func(yield func(audit.PermissionAuditEvent, error) bool) {
					for event, err := range query.Slice(events).Events(ctx, f) {
						if err != nil || !yield(event, nil) {
							return
						}
					}
				}
			}, "ContextDone", nil,
		},
		"an error that is not the cause": {failing(func(ctx context.Context, _ audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool) {
			yield(audit.PermissionAuditEvent{}, ctx.Err())
		}), "ContextDone", nil},
		"an event beside the error": {failing(func(ctx context.Context, last audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool) {
			last.Action = audit.ActionRead
			yield(last, context.Cause(ctx))
		}), "ContextDone", nil},
		"a pair behind the error": {failing(func(ctx context.Context, _ audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool) {
			if yield(audit.PermissionAuditEvent{}, context.Cause(ctx)) {
				yield(audit.PermissionAuditEvent{}, context.Cause(ctx))
			}
		}), "ContextDone", nil},
		"a filter that all readers share": {sharing(), "Concurrent", nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := runSourceCases(t, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source {
				return sourceFunc(func(ctx context.Context, f query.Filter) sequence { return broken.source(events, ctx, f) })
			}, append(broken.too, broken.by)...)
			require.ElementsMatch(t, append(broken.too, broken.by), got.failed(), got.log())
			require.Contains(t, got[broken.by].log.String(), "The documentation of query.")
		})
	}
}

// withGaps selects gaps too where none of the actions is excluded.
func withGaps(f *query.Filter) {
	if len(f.Action.In) == 0 && len(f.Action.NotIn) == 0 {
		f.Action.In = actionNames()
	}
}

// changing changes the events of a sequence.
func changing(events sequence, change func(event *audit.PermissionAuditEvent)) sequence {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		for event, err := range events {
			if err == nil {
				change(&event)
			}
			if !yield(event, err) {
				return
			}
		}
	}
}

// failing is a source that ends in its own way when its context does.
func failing(end func(ctx context.Context, last audit.PermissionAuditEvent, yield func(audit.PermissionAuditEvent, error) bool)) brokenSource {
	return func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
		return func(yield func(audit.PermissionAuditEvent, error) bool) {
			var last audit.PermissionAuditEvent
			for event, err := range query.Slice(events).Events(ctx, f) {
				if err != nil {
					end(ctx, last, yield)
					return
				}
				if last = event; !yield(event, nil) {
					return
				}
			}
		}
	}
}

// sharing is a source that keeps the filter where all readers find it.
func sharing() brokenSource {
	var shared atomic.Pointer[query.Filter]
	return func(events []audit.PermissionAuditEvent, ctx context.Context, f query.Filter) sequence {
		shared.Store(&f)
		runtime.Gosched()
		return query.Slice(events).Events(ctx, *shared.Load())
	}
}

func TestSourceCatchesWhatHangs(t *testing.T) {
	var got results
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		got = runSourceCases(t, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source {
			return sourceFunc(func(ctx context.Context, f query.Filter) sequence {
				return func(yield func(audit.PermissionAuditEvent, error) bool) {
					if ctx.Err() != nil {
						<-release
					}
					query.Slice(events).Events(ctx, f)(yield)
				}
			})
		}, "ContextDone", "Break")
		close(release)
	})
	require.Equal(t, []string{"ContextDone"}, got.failed(), got.log())
	require.Contains(t, got.log(), "has not returned after 10s")
}

func TestSourceWantsASource(t *testing.T) {
	got := runSourceCases(t, func(testing.TB, []audit.PermissionAuditEvent) query.Source { return nil })
	require.Len(t, got.failed(), len(sourceCases))
	require.Contains(t, got.log(), "open returned no source")
}
