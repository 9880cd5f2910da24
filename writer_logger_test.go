package audit_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/permaudit/audit"
	"github.com/permaudit/audit/internal/faults"
	"github.com/stretchr/testify/require"
)

// stream is a writer; write decides how much of what it is given it takes.
type stream struct {
	write func(p []byte) (int, error) // nil: all

	mu     sync.Mutex
	text   bytes.Buffer
	closed bool
}

func (s *stream) Write(p []byte) (int, error) {
	n, err := len(p), error(nil)
	if s.write != nil {
		n, err = s.write(p)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if n > 0 && n <= len(p) { // any other count is a lie
		s.text.Write(p[:n])
	}
	return n, err
}

func (s *stream) Close() error {
	s.closed = true
	return nil
}

// managers are those of the lines that were taken, each of which must be whole.
func (s *stream) managers(t *testing.T) []string {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	for line := range strings.Lines(s.text.String()) {
		require.True(t, strings.HasSuffix(line, "\n"), "torn line: %q", line)
		names = append(names, readLine(t, strings.TrimSuffix(line, "\n")).Manager)
	}
	return names
}

func openWriter(t *testing.T, w io.Writer, options audit.BufferOptions) *audit.BufferedAuditLogger {
	t.Helper()
	if options.OnError == nil {
		options.OnError = quiet(t)
	}
	logger, err := audit.NewWriterAuditLogger(w, &options)
	require.NoError(t, err)
	return logger
}

func TestTheWriterGetsWholeLinesInOrder(t *testing.T) {
	w := &stream{}
	logger := openWriter(t, w, audit.BufferOptions{BatchSize: 3})
	for _, name := range named(10) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
	}
	require.NoError(t, logger.Close())
	require.Equal(t, named(10), w.managers(t))
	require.False(t, w.closed, "the writer is its owner's to close")
	require.EqualValues(t, 10, logger.Stats().Written)
}

func TestTheWriterIsNotCalledForNoEvents(t *testing.T) {
	logger := openWriter(t, &stream{write: func([]byte) (int, error) { panic("called") }}, audit.BufferOptions{})
	require.NoError(t, logger.Flush(t.Context()))
	require.NoError(t, logger.Close())
}

func TestAckDurableReturnsWhenTheWriterHasTheEvent(t *testing.T) {
	w := &stream{}
	logger := openWriter(t, w, audit.BufferOptions{Ack: audit.AckDurable, FlushInterval: time.Hour})
	for i, name := range named(3) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
		require.Equal(t, named(i+1), w.managers(t))
	}
	require.NoError(t, logger.Close())
}

var errPipe = errors.New("the pipe is full")

// Nothing can be taken back from a stream: after an error the batch goes on where
// it stopped, so that no line is torn and none comes twice.
func TestAShortWriteGoesOnWhereItStopped(t *testing.T) {
	for name, row := range map[string]struct {
		write func(p []byte) (int, error)
		told  error
	}{
		"with an error":    {func(p []byte) (int, error) { return min(len(p), 100), errUnless(len(p) <= 100) }, errPipe},
		"without an error": {func(p []byte) (int, error) { return min(len(p), 100), nil }, io.ErrShortWrite},
		"a byte at a time": {func(p []byte) (int, error) { return min(len(p), 1), errUnless(len(p) <= 1) }, errPipe},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told []error
				w := &stream{write: row.write}
				logger := openWriter(t, w, audit.BufferOptions{OnError: func(err error) { told = append(told, err) }})
				for _, name := range named(5) {
					require.NoError(t, logger.Record(t.Context(), granted(name)))
				}
				require.NoError(t, logger.Flush(t.Context()))
				require.NoError(t, logger.Record(t.Context(), granted("m5")))
				require.NoError(t, logger.Flush(t.Context()))
				require.Equal(t, named(6), w.managers(t))
				require.NoError(t, logger.Close())
				require.ErrorIs(t, errors.Join(told...), row.told)
			})
		})
	}
}

func errUnless(complete bool) error {
	if complete {
		return nil
	}
	return errPipe
}

func TestAFailingWriterIsTriedAgain(t *testing.T) {
	for name, fail := range map[string]func() (int, error){
		"error":                  func() (int, error) { return 0, errPipe },
		"panic":                  func() (int, error) { panic("oops") },
		"impossible count":       func() (int, error) { return 1 << 30, nil },
		"negative count":         func() (int, error) { return -1, nil },
		"nothing and no error":   func() (int, error) { return 0, nil },
		"negative and erroneous": func() (int, error) { return -1, errPipe },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				w := &stream{write: func(p []byte) (int, error) {
					if calls++; calls <= 3 {
						return fail()
					}
					return len(p), nil
				}}
				var told []error
				logger := openWriter(t, w, audit.BufferOptions{OnError: func(err error) { told = append(told, err) }})
				require.NoError(t, logger.Record(t.Context(), granted("m0")))
				require.NoError(t, logger.Record(t.Context(), granted("m1")))
				require.NoError(t, logger.Flush(t.Context()))
				require.NoError(t, logger.Close())
				require.Equal(t, named(2), w.managers(t))
				require.Len(t, told, 3)
			})
		})
	}
}

func TestANilWriterIsRefused(t *testing.T) {
	for _, w := range []io.Writer{nil, (*os.File)(nil), (*bytes.Buffer)(nil)} {
		_, err := audit.NewWriterAuditLogger(w, nil)
		require.ErrorContains(t, err, "sink is nil")
	}
	_, err := audit.NewWriterAuditLogger(&stream{}, &audit.BufferOptions{QueueSize: -1})
	require.ErrorContains(t, err, "QueueSize must not be negative")
}

func TestFault05AFullDeviceKeepsEventsAndSaysSo(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here:", err)
	}
	defer func() { require.NoError(t, full.Close()) }()
	errs := newHeard()
	logger := openWriter(t, full, audit.BufferOptions{OnError: errs.add})
	recordAll(t, logger, named(3)...)
	err = logger.Flush(bounded(t, 50*time.Millisecond))
	require.ErrorContains(t, err, "no space left on device")
	errs.await(t, "audit: write of 3 events: write /dev/full: no space left on device")
	require.EqualValues(t, 3, logger.Stats().Pending)
	requireLedger(t, logger.Stats())
	err = logger.Shutdown(bounded(t, 50*time.Millisecond))
	var undelivered *audit.UndeliveredError
	require.ErrorAs(t, err, &undelivered)
	require.Equal(t, 3, undelivered.Events)
	require.ErrorContains(t, err, "no space left on device")
	requireLedger(t, logger.Stats())
	faults.Report(t, faults.Row{Fault: "5 /dev/full", Rounds: 1, Counts: faults.Counts{Submitted: 3}, Note: "said to be undelivered"})
}
