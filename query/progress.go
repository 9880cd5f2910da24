package query

import (
	"context"
	"os"
	"sync/atomic"
)

type progressKey struct{}

// ContextWithProgress returns a context with which the reading of files tells report
// how many bytes it has read of how many, from time to time; 0 in all means that
// nobody knows. Compressed files count as they are. report is called concurrently, and
// should return soon.
func ContextWithProgress(ctx context.Context, report func(read, total int64)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// progress counts what is read. A nil one does not.
type progress struct {
	report func(read, total int64)
	read   atomic.Int64
	total  int64
}

// newProgress returns nil if nobody asked.
func newProgress(ctx context.Context, paths []string) *progress {
	report, _ := ctx.Value(progressKey{}).(func(read, total int64))
	if report == nil {
		return nil
	}
	p := &progress{report: report}
	for _, path := range paths {
		info, err := os.Stat(path)
		if path == standardInput || err != nil {
			p.total = 0
			break
		}
		p.total += info.Size()
	}
	return p
}

func (p *progress) add(n int) {
	if p != nil {
		p.report(p.read.Add(int64(n)), p.total)
	}
}
