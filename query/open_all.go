package query

import (
	"context"
	"errors"
	"fmt"
)

// OpenAll opens several sources as one, each named as for Open. The logs of several
// processes, whether they are named one by one or by a glob, are read side by side: the
// events come by their timestamps, those of one log in order of arrival. So it is with
// databases. A log and the files that were rotated from it are one after the other.
//
// Repeats are looked for in each log, not across them. If one source cannot be opened
// it is an error, and none is open.
func OpenAll(ctx context.Context, specs ...string) (*Handle, error) {
	if len(specs) == 0 {
		return nil, errors.New("query: open: no source is named")
	}
	if len(specs) == 1 {
		return Open(ctx, specs[0])
	}
	var patterns []string
	var parts []Source
	var handles []*Handle
	closeAll := func() error {
		var all error
		for _, handle := range handles {
			all = errors.Join(all, handle.Close())
		}
		return all
	}
	for _, spec := range specs {
		handle, err := Open(ctx, spec)
		if err != nil {
			return nil, errors.Join(err, closeAll())
		}
		handles = append(handles, handle)
		if files, ok := handle.source.(*logs); ok {
			patterns = append(patterns, files.patterns...)
		} else {
			parts = append(parts, handle)
		}
	}
	if len(parts) == 0 {
		return NewHandle(newLogs(patterns...), closeAll), nil
	}
	for _, pattern := range patterns {
		if pattern == standardInput {
			return nil, errors.Join(fmt.Errorf("query: open %q: standard input cannot be read together with a database", pattern), closeAll())
		}
	}
	if len(patterns) > 0 {
		parts = append(parts, newLogs(patterns...))
	}
	return NewHandle(merged(parts), closeAll), nil
}
