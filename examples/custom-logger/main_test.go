package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/audittest"
	"github.com/permaudit/audit/query"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// printed is a writer that must not be used concurrently, and gives back the events that
// were written to it.
type printed struct{ bytes.Buffer }

func (p *printed) Events(ctx context.Context, f query.Filter) iter.Seq2[audit.PermissionAuditEvent, error] {
	return func(yield func(audit.PermissionAuditEvent, error) bool) {
		var events []audit.PermissionAuditEvent
		for decoder := json.NewDecoder(bytes.NewReader(p.Bytes())); decoder.More(); {
			var event audit.PermissionAuditEvent
			if err := decoder.Decode(&event); err != nil {
				yield(event, err)
				return
			}
			events = append(events, event)
		}
		query.Slice(events).Events(ctx, f)(yield)
	}
}

func TestPrintLoggerKeepsTheContract(t *testing.T) {
	audittest.TestLogger(t, func(testing.TB) audit.AuditLogger {
		var out printed
		return audittest.WithSource(&printLogger{w: &out}, &out)
	})
}

func TestForwarderKeepsTheContract(t *testing.T) {
	audittest.TestLogger(t, func(tb testing.TB) audit.AuditLogger {
		var collected collector
		return audittest.WithSource(forwardTo(tb, &collected, nil), &collected)
	})
}

// forwardTo returns a logger that sends to handler.
func forwardTo(tb testing.TB, handler http.Handler, options *audit.BufferOptions) *audit.BufferedAuditLogger {
	server := httptest.NewServer(handler)
	tb.Cleanup(server.Close)
	forwarder, err := newForwarder(server.URL, options)
	require.NoError(tb, err)
	tb.Cleanup(func() { _ = forwarder.Close() }) // a test that cares has closed it before
	return forwarder
}

// recordSome records events with the metadata n = 0, 1, 2, ...
func recordSome(t *testing.T, logger audit.AuditLogger, events int) []string {
	t.Helper()
	var names []string
	for n := range events {
		name := fmt.Sprint(n)
		names = append(names, name)
		require.NoError(t, logger.Record(t.Context(), audit.PermissionAuditEvent{Action: audit.ActionRead, Metadata: map[string]any{"n": name}}))
	}
	return names
}

// arrived lists the events of a collector by their metadata n.
func arrived(t *testing.T, c *collector) []string {
	t.Helper()
	var names []string
	for event, err := range c.Events(t.Context(), query.Filter{}) {
		require.NoError(t, err)
		names = append(names, fmt.Sprint(event.Metadata["n"]))
	}
	return names
}

// failures are collectors that fail twice before they work.
var failures = map[string]func(c *collector, w http.ResponseWriter, r *http.Request){
	"out of order": func(_ *collector, w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
	},
	"too busy": func(_ *collector, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTooManyRequests) },
	"too slow": func(_ *collector, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusRequestTimeout) },
	"hangs up": func(*collector, http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	"keeps the batch and hangs up": func(c *collector, _ http.ResponseWriter, r *http.Request) {
		c.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	},
	"keeps the batch and denies that": func(c *collector, w http.ResponseWriter, r *http.Request) {
		c.ServeHTTP(httptest.NewRecorder(), r)
		w.WriteHeader(http.StatusBadGateway)
	},
}

func TestEveryEventArrivesOnceThoughTheCollectorFails(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			var collected collector
			var requests atomic.Int64
			var reported atomic.Int64
			forwarder := forwardTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if requests.Add(1) <= 2 {
					fail(&collected, w, r)
					return
				}
				collected.ServeHTTP(w, r)
			}), &audit.BufferOptions{OnError: func(err error) {
				var background *audit.BackgroundError
				if errors.As(err, &background) {
					reported.Add(1)
				}
			}})
			want := recordSome(t, forwarder, 10)
			require.NoError(t, forwarder.Shutdown(t.Context()))
			require.Equal(t, want, arrived(t, &collected))
			require.Equal(t, int64(2), reported.Load())
			stats := forwarder.Stats()
			require.Equal(t, uint64(10), stats.Written)
			require.Zero(t, stats.Pending)
		})
	}
}

func TestEventThatTheCollectorRefusesIsReported(t *testing.T) {
	var collected collector
	var requests atomic.Int64
	letters := make(chan *audit.DeadLetterError, 10)
	forwarder := forwardTo(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		batch, err := io.ReadAll(r.Body)
		if err != nil || bytes.Contains(batch, []byte(`{"n":"13"}`)) {
			http.Error(w, "13 brings bad luck", http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(batch))
		collected.ServeHTTP(w, r)
	}), &audit.BufferOptions{OnError: func(err error) {
		var letter *audit.DeadLetterError
		if errors.As(err, &letter) {
			letters <- letter
		}
	}})
	want := recordSome(t, forwarder, 20)
	require.NoError(t, forwarder.Flush(t.Context()))
	require.Equal(t, append(want[:13:13], want[14:]...), arrived(t, &collected))

	letter := <-letters
	require.Contains(t, string(letter.Line), `"metadata":{"n":"13"}`)
	require.ErrorContains(t, letter, "collector: 400 Bad Request: 13 brings bad luck")
	var event audit.PermissionAuditEvent
	require.NoError(t, event.UnmarshalJSON(letter.Line))
	require.Equal(t, letter.ID, event.ID)
	require.Empty(t, letters)

	stats := forwarder.Stats()
	require.Equal(t, uint64(19), stats.Written)
	require.Equal(t, uint64(1), stats.DeadLettered)
	require.LessOrEqual(t, requests.Load(), int64(2*5+1), "the batch is halved, not sent event by event")
}

func TestShutdownGivesUpOnACollectorThatHangs(t *testing.T) {
	release := make(chan struct{})
	reached := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		close(reached)
		<-release
	}))
	defer server.Close()
	defer close(release)
	forwarder, err := newForwarder(server.URL, &audit.BufferOptions{OnError: func(error) {}, BatchSize: 1})
	require.NoError(t, err)
	recordSome(t, forwarder, 1)
	<-reached
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var undelivered *audit.UndeliveredError
	require.ErrorAs(t, forwarder.Shutdown(ctx), &undelivered)
	require.Equal(t, 1, undelivered.Events)
	require.ErrorIs(t, undelivered, context.Canceled)
}

func TestShutdownHangsUp(t *testing.T) {
	var collected collector
	closed := make(chan struct{})
	server := httptest.NewUnstartedServer(&collected)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			close(closed)
		}
	}
	server.Start()
	forwarder, err := newForwarder(server.URL, nil)
	require.NoError(t, err)
	recordSome(t, forwarder, 1)
	require.NoError(t, forwarder.Shutdown(t.Context()))
	<-closed
	server.Close()
}

func TestCollectorTakesAllOfABatchOrNothing(t *testing.T) {
	var collected collector
	line, err := audit.PermissionAuditEvent{Action: audit.ActionRead}.MarshalJSON()
	require.NoError(t, err)
	for payload, want := range map[string]int{
		string(line) + "\nno event\n": http.StatusBadRequest,
		string(line) + "\n{}\n":       http.StatusBadRequest,
		"":                            http.StatusNoContent,
	} {
		recorder := httptest.NewRecorder()
		collected.ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(payload)))
		require.Equal(t, want, recorder.Code, payload)
	}
	require.Empty(t, arrived(t, &collected))
}

func TestRunPrintsWhatArrived(t *testing.T) {
	var out strings.Builder
	require.NoError(t, run(t.Context(), &out))
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	require.Len(t, lines, 6)
	for i, want := range []string{
		`"action":"update","attributes":["name"],"granted":true,"bypassed":false,"manager":"Project","user_id":"7","user":null,"permissions":["isOwner"],"metadata":null}`,
		`"action":"update","attributes":["name"],"granted":false,"bypassed":false,"manager":"Project","user_id":"30","user":null,"permissions":["isOwner"],"metadata":null}`,
		`"action":"delete","attributes":[],"granted":true,"bypassed":true,"manager":"Task","user_id":"1","user":null,"permissions":[],"metadata":null}`,
	} {
		require.Contains(t, lines[i], want)
		var event audit.PermissionAuditEvent
		require.NoError(t, event.UnmarshalJSON([]byte(lines[i])))
		require.Equal(t, "arrived at the collector: "+event.ID.String(), lines[3+i])
	}
	require.False(t, audit.AuditLoggingEnabled())
}
