package faults

import (
	"testing"
	"time"
)

// Watch calls check every millisecond, and once more when stop is called. An error
// fails the test.
func Watch(tb testing.TB, check func() error) (stop func()) {
	tb.Helper()
	stopped, done := make(chan struct{}), make(chan struct{})
	once := func() bool {
		if err := check(); err != nil {
			tb.Error(err)
			return false
		}
		return true
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for once() {
			select {
			case <-tick.C:
			case <-stopped:
				return
			}
		}
	}()
	return func() {
		close(stopped)
		<-done
		once()
	}
}
