package audit_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// misbehaving calls what it is told to, in each method that a logger may call.
type misbehaving struct{ do func() }

func (m misbehaving) String() string {
	m.do()
	return "text"
}

func (m misbehaving) AuditUserID() string {
	m.do()
	return "7"
}

func (m misbehaving) MarshalJSON() ([]byte, error) {
	m.do()
	return []byte(`"json"`), nil
}

type misbehavingText struct{ do func() }

func (m misbehavingText) MarshalText() ([]byte, error) {
	m.do()
	return []byte("text"), nil
}

// misbehaviours are the places of an event, and of the options, at which code of the
// user's own runs on the goroutine that records.
func misbehaviours(do func()) map[string]struct {
	event  audit.PermissionAuditEvent
	redact audit.Redactor
} {
	type row = struct {
		event  audit.PermissionAuditEvent
		redact audit.Redactor
	}
	in := func(change func(*audit.PermissionAuditEvent)) row {
		event := audit.PermissionAuditEvent{Action: audit.ActionRead, Granted: true, Manager: "hostile"}
		change(&event)
		return row{event: event}
	}
	redact := in(func(e *audit.PermissionAuditEvent) { e.Metadata = map[string]any{"key": "value"} })
	redact.redact = func(path []string, _ any) (any, bool) {
		if path[0] == "key" {
			do()
		}
		return nil, false
	}
	return map[string]row{
		"AuditUserID": in(func(e *audit.PermissionAuditEvent) { e.User = misbehaving{do} }),
		"String":      in(func(e *audit.PermissionAuditEvent) { e.User = struct{ stringerOnly }{stringerOnly{do}} }),
		"MarshalJSON": in(func(e *audit.PermissionAuditEvent) { e.Metadata = map[string]any{"v": misbehaving{do}} }),
		"MarshalText": in(func(e *audit.PermissionAuditEvent) { e.Metadata = map[string]any{"v": misbehavingText{do}} }),
		"MarshalText key": in(func(e *audit.PermissionAuditEvent) {
			e.Metadata = map[string]any{"v": map[misbehavingKey]int{{&do}: 1}}
		}),
		"Redact": redact,
	}
}

type stringerOnly struct{ do func() }

func (m stringerOnly) String() string {
	m.do()
	return "text"
}

type misbehavingKey struct{ do *func() }

func (m misbehavingKey) MarshalText() ([]byte, error) {
	(*m.do)()
	return []byte("key"), nil
}

// A panic is contained, and the event is recorded all the same.
func TestFault14APanicOfTheUsersCodeHarmsNoEvent(t *testing.T) {
	var counts faults.Counts
	rows := misbehaviours(func() { panic("oops") })
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			sink := &memorySink{}
			logger := newBuffered(t, sink, audit.BufferOptions{Redact: row.redact, Ack: audit.AckDurable})
			recordAll(t, logger, "m0")
			require.NoError(t, logger.Record(t.Context(), row.event))
			recordAll(t, logger, "m2")
			require.NoError(t, logger.Close())
			require.Equal(t, []string{"m0", "hostile", "m2"}, sink.managers())
			requireLedger(t, logger.Stats())
			counts.Add(faults.Counts{Submitted: 3, Acked: 3, Found: len(sink.managers())})
		})
	}
	faults.Report(t, faults.Row{Fault: "14 panics of the user's code", Rounds: len(rows), Counts: counts})
}

// A hang blocks the Record that it happens in, and nothing else.
func TestFault14AHangOfTheUsersCodeHoldsUpItsRecordAlone(t *testing.T) {
	var counts faults.Counts
	places := misbehaviours(nil)
	for name := range places {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hang := make(chan struct{})
				row := misbehaviours(func() { <-hang })[name]
				sink := &memorySink{}
				logger := newBuffered(t, sink, audit.BufferOptions{Redact: row.redact, Ack: audit.AckDurable})
				recorded := make(chan error, 1)
				go func() { recorded <- logger.Record(t.Context(), row.event) }()
				synctest.Wait()
				require.Empty(t, recorded)
				recordAll(t, logger, named(10)...)
				require.NoError(t, logger.Flush(t.Context()))
				require.Equal(t, named(10), sink.managers())
				requireLedger(t, logger.Stats())
				close(hang)
				require.NoError(t, <-recorded)
				require.NoError(t, logger.Close())
				counts.Add(faults.Counts{Submitted: 11, Acked: 11, Found: len(sink.managers())})
			})
		})
	}
	faults.Report(t, faults.Row{Fault: "14 hangs of the user's code", Rounds: len(places), Counts: counts})
}

// A store that panics is tried again; one that hangs, after WriteTimeout.
func TestFault14AStoreThatPanicsOrHangsLosesNothing(t *testing.T) {
	var counts faults.Counts
	rows := map[string]func(context.Context){
		"panics": func(context.Context) { panic("oops") },
		"hangs":  func(ctx context.Context) { <-ctx.Done() },
	}
	for name, misbehave := range rows {
		for where, path := range map[string]string{"with a spool": spoolPath(t), "without one": ""} {
			t.Run(name+", "+where, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					calls := 0
					store := &memorySink{}
					store.write = func(ctx context.Context, batch []audit.Entry) error {
						if calls++; calls <= 5 {
							misbehave(ctx)
							return ctx.Err()
						}
						store.keep(batch)
						return nil
					}
					logger := spooling(t, store, path, durable)
					recordAll(t, logger, named(20)...)
					require.NoError(t, logger.Flush(t.Context()))
					require.NoError(t, logger.Close())
					require.Equal(t, named(20), store.managers())
					requireLedger(t, logger.Stats())
					counts.Add(faults.Counts{Submitted: 20, Acked: 20, Found: len(store.managers())})
				})
			})
		}
	}
	faults.Report(t, faults.Row{Fault: "14 a store that panics, or hangs", Rounds: 2 * len(rows), Counts: counts})
}

// Whatever is called from wherever: documented errors, no hang, no race, no goroutine
// that stays.
func TestFault15EverythingAtOnce(t *testing.T) {
	for name, open := range map[string]func(t *testing.T, options audit.BufferOptions) (logger lifecycle, stored func() []string){
		"file": func(t *testing.T, options audit.BufferOptions) (lifecycle, func() []string) {
			path := spoolPath(t)
			logger, err := audit.NewFileAuditLogger(path, &audit.FileOptions{Buffer: options, MaxSize: 10_000})
			require.NoError(t, err)
			return logger, func() []string { return logged(t, spoolFiles(t, path)...) }
		},
		"spool": func(t *testing.T, options audit.BufferOptions) (lifecycle, func() []string) {
			store, broken := breakable()
			inner, calls := store.write, 0
			store.write = func(ctx context.Context, batch []audit.Entry) error {
				calls++
				broken.Store(calls%3 > 0)
				return inner(ctx, batch)
			}
			logger := spooling(t, store, spoolPath(t), func(o *audit.DatabaseOptions) { o.Buffer = options })
			return logger, func() []string { return store.managers() }
		},
	} {
		t.Run(name, func(t *testing.T) {
			logger, stored := open(t, audit.BufferOptions{QueueSize: 64, Ack: audit.AckCritical, OnError: ignored})
			stop := faults.WatchLedger(t, logger.Stats)
			var group sync.WaitGroup
			for g := range 64 {
				group.Go(func() {
					for i := range 40 {
						ctx, cancel := context.WithCancel(t.Context())
						if i%7 == 0 {
							cancel()
						}
						event := granted("m")
						event.Granted = i%10 > 0
						err := logger.Record(ctx, event)
						if err != nil && !errors.Is(err, audit.ErrClosed) && !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
						cancel()
						switch {
						case i == g%40:
							err = logger.Flush(t.Context())
						case i == 20 && g%8 == 0:
							audit.ConfigureAuditLogger(logger)()
						case i == 30 && g%8 == 1:
							if file, ok := logger.(*audit.FileAuditLogger); ok {
								err = file.Reopen()
							}
						case i == 38 && g > 60:
							err = logger.Shutdown(t.Context())
						}
						if err != nil && !errors.Is(err, audit.ErrClosed) && !errors.Is(err, context.Canceled) {
							t.Error(err)
						}
					}
				})
			}
			group.Wait()
			require.NoError(t, logger.Shutdown(t.Context()))
			require.ErrorIs(t, logger.Record(t.Context(), granted("m")), audit.ErrClosed)
			stop()
			stats := logger.Stats()
			require.EqualValues(t, 64*40+1, stats.Recorded+stats.Refused)
			require.Equal(t, stats.Spooled, stats.Pending)
			found := len(stored())
			require.EqualValues(t, stats.Written, found)
			faults.Report(t, faults.Row{Fault: "15 everything at once, " + name, Rounds: 1, Counts: faults.Counts{
				Submitted: 64*40 + 1, Acked: int(stats.Recorded), Refused: int(stats.Refused), Found: found + int(stats.Spooled),
			}})
		})
	}
}

// lifecycle is what all loggers are.
type lifecycle interface {
	audit.AuditLogger
	audit.Flusher
	audit.Shutdowner
	Stats() audit.Stats
}

// The times of the spool are exact too; those of FlushInterval, the pauses and
// CloseTimeout have tests of their own.
func TestFault16WhatWaitsBehindAHangGoesToTheSpoolAfterHalfASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, _ := gate()
		path := spoolPath(t)
		logger := spooling(t, store, path, nil)
		start := time.Now()
		recordAll(t, logger, "m0") // which is tried after FlushInterval
		<-time.After(time.Second - time.Nanosecond)
		synctest.Wait()
		require.Zero(t, logger.Stats().Spooled)
		<-time.After(time.Nanosecond)
		synctest.Wait()
		require.EqualValues(t, 1, logger.Stats().Spooled)
		require.Equal(t, time.Second, time.Since(start))
		require.NoError(t, logger.Shutdown(bounded(t, time.Second)))
	})
	reportExact(t, "the patience with a database that hangs", 1)
}

// reportExact reports a test of times.
func reportExact(t *testing.T, what string, events int) {
	t.Helper()
	faults.Report(t, faults.Row{
		Fault: "16 " + what, Rounds: 1, Counts: faults.Counts{Submitted: events, Acked: events, Found: events}, Note: "exact to the nanosecond, in fake time",
	})
}
