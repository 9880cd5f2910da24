package query

import (
	"context"
	"iter"
	"path/filepath"
	"runtime"
	"slices"

	"github.com/permaudit/audit"
)

// logs are the files of one or several logs. Those of one log are a fileSource.
type logs struct{ *fileSource }

// newLogs is Files, but for the order in which several logs are read.
func newLogs(patterns ...string) *logs {
	files, _ := Files(patterns...).(*fileSource)
	return &logs{files}
}

// Events implements Source: the logs are read side by side.
func (l *logs) Events(ctx context.Context, f Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		paths, err := l.paths()
		if err != nil {
			yield(audit.PermissionAuditEvent{}, err)
			return
		}
		apart := byLog(paths)
		parts := make(merged, len(apart))
		for i, paths := range apart {
			part := *l.fileSource
			part.patterns, part.isExpanded = paths, true
			part.workers = max(1, min(runtime.GOMAXPROCS(0), maxWorkers)/len(apart))
			parts[i] = &part
		}
		if len(parts) == 1 {
			parts[0].Events(ctx, f)(yield)
			return
		}
		parts.Events(ctx, f)(yield)
	}
}

// Group implements Grouper: the logs are read one after the other.
func (l *logs) Group(ctx context.Context, f Filter, by []string) (iter.Seq2[Group, error], error) {
	return inTurn(l, func(all *fileSource) (iter.Seq2[Group, error], error) { return all.Group(ctx, f, by) })
}

// GroupUsers implements UserGrouper, as Group does it.
func (l *logs) GroupUsers(ctx context.Context, sets []Set, by []string) (iter.Seq2[UserGroup, error], error) {
	return inTurn(l, func(all *fileSource) (iter.Seq2[UserGroup, error], error) { return all.GroupUsers(ctx, sets, by) })
}

// inTurn groups the files of all logs, as they are when the sequence begins.
func inTurn[G any](l *logs, group func(*fileSource) (iter.Seq2[G, error], error)) (iter.Seq2[G, error], error) {
	if _, err := group(l.fileSource); err != nil {
		return nil, err
	}
	return func(yield func(G, error) bool) {
		var none G
		all, err := l.oneAfterTheOther()
		if err != nil {
			yield(none, err)
			return
		}
		groups, err := group(all)
		if err != nil { // the first call knows better
			yield(none, err)
			return
		}
		groups(yield)
	}, nil
}

// oneAfterTheOther are the files of one log after those of another.
func (l *logs) oneAfterTheOther() (*fileSource, error) {
	paths, err := l.paths()
	if err != nil {
		return nil, err
	}
	all := *l.fileSource
	all.patterns, all.places, all.isExpanded = nil, nil, true
	for log, paths := range byLog(paths) {
		for range paths {
			// Those of another log are too far away to hold repeats.
			all.places = append(all.places, len(all.patterns)+log*(l.limits.repeatFiles+1))
			all.patterns = append(all.patterns, "")
		}
		copy(all.patterns[len(all.patterns)-len(paths):], paths)
	}
	return &all, nil
}

// byLog parts files by the log that they belong to, each file once, the oldest first.
func byLog(paths []string) [][]string {
	var logs []string
	var apart [][]string
	for _, path := range paths {
		log, _ := rotation(filepath.Clean(path))
		i := slices.Index(logs, log)
		if i < 0 {
			i, logs, apart = len(logs), append(logs, log), append(apart, nil)
		}
		isSame := func(other string) bool { return filepath.Clean(other) == filepath.Clean(path) }
		if !slices.ContainsFunc(apart[i], isSame) {
			apart[i] = append(apart[i], path)
		}
	}
	for i := range apart {
		slices.SortStableFunc(apart[i], byAge)
		apart[i] = withoutCopies(apart[i])
	}
	return apart
}
