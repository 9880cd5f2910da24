package audittest

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"testing"
	"time"
)

// How long a call may take. Only what is broken is ever waited for so long.
const (
	soon     = 10 * time.Second // of a call whose context has ended
	patience = 30 * time.Second // of any other
)

// probe makes calls for a case, and fails its test with the promise that they broke.
// Its methods are called by the goroutine of the test; they stop it, when going on
// makes no sense.
type probe struct {
	testing.TB

	who  string // says the rule
	rule string // the promise, as it stands in that comment
	hung bool   // a call did not return
}

// broken fails the test and quotes the promise that was broken.
func (p *probe) broken(format string, args ...any) {
	p.Helper()
	p.Errorf("%s\nThe documentation of %s says: %q", fmt.Sprintf(format, args...), p.who, p.rule)
}

// all runs f concurrently, for each i below n, and returns the errors. what is the
// call that f makes.
func (p *probe) all(what string, limit time.Duration, n int, f func(i int) error) []error {
	p.Helper()
	errs, returned := together(limit, n, f)
	if !returned {
		p.hung = true
		p.broken("%s has not returned after %v. The goroutines:\n%s", what, limit, goroutines())
		p.FailNow()
	}
	for _, err := range errs {
		if panicked, ok := err.(*panicError); ok { //nolint:errorlint // it is never wrapped
			p.broken("%s panicked: %v\n%s", what, panicked.value, panicked.stack)
			p.FailNow()
		}
	}
	return errs
}

// call runs f, which makes the call that what says.
func (p *probe) call(what string, limit time.Duration, f func() error) error {
	p.Helper()
	return p.all(what, limit, 1, func(int) error { return f() })[0]
}

// panicError is the error of a call that panicked.
type panicError struct {
	value any
	stack []byte
}

func (p *panicError) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// together runs f concurrently for each i below n. If one of the calls takes longer
// than limit, returned is false and there are no errors.
func together(limit time.Duration, n int, f func(i int) error) (errs []error, returned bool) {
	results := make([]error, n)
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			defer func() {
				if value := recover(); value != nil {
					results[i] = &panicError{value, debug.Stack()}
				}
			}()
			results[i] = f(i)
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		calls.Wait()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return results, true
	case <-timer.C:
		return nil, false
	}
}

// goroutines is a dump of all goroutines.
func goroutines() []byte {
	const most = 64 << 10
	dump := make([]byte, most)
	return dump[:runtime.Stack(dump, true)]
}
