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

// between is how long a bar stays as it is.
const between = 100 * time.Millisecond

// progress is the bar of a long reading. The nil progress is one that is never shown.
type progress struct {
	invocation *invocation
	begun      time.Time

	mu    sync.Mutex
	bar   *progressbar.ProgressBar
	at    time.Time // when it was shown last
	shown bool
	ended bool
}

// watch returns a context under which the reading is shown on standard error, if that is
// a terminal; stop takes the bar away for good.
func (v *invocation) watch(ctx context.Context) (watched context.Context, stop func()) {
	if v.quiet || !isTerminal(v.stderr) || v.getenv("TERM") == "dumb" {
		return ctx, func() {}
	}
	p := newProgress(v)
	v.progress = p
	return query.ContextWithProgress(ctx, p.report), p.stop
}

// newProgress begins to measure; nothing is shown yet.
func newProgress(v *invocation) *progress {
	bar := progressbar.NewOptions64(-1, // how much it is, the first report says
		progressbar.OptionSetWriter(v.stderr),
		progressbar.OptionSetDescription("reading"),
		progressbar.OptionShowBytes(true),
		progressbar.OptionShowCount(), // without a total, too
		progressbar.OptionShowTotalBytes(true),
		progressbar.OptionUseIECUnits(true),
		progressbar.OptionSetSpinnerChangeInterval(0), // it has no goroutine then
		progressbar.OptionSetWidth(20),
		progressbar.OptionClearOnFinish(),
	)
	bar.StartWithoutRender() // or the bytes so far would seem to be read in no time
	return &progress{invocation: v, begun: time.Now(), bar: bar}
}

// report shows how many bytes of how many are read. It may be called concurrently.
func (p *progress) report(read, total int64) {
	if time.Since(p.begun) < patience {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended || time.Since(p.at) < between {
		return
	}
	p.at, p.shown = time.Now(), true
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
	if p.shown {
		_ = p.bar.Clear()
	}
}

func (p *progress) stop() {
	p.hide()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = true
	p.shown = false
}
