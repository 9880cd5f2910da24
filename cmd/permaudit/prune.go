package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
	groups, err := handle.Group(ctx, query.Filter{Until: before}, []string{"metadata." + audit.MetadataSampleRate})
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

// rotatedLayout is the time in the name of a rotated file, <base>-<time><ext>[.gz].
const rotatedLayout = "20060102T150405.000000Z"

// oldFiles looks for the rotated files of a log all of whose events are older.
func oldFiles(ctx context.Context, path string, before time.Time) ([]pruning, error) {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var old []pruning
	rotated := false
	for _, entry := range entries {
		at, ours := rotatedTime(filepath.Base(path), entry.Name())
		if !ours || !entry.Type().IsRegular() {
			continue
		}
		rotated = true
		name := filepath.Join(filepath.Dir(path), entry.Name())
		newest, err := newestEvent(ctx, name, at)
		if err != nil {
			return nil, err
		}
		if newest.Before(before) {
			old = append(old, pruning{
				what:   "file " + name,
				delete: func(context.Context) (string, error) { return "file " + name, remove(name) },
			})
		}
	}
	if _, err := os.Stat(path); err != nil && !rotated {
		return nil, err
	}
	return old, nil
}

// remove removes a file; the logger may have compressed it meanwhile.
func remove(name string) error {
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// rotatedTime returns when the file name was made of the log, if it was.
func rotatedTime(log, name string) (at time.Time, ours bool) {
	extension := filepath.Ext(log)
	stamp, found := strings.CutPrefix(name, strings.TrimSuffix(log, extension)+"-")
	stamp, ok := strings.CutSuffix(strings.TrimSuffix(stamp, ".gz"), extension)
	at, err := time.Parse(rotatedLayout, stamp)
	// Parse takes more than Format makes.
	return at, found && ok && err == nil && at.Format(rotatedLayout) == stamp
}

// newestEvent returns the newest timestamp in a rotated file. If lines of it are damaged,
// or it holds no event, that of the rotation counts.
func newestEvent(ctx context.Context, path string, rotated time.Time) (newest time.Time, err error) {
	handle, err := query.OpenAll(ctx, path)
	if err != nil {
		return newest, err
	}
	defer func() { err = errors.Join(err, handle.Close()) }()
	damaged := false
	later := func(t time.Time, err error) error {
		switch {
		case isDamage(err):
			damaged = true
		case err != nil && !isRemark(err):
			return fmt.Errorf("look for the newest event: %w", err)
		case t.After(newest):
			newest = t
		}
		return nil
	}
	groups, err := handle.Group(ctx, query.Filter{}, nil)
	if err != nil {
		return newest, err
	}
	for group, err := range groups {
		if err := later(group.Last, err); err != nil {
			return newest, err
		}
	}
	gaps := query.Filter{Action: query.Terms{In: []string{string(audit.ActionGap)}}, Fields: query.FieldTimestamp}
	for event, err := range handle.Events(ctx, gaps) {
		if err := later(event.Timestamp, err); err != nil {
			return newest, err
		}
	}
	if newest.IsZero() || damaged {
		newest = slices.MaxFunc([]time.Time{newest, rotated}, time.Time.Compare)
	}
	return newest, nil
}
