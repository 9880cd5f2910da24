package audit

import (
	"context"
	"reflect"
	"runtime"
	"sync/atomic"
)

// DryRun calls f with a context, made from ctx, for decisions that are made only to see
// how they would turn out: by a replay of the log through new rules, or to show a
// preview. They are not decisions of the service, and are not logged:
//
//   - no event that is emitted or recorded with that context, or with one made from it,
//     by whatever goroutine, also after f has returned;
//   - until f returns no event at all from the goroutine that called DryRun, whatever its
//     context is: code that has none and emits with context.Background() is noticed by its
//     stack.
//
// What a goroutine that f started emits with another context is logged: pass the context
// on. So are the events of everybody else meanwhile.
//
// EmitPermissionAuditEvent obeys, and so does Record of every logger that this package
// makes: they return nil for such an event, check nothing and count it nowhere. A logger
// of another make whose Record is called directly is not asked.
//
// While there is no dry run, all this costs an atomic load for each event. While one is
// under way, an event of somebody else costs a look at its context and its stack, some
// microseconds.
//
// A panic of f is not recovered. DryRun may be called concurrently, and within a dry run.
//
//go:noinline
func DryRun(ctx context.Context, f func(ctx context.Context)) {
	dry := newDryContext(ctx)
	dryCalls.Add(1)
	defer func() {
		dryCalls.Add(-1)
		runtime.KeepAlive(dry)
	}()
	f(dry)
}

var (
	// dryRuns counts the contexts of dry runs that can still be used by somebody.
	dryRuns atomic.Int64
	// dryCalls counts the calls of DryRun that have not returned.
	dryCalls atomic.Int64
	// dryEntry is where DryRun begins: what its frames on a stack are known by.
	dryEntry = reflect.ValueOf(DryRun).Pointer()
)

// dryContext is the context of a dry run.
type dryContext struct{ context.Context }

type dryKey struct{}

// newDryContext returns a context that counts in dryRuns until nobody has it any more: a
// goroutine that outlives its dry run does not begin to log.
func newDryContext(ctx context.Context) context.Context {
	c := &dryContext{ctx}
	dryRuns.Add(1)
	runtime.AddCleanup(c, func(runs *atomic.Int64) { runs.Add(-1) }, &dryRuns)
	return c
}

// Value implements context.Context.
func (c *dryContext) Value(key any) any {
	if key == (dryKey{}) {
		return true
	}
	return c.Context.Value(key)
}

// isDry reports whether an event that is emitted here with ctx must not be logged.
func isDry(ctx context.Context) bool { return dryRuns.Load() > 0 && looksDry(ctx) }

// looksDry is apart so that isDry stays small enough to be inlined.
func looksDry(ctx context.Context) bool {
	if ctx != nil && ctx.Value(dryKey{}) != nil {
		return true
	}
	return dryCalls.Load() > 0 && isOnStack(dryEntry)
}

// isOnStack reports whether a function that begins at entry, and is never inlined, is
// running on this goroutine.
func isOnStack(entry uintptr) bool {
	var calls [64]uintptr
	const mostCode = 1 << 16 // that there is of such a function; to ask FuncForPC takes long
	for skip := 1; ; skip += len(calls) {
		n := runtime.Callers(skip, calls[:])
		for _, returns := range calls[:n] {
			if returns-entry > mostCode { // below entry that wraps around
				continue
			}
			if f := runtime.FuncForPC(returns - 1); f != nil && f.Entry() == entry {
				return true
			}
		}
		if n < len(calls) {
			return false
		}
	}
}
