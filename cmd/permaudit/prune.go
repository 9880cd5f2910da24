package main

import (
	"context"
	"errors"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// pruning is something that may be deleted.
type pruning struct {
	what   string // such as: 12 rows of sqlite:audit.db
	delete func(ctx context.Context) (done string, err error)
}

// pruner is a store whose old events can be deleted.
type pruner interface {
	DeleteBefore(ctx context.Context, t time.Time) (int64, error)
}

// findOld looks for what is older than before in a source.
func (v *invocation) findOld(ctx context.Context, spec string, before time.Time) ([]pruning, error) {
	if path, isFile := query.FilePath(spec); isFile {
		return oldFiles(ctx, path, before)
	}
	rows, err := countOld(ctx, spec, before)
	if err != nil || rows == 0 {
		return nil, err
	}
	return []pruning{{
		what: count(rows, "row", "rows") + " of " + placeOf(spec),
		delete: func(ctx context.Context) (done string, err error) {
			store, err := openStore(ctx, spec)
			if err != nil {
				return "", err
			}
			defer func() { err = errors.Join(err, store.Close()) }()
			deleted, err := store.DeleteBefore(ctx, before)
			if deleted > 0 || err == nil {
				done = count(deleted, "row", "rows") + " of " + placeOf(spec)
			}
			return done, err
		},
	}}, nil
}

// countOld counts the rows of a table that are older than before. It opens the table for
// reading, and so creates none.
func countOld(ctx context.Context, spec string, before time.Time) (rows int64, err error) {
	handle, err := query.OpenAll(ctx, spec)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, handle.Close()) }()
	old := query.Filter{Until: before, Fields: query.FieldTimestamp} // no users
	groups, err := handle.Group(ctx, old, []string{"metadata." + audit.MetadataSampleRate})
	if err != nil {
		return 0, err
	}
	for group, err := range groups {
		var gaps *query.GapError
		switch {
		case errors.As(err, &gaps):
			rows += gaps.Gaps
		case isDamage(err):
		case err != nil:
			return 0, err
		case group.Sampled > 0: // all of them: Events is weighed
			rows += group.Sampled
		default:
			rows += group.Events
		}
	}
	return rows, nil
}

// isRemark reports whether an error of a grouping is no reason to stop.
func isRemark(err error) bool {
	var gaps *query.GapError
	return isDamage(err) || errors.As(err, &gaps)
}
