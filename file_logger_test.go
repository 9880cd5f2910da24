package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/permaudit/audit"
	"github.com/stretchr/testify/require"
)

// openLog starts a file logger that is closed at the end of the test.
func openLog(t *testing.T, path string, options audit.FileOptions) *audit.FileAuditLogger {
	t.Helper()
	if options.Buffer.OnError == nil {
		options.Buffer.OnError = quiet(t)
	}
	logger, err := audit.NewFileAuditLogger(path, &options)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = logger.Close()
		requireLedger(t, logger.Stats())
	})
	return logger
}

// record records an event under each name and flushes.
func record(t *testing.T, logger *audit.FileAuditLogger, names ...string) {
	t.Helper()
	for _, name := range names {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
		requireLedger(t, logger.Stats())
	}
	require.NoError(t, logger.Flush(t.Context()))
	requireLedger(t, logger.Stats())
}

// logged are the managers of the events in files, in order. Every line must be
// whole and an event.
func logged(t *testing.T, paths ...string) []string {
	t.Helper()
	names := []string{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for line := range bytes.Lines(text) {
			require.True(t, bytes.HasSuffix(line, []byte("\n")), "torn line in %s: %q", path, line)
			var event audit.PermissionAuditEvent
			require.NoError(t, event.UnmarshalJSON(line), "in %s: %q", path, line)
			names = append(names, event.Manager)
		}
	}
	return names
}

// heard collects what OnError is told.
type heard struct {
	mu   sync.Mutex
	errs []error
	more chan struct{}
}

func newHeard() *heard { return &heard{more: make(chan struct{}, 1)} }

func (h *heard) add(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.errs = append(h.errs, err)
	select {
	case h.more <- struct{}{}:
	default:
	}
}

// await waits until an error was heard whose text holds part.
func (h *heard) await(t *testing.T, part string) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for !strings.Contains(h.text(), part) {
		select {
		case <-h.more:
		case <-deadline:
			require.FailNow(t, "OnError was not told", "want %q, got:\n%s", part, h.text())
		}
	}
}

// text is a line for each error.
func (h *heard) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	var text strings.Builder
	for _, err := range h.errs {
		text.WriteString(err.Error() + "\n")
	}
	return text.String()
}

// created is what the umask leaves of a mode.
func created(t *testing.T, mode fs.FileMode) fs.FileMode {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no permission bits")
	}
	probe := filepath.Join(t.TempDir(), "probe")
	require.NoError(t, os.Mkdir(probe, mode))
	return permissions(t, probe)
}

func permissions(t *testing.T, path string) fs.FileMode {
	t.Helper()
	info, err := os.Stat(path)
	require.NoError(t, err)
	return info.Mode().Perm()
}

func TestParentDirectoriesAndFileAreCreatedPrivate(t *testing.T) {
	base := t.TempDir()
	path := filepath.Join(base, "a", "b", "permission.log")
	openLog(t, path, audit.FileOptions{})
	require.Equal(t, created(t, 0o700), permissions(t, filepath.Join(base, "a")))
	require.Equal(t, created(t, 0o700), permissions(t, filepath.Join(base, "a", "b")))
	require.Equal(t, created(t, 0o600), permissions(t, path))
}

func TestModeIsThatOfNewFilesOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{Mode: 0o640})
	record(t, logger, "m0")
	require.Equal(t, created(t, 0o640), permissions(t, path))
	require.NoError(t, logger.Close())

	require.NoError(t, os.Chmod(path, 0o604))
	logger = openLog(t, path, audit.FileOptions{Mode: 0o640})
	record(t, logger, "m1")
	require.Equal(t, fs.FileMode(0o604), permissions(t, path), "an existing file keeps its mode")
}

func TestNoEventsLeaveTheFileEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{})
	require.NoError(t, logger.Flush(t.Context()))
	require.NoError(t, logger.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Empty(t, text)
}

func TestSeveralBatchesAreAppendedInOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{Buffer: audit.BufferOptions{BatchSize: 3}})
	record(t, logger, named(10)...)
	record(t, logger, "later")
	require.NoError(t, logger.Close())
	require.Equal(t, append(named(10), "later"), logged(t, path))
	requireLedger(t, logger.Stats())
	require.EqualValues(t, 11, logger.Stats().Written)
}

func TestAnExistingLogIsAppendedTo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	const foreign = `{"timestamp": "2025-01-02T03:04:05+00:00", "action": "read", "granted": true, "manager": "m0"}` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(foreign), 0o600))
	for i := 1; i < 4; i++ {
		logger := openLog(t, path, audit.FileOptions{})
		record(t, logger, fmt.Sprint("m", i))
		require.NoError(t, logger.Close())
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.True(t, bytes.HasPrefix(text, []byte(foreign)), "what was there is untouched")
	require.Equal(t, named(4), logged(t, path))
}

func TestTheLineIsThatOfAppendJSON(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{})
	event := decision()
	event.ID, event.Timestamp = audit.NewEventID(), time.Now()
	entry, err := audit.NewEntry(t.Context(), event)
	require.NoError(t, err)
	require.NoError(t, logger.Record(t.Context(), event))
	require.NoError(t, logger.Close())
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(entry.AppendJSON(nil))+"\n", string(text))
}

func TestAfterFlushTheEventsAreInTheFile(t *testing.T) {
	for _, policy := range []audit.SyncPolicy{audit.SyncBatch, audit.SyncNone} {
		t.Run(policy.String(), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "permission.log")
			logger := openLog(t, path, audit.FileOptions{Sync: policy, Buffer: audit.BufferOptions{FlushInterval: time.Hour}})
			for i, name := range named(3) {
				record(t, logger, name)
				require.Equal(t, named(i+1), logged(t, path))
			}
		})
	}
}

func TestAckDurableReturnsWhenTheEventIsInTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{Buffer: audit.BufferOptions{Ack: audit.AckDurable, FlushInterval: time.Hour}})
	for i, name := range named(3) {
		require.NoError(t, logger.Record(t.Context(), granted(name)))
		require.Equal(t, named(i+1), logged(t, path))
	}
}

// The query that the documentation of general_manager shows.
func TestJQSelectsTheDeniedUpdates(t *testing.T) {
	if testing.Short() {
		t.Skip("runs jq, which -short leaves out")
	}
	jq, err := exec.LookPath("jq")
	require.NoError(t, err, "this test needs jq: run make setup, or go test -short to leave it out")

	directory := t.TempDir()
	logger := openLog(t, filepath.Join(directory, "permission.log"), audit.FileOptions{Buffer: audit.BufferOptions{BatchSize: 7}})
	var want []string
	for i := range 40 {
		event := audit.PermissionAuditEvent{
			ID: audit.NewEventID(), Manager: "line\nbreak \"quoted\" \u2028 <é>", UserID: fmt.Sprint(i),
			Action: []audit.Action{audit.ActionCreate, audit.ActionRead, audit.ActionUpdate, audit.ActionDelete}[i%4], Granted: i%3 > 0,
			Attributes: []string{"status"}, Permissions: []string{"isSelf"}, Metadata: map[string]any{"granted": "false", "n": i},
		}
		require.NoError(t, logger.Record(t.Context(), event))
		if event.Action == audit.ActionUpdate && !event.Granted {
			want = append(want, event.ID.String())
		}
	}
	require.NoError(t, logger.Close())
	require.NotEmpty(t, want)

	command := exec.CommandContext(t.Context(), jq, `. | select(.action == "update" and (.granted == false))`, "permission.log")
	command.Dir = directory
	output, err := command.Output()
	require.NoError(t, err)
	var got []string
	for decoder := json.NewDecoder(bytes.NewReader(output)); decoder.More(); {
		var event struct{ ID string }
		require.NoError(t, decoder.Decode(&event))
		got = append(got, event.ID)
	}
	require.Equal(t, want, got)
}

func TestFileOptionsAreReportedAllAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	_, err := audit.NewFileAuditLogger(path, &audit.FileOptions{
		Buffer: audit.BufferOptions{QueueSize: -1}, Mode: fs.ModeSetuid | 0o200, Sync: 9, MaxSize: -2, MaxAge: -3, MaxBackups: -4,
	})
	for _, part := range []string{
		"Buffer.QueueSize must not be negative: got -1", "Mode must be permission bits", "Mode must let the owner read and write, 0o600",
		"Sync must be one of [batch none]: got 9", "MaxSize must not be negative: got -2", "MaxAge must not be negative: got -3ns", "MaxBackups must not be negative: got -4",
	} {
		require.ErrorContains(t, err, part)
	}
	require.NoFileExists(t, path, "nothing is created for options that are wrong")
}

func TestSyncNoneIsRefusedWithWhatItCannotKeep(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	for _, ack := range []audit.AckMode{audit.AckCritical, audit.AckDurable} {
		_, err := audit.NewFileAuditLogger(path, &audit.FileOptions{Sync: audit.SyncNone, Buffer: audit.BufferOptions{Ack: ack}})
		require.ErrorContains(t, err, "Sync none cannot keep what Buffer.Ack "+ack.String()+" promises: use Sync batch or Ack queued")
	}
	require.NoFileExists(t, path)
}

func TestFileLoggerFromManyGoroutines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "permission.log")
	logger := openLog(t, path, audit.FileOptions{MaxSize: 20 << 10, Buffer: audit.BufferOptions{QueueSize: 64, BatchSize: 16}})
	const goroutines, each = 16, 100
	var group sync.WaitGroup
	for g := range goroutines {
		group.Go(func() {
			for i := range each {
				if err := logger.Record(context.Background(), granted(fmt.Sprintf("g%d-%03d", g, i))); err != nil {
					t.Error(err)
				}
				if i%20 == 0 {
					if err := logger.Reopen(); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	group.Wait()
	require.NoError(t, logger.Close())
	names := logged(t, allLogs(t, path)...)
	require.Len(t, names, goroutines*each)
	next := map[string]int{}
	for _, name := range names {
		goroutine, number, _ := strings.Cut(name, "-")
		require.Equal(t, fmt.Sprintf("%03d", next[goroutine]), number, "events of goroutine %s are in order", goroutine)
		next[goroutine]++
	}
}

// allLogs are the rotated files of the log at path, oldest first, and the log.
func allLogs(t *testing.T, path string) []string {
	t.Helper()
	rotated, err := filepath.Glob(strings.TrimSuffix(path, ".log") + "-*.log")
	require.NoError(t, err)
	return append(rotated, path)
}
