package audittest

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// brokenGrouper is a Slice that groups in its own way.
type brokenGrouper struct {
	query.Source

	group func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error)
}

func (b *brokenGrouper) Group(ctx context.Context, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
	return b.group(ctx, b.Source, f, by)
}

type groupFunc = func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error)

// miscounting changes each group; keep reports whether it is yielded.
func miscounting(change func(group *query.Group) (keep bool)) groupFunc {
	return func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
		groups, err := query.GroupBy(ctx, source, f, by)
		return func(yield func(query.Group, error) bool) {
			for group, err := range groups {
				if err == nil && !change(&group) {
					continue
				}
				if !yield(group, err) {
					return
				}
			}
		}, err
	}
}

// groupingOther groups by another filter, or other dimensions.
func groupingOther(change func(f *query.Filter, by *[]string)) groupFunc {
	return func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
		change(&f, &by)
		return query.GroupBy(ctx, source, f, by)
	}
}

// failingWith changes errors.
func failingWith(change func(err error) error) groupFunc {
	return func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
		groups, err := query.GroupBy(ctx, source, f, by)
		return func(yield func(query.Group, error) bool) {
			for group, err := range groups {
				if err != nil {
					if err = change(err); err == nil {
						continue
					}
				}
				if !yield(group, err) {
					return
				}
			}
		}, err
	}
}

func TestGrouperCatches(t *testing.T) {
	for name, broken := range map[string]struct {
		group groupFunc
		by    string // the case
	}{
		"events that are not counted":     {miscounting(func(g *query.Group) bool { g.Events--; return true }), "Dimensions"},
		"checks that are the events":      {miscounting(func(g *query.Group) bool { g.Checks = g.Events; return true }), "Dimensions"},
		"users that are the events":       {miscounting(func(g *query.Group) bool { g.Users = g.Events; return true }), "Dimensions"},
		"no anonymous events":             {miscounting(func(g *query.Group) bool { g.Anonymous = 0; return true }), "Dimensions"},
		"a first that is the last":        {miscounting(func(g *query.Group) bool { g.First = g.Last; return true }), "Dimensions"},
		"a last of whole seconds":         {miscounting(func(g *query.Group) bool { g.Last = g.Last.Truncate(time.Second); return true }), "Dimensions"},
		"times in another zone":           {miscounting(func(g *query.Group) bool { g.First = g.First.In(time.FixedZone("", 3600)); return true }), "Dimensions"},
		"no group of null":                {miscounting(func(g *query.Group) bool { return !slices.Contains(g.Key, "") }), "Pairs"},
		"keys without case":               {miscounting(func(g *query.Group) bool { g.Key[0] = strings.ToLower(g.Key[0]); return true }), "Pairs"},
		"sample rates that are not noted": {miscounting(func(g *query.Group) bool { g.Sampled = 0; return true }), "Sampled"},
		"a key in another order":          {miscounting(func(g *query.Group) bool { slices.Reverse(g.Key); return true }), "Pairs"},
		"a filter without User":           {groupingOther(func(f *query.Filter, _ *[]string) { f.User = query.Terms{} }), "Filters"},
		"a filter without Since":          {groupingOther(func(f *query.Filter, _ *[]string) { f.Since = time.Time{} }), "Filters"},
		"checks that are denied too": {func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
			if f.Granted == query.Any {
				return query.GroupBy(ctx, source, f, by)
			}
			return miscounting(func(g *query.Group) bool { g.Checks = g.Events; return true })(ctx, source, f, by)
		}, "Filters"},
		"gaps that are not said": {failingWith(func(error) error { return nil }), "Gaps"},
		"gaps that depend on the filter": {func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
			if len(f.Manager.In) == 0 {
				return query.GroupBy(ctx, source, f, by)
			}
			return failingWith(func(error) error { return nil })(ctx, source, f, by)
		}, "Gaps"},
		"another error than the cause": {failingWith(func(err error) error {
			if gap := (*query.GapError)(nil); errors.As(err, &gap) {
				return err
			}
			return errors.New("another")
		}), "ContextDone"},
		"a dimension that is named twice": {func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
			return query.GroupBy(ctx, source, f, slices.Compact(slices.Clone(by)))
		}, "Unknown"},
		"an event that counts twice": {func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
			if !slices.Contains(by, "attribute") {
				return query.GroupBy(ctx, source, f, by)
			}
			return miscounting(func(g *query.Group) bool { g.Events += g.Events / 10; return true })(ctx, source, f, by)
		}, "Dimensions"},
		"users who are counted though nobody asks": {groupingOther(func(f *query.Filter, _ *[]string) { f.Fields = 0 }), "Uncounted"},
		"nobody where users are not counted": {func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
			return miscounting(func(g *query.Group) bool { return g.Users > 0 })(ctx, source, f, by)
		}, "Uncounted"},
		"a limit that is obeyed": {func(ctx context.Context, source query.Source, f query.Filter, by []string) (iter.Seq2[query.Group, error], error) {
			n := 0
			return miscounting(func(*query.Group) bool { n++; return f.Limit <= 0 || n <= f.Limit })(ctx, source, f, by)
		}, "Order"},
	} {
		t.Run(name, func(t *testing.T) {
			got := results{}
			for _, c := range grouperCases {
				if c.name == broken.by {
					got[c.name] = onFake(t, c.name, func(tb testing.TB) {
						c.test(tb, func(_ testing.TB, events []audit.PermissionAuditEvent) query.Source {
							return &brokenGrouper{query.Slice(events), broken.group}
						})
					})
				}
			}
			require.Equal(t, []string{broken.by}, got.failed(), got.log())
			require.Contains(t, got.log(), "The documentation of query.")
		})
	}
}
