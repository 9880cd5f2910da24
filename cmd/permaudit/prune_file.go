package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// rotatedLayout is the time in the name of a rotated file, <base>-<time><ext>[.gz].
const rotatedLayout = "20060102T150405.000000Z"

// oldFiles looks for the rotated files of a log all of whose events are older: those of
// the library, and those of logrotate, <log>.1 and so on.
func oldFiles(ctx context.Context, path string, before time.Time) ([]pruning, error) {
	info, missing := os.Stat(path)
	if missing == nil && info.IsDir() {
		return nil, fmt.Errorf("prune %s: it is a directory: name the log in it", path)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	var old []pruning
	rotated := false
	for _, entry := range entries {
		at, is, err := rotation(filepath.Base(path), entry)
		if err != nil {
			return nil, err
		}
		if !is {
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
	if missing != nil && !rotated {
		return nil, missing
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

// rotation reports whether a file was made of the log, and when: for logrotate's, when it
// was written last.
func rotation(log string, entry fs.DirEntry) (at time.Time, is bool, err error) {
	if !entry.Type().IsRegular() {
		return at, false, nil
	}
	if at, is := rotatedTime(log, entry.Name()); is {
		return at, true, nil
	}
	if !isNumbered(log, entry.Name()) {
		return at, false, nil
	}
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) { // it is rotated just now
		return at, false, nil
	}
	if err != nil {
		return at, false, err
	}
	return info.ModTime(), true, nil
}

// isNumbered reports whether logrotate makes such a name of the log.
func isNumbered(log, name string) bool {
	number, found := strings.CutPrefix(strings.TrimSuffix(name, ".gz"), log+".")
	_, err := strconv.ParseUint(number, 10, 32)
	return found && err == nil
}

// rotatedTime returns when the file name was made of the log by the library, if it was.
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
	all := query.Filter{Fields: query.FieldTimestamp} // no users
	groups, err := handle.Group(ctx, all, nil)
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
