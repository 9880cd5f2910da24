package main

import (
	"context"
	"sync"
	"time"

	"github.com/permaudit/audit/query"
	"github.com/schollz/progressbar/v3"
)

// patience is how long nothing is shown: most commands are done by then.
const patience = 500 * time.Millisecond

// progress is the bar of a long reading. The nil progress is one that is never shown.
type progress struct {
	invocation *invocation
	begun      time.Time

	mu    sync.Mutex
	bar   *progressbar.ProgressBar // nil: it is not shown
	ended bool
}

// watch returns a context under which the reading is shown on standard error, if that is
// a terminal; stop takes the bar away for good.
func (v *invocation) watch(ctx context.Context) (watched context.Context, stop func()) {
	if v.quiet || !isTerminal(v.stderr) || v.getenv("TERM") == "dumb" {
		return ctx, func() {}
	}
	p := &progress{invocation: v, begun: time.Now()}
	v.progress = p
	return query.ContextWithProgress(ctx, p.report), p.stop
}

// report shows how many bytes of how many are read. It may be called concurrently.
func (p *progress) report(read, total int64) {
	if time.Since(p.begun) < patience {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	if total <= 0 {
		total = -1 // not known
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.invocation.stderr),
			progressbar.OptionSetDescription("reading"),
			progressbar.OptionShowBytes(true),
			progressbar.OptionShowCount(), // without a total, too
			progressbar.OptionShowTotalBytes(true),
			progressbar.OptionUseIECUnits(true),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetSpinnerChangeInterval(0), // it has no goroutine then
			progressbar.OptionSetWidth(20),
			progressbar.OptionClearOnFinish(),
		)
	}
	if total > 0 && p.bar.GetMax64() != total {
		p.bar.ChangeMax64(total)
	}
	// What it cannot show, nobody needs.
	_ = p.bar.Set64(read)
}

// hide takes the bar away, so that something can be written; it comes back with the
// next report.
func (p *progress) hide() {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

func (p *progress) stop() {
	p.hide()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.bar = nil
}
