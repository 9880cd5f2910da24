package audit

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// reporter calls OnError, one error after the other, on a goroutine that lives
// while there are errors.
type reporter struct {
	onError func(error)

	mu    sync.Mutex
	queue []error
	bytes int           // of the dead letters in it
	lost  int           // errors that found the queue full
	idle  chan struct{} // closed by the goroutine when it ends; nil while there is none
}

// What waits while OnError hangs.
const (
	mostReports     = 1024
	mostReportBytes = 4 << 20 // of dead letters
)

func newReporter(onError func(error)) *reporter { return &reporter{onError: onError} }

// report hands err to OnError and does not wait.
func (r *reporter) report(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) >= mostReports || r.bytes+letterSize(err) > mostReportBytes {
		r.lost++
		return
	}
	r.queue = append(r.queue, err)
	r.bytes += letterSize(err)
	if r.idle == nil {
		r.idle = make(chan struct{})
		go r.run()
	}
}

func (r *reporter) run() {
	for {
		err := r.next()
		if err == nil {
			return
		}
		_ = guard(func() error { r.onError(err); return nil })
	}
}

// next takes the oldest error off the queue; nil ends the goroutine.
func (r *reporter) next() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		if r.lost > 0 {
			err := &BackgroundError{Op: "report", Err: fmt.Errorf("%d errors dropped, since OnError is too slow", r.lost)}
			r.lost = 0
			return err
		}
		close(r.idle)
		r.idle, r.queue = nil, nil
		return nil
	}
	err := r.queue[0]
	r.queue[0] = nil // it may be large
	r.queue = r.queue[1:]
	r.bytes -= letterSize(err)
	return err
}

// letterSize is how long the line in an error is.
func letterSize(err error) int {
	var letter *DeadLetterError
	if errors.As(err, &letter) {
		return len(letter.Line)
	}
	return 0
}

// wait waits until OnError has seen every error, but not for ever.
func (r *reporter) wait(most time.Duration) {
	r.mu.Lock()
	idle := r.idle
	r.mu.Unlock()
	if idle == nil {
		return
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-idle:
	case <-timer.C:
	}
}

// logInterval is how often the default OnError logs.
const logInterval = 10 * time.Second

// logErrors returns the default OnError: slog, rate-limited.
func logErrors() func(error) {
	var last time.Time // only ever used by the reporter's goroutine
	suppressed := 0
	return func(err error) {
		if now := time.Now(); last.IsZero() || now.Sub(last) >= logInterval {
			slog.Error("permission audit log is in trouble", "error", err, "suppressed", suppressed)
			last, suppressed = now, 0
			return
		}
		suppressed++
	}
}
