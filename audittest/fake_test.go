package audittest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/query"
)

// fakeTB is a test that may fail without failing the one that runs it.
type fakeTB struct {
	testing.TB // the real one, for the rest

	name string
	ctx  context.Context

	mu       sync.Mutex
	failed   bool
	skipped  bool
	log      strings.Builder
	cleanups []func()
}

func (f *fakeTB) Name() string             { return f.name }
func (f *fakeTB) Context() context.Context { return f.ctx }

func (f *fakeTB) Cleanup(cleanup func()) { f.cleanups = append(f.cleanups, cleanup) }

func (f *fakeTB) note(failed, skipped bool, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed, f.skipped = f.failed || failed, f.skipped || skipped
	f.log.WriteString(strings.TrimSuffix(text, "\n") + "\n")
}

func (f *fakeTB) Log(args ...any)                 { f.note(false, false, fmt.Sprintln(args...)) }
func (f *fakeTB) Logf(format string, args ...any) { f.note(false, false, fmt.Sprintf(format, args...)) }

func (f *fakeTB) Fail()             { f.note(true, false, "") }
func (f *fakeTB) FailNow()          { f.Fail(); runtime.Goexit() }
func (f *fakeTB) Error(args ...any) { f.note(true, false, fmt.Sprintln(args...)) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.note(true, false, fmt.Sprintf(format, args...))
}
func (f *fakeTB) Fatal(args ...any)                 { f.Error(args...); runtime.Goexit() }
func (f *fakeTB) Fatalf(format string, args ...any) { f.Errorf(format, args...); runtime.Goexit() }

func (f *fakeTB) SkipNow()                         { f.note(false, true, ""); runtime.Goexit() }
func (f *fakeTB) Skip(args ...any)                 { f.note(false, true, fmt.Sprintln(args...)); runtime.Goexit() }
func (f *fakeTB) Skipf(format string, args ...any) { f.Skip(fmt.Sprintf(format, args...)) }

// onFake runs test on a fake of its own, and its cleanups.
func onFake(t testing.TB, name string, test func(testing.TB)) *fakeTB {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	fake := &fakeTB{TB: t, name: name, ctx: ctx}
	on := func(f func()) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			f()
		}()
		<-done
	}
	on(func() { test(fake) })
	cancel()
	for _, cleanup := range slices.Backward(fake.cleanups) {
		on(cleanup)
	}
	return fake
}

// results are what became of the cases, by name.
type results map[string]*fakeTB

func (r results) failed() []string {
	var names []string
	for name, fake := range r {
		if fake.failed {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (r results) skipped() []string {
	var names []string
	for name, fake := range r {
		if fake.skipped {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// log is what the failed cases said.
func (r results) log() string {
	var text strings.Builder
	for _, name := range r.failed() {
		fmt.Fprintf(&text, "--- %s\n%s", name, r[name].log.String())
	}
	return text.String()
}

func runLoggerCases(t testing.TB, open func(testing.TB) audit.AuditLogger) results {
	t.Helper()
	all := results{}
	for _, c := range loggerCases {
		all[c.name] = onFake(t, c.name, func(tb testing.TB) { c.test(tb, open) })
	}
	return all
}

// runSourceCases runs the named cases, all of them if there are none.
func runSourceCases(t testing.TB, open func(testing.TB, []audit.PermissionAuditEvent) query.Source, names ...string) results {
	t.Helper()
	all := results{}
	for _, c := range sourceCases {
		if len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		all[c.name] = onFake(t, c.name, func(tb testing.TB) { c.test(tb, open) })
	}
	return all
}

// runSinkCases runs the named cases, all of them if there are none.
func runSinkCases(t testing.TB, open func(testing.TB) (audit.Sink, query.Source), names ...string) results {
	t.Helper()
	all := results{}
	for _, c := range sinkCases {
		if len(names) > 0 && !slices.Contains(names, c.name) {
			continue
		}
		all[c.name] = onFake(t, c.name, func(tb testing.TB) { c.test(tb, open) })
	}
	return all
}
