package query

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/permaudit/audit"
)

// This file stands in for what the reader of files brings: see there.

// OpenAll opens the sources that specs name, as one.
func OpenAll(ctx context.Context, specs ...string) (*Handle, error) {
	switch len(specs) {
	case 0:
		return nil, errors.New("query: open: no source is named")
	case 1:
		return Open(ctx, specs[0])
	}
	return nil, fmt.Errorf("query: open: %d sources at once are not supported yet", len(specs))
}

// FilePath returns the path of the file that spec names, if it names one.
func FilePath(spec string) (path string, isFile bool) {
	scheme, rest := splitScheme(spec)
	switch scheme {
	case "":
		return spec, true
	case schemeFile:
		path, err := filePath(rest)
		return path, err == nil
	}
	return "", false
}

// Follow implements Follower, if the source does.
func (h *Handle) Follow(ctx context.Context, f Filter, last int) iter.Seq2[audit.PermissionAuditEvent, error] {
	if follower, ok := h.source.(Follower); ok {
		return follower.Follow(ctx, f, last)
	}
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		yield(audit.PermissionAuditEvent{}, errors.New("query: follow: this source cannot be followed yet"))
	}
}

// ContextWithProgress returns a context under which the reading of files calls report
// with how many bytes of how many it has read; total is 0 if that is not known.
func ContextWithProgress(ctx context.Context, report func(read, total int64)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

type progressKey struct{}
