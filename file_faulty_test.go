package audit

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// faultyFS is the real file system in a directory. It notes what it is asked for,
// and fails when fault says so.
type faultyFS struct {
	osFS

	root  string
	fault func(call string) error // nil: none; called before the operation

	mu     sync.Mutex
	calls  []string // "rename permission.log"; for open files with a number: "write permission.log#2"
	opened int
}

// shortWrite is a fault of a write that comes after some bytes.
type shortWrite struct {
	bytes int
	err   error
}

func (w shortWrite) Error() string { return w.err.Error() }
func (w shortWrite) Unwrap() error { return w.err }

func newFaultyFS(t *testing.T) *faultyFS {
	t.Helper()
	return &faultyFS{root: t.TempDir()}
}

func (f *faultyFS) log() string { return filepath.Join(f.root, "permission.log") }

// enter notes a call and returns its fault.
func (f *faultyFS) enter(op, path string) error {
	if filepath.IsAbs(path) {
		path, _ = filepath.Rel(f.root, path)
	}
	call := op + " " + path
	f.mu.Lock()
	f.calls = append(f.calls, call)
	fault := f.fault
	f.mu.Unlock()
	if fault == nil {
		return nil
	}
	return fault(call)
}

// fail sets the fault; nil ends it.
func (f *faultyFS) fail(fault func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = fault
}

// done returns the calls of some operations so far, and forgets all.
func (f *faultyFS) done(ops ...string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var calls []string
	for _, call := range f.calls {
		if op, _, _ := strings.Cut(call, " "); slices.Contains(ops, op) {
			calls = append(calls, call)
		}
	}
	f.calls = nil
	return calls
}

// failing fails the calls that begin with prefix, a number of times.
func failing(prefix string, times int, err error) func(string) error {
	return func(call string) error {
		if !strings.HasPrefix(call, prefix) || times == 0 {
			return nil
		}
		times--
		return err
	}
}

const always = -1

func (f *faultyFS) open(op, path string, open func() (logFile, error)) (logFile, error) {
	if err := f.enter(op, path); err != nil {
		return nil, err
	}
	file, err := open()
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	f.opened++
	name := fmt.Sprintf("%s#%d", filepath.Base(path), f.opened)
	f.mu.Unlock()
	return &faultyFile{file, f, name}, nil
}

func (f *faultyFS) OpenLog(path string, mode fs.FileMode) (logFile, error) {
	return f.open("openlog", path, func() (logFile, error) { return f.osFS.OpenLog(path, mode) })
}

func (f *faultyFS) OpenFile(path string, flag int, mode fs.FileMode) (logFile, error) {
	return f.open("open", path, func() (logFile, error) { return f.osFS.OpenFile(path, flag, mode) })
}

func (f *faultyFS) Stat(path string) (fs.FileInfo, error) {
	if err := f.enter("stat", path); err != nil {
		return nil, err
	}
	return f.osFS.Stat(path)
}

func (f *faultyFS) Mkdir(path string, mode fs.FileMode) error {
	return join(f.enter("mkdir", path), f.osFS.Mkdir(path, mode))
}

func (f *faultyFS) Rename(from, to string) error {
	if err := f.enter("rename", from); err != nil {
		return err
	}
	return f.osFS.Rename(from, to)
}

func (f *faultyFS) Remove(path string) error {
	if err := f.enter("remove", path); err != nil {
		return err
	}
	return f.osFS.Remove(path)
}

func (f *faultyFS) ReadDir(path string) ([]fs.DirEntry, error) {
	if err := f.enter("readdir", path); err != nil {
		return nil, err
	}
	return f.osFS.ReadDir(path)
}

func (f *faultyFS) SyncDir(path string) error {
	if err := f.enter("syncdir", path); err != nil {
		return err
	}
	return f.osFS.SyncDir(path)
}

type faultyFile struct {
	logFile

	fsys *faultyFS
	name string
}

func (f *faultyFile) Write(p []byte) (int, error) {
	err := f.fsys.enter("write", f.name)
	if err == nil {
		return f.logFile.Write(p)
	}
	if short, ok := err.(shortWrite); ok { //nolint:errorlint // never wrapped
		n, wrong := f.logFile.Write(p[:min(short.bytes, len(p))])
		return n, join(err, wrong)
	}
	return 0, err
}

func (f *faultyFile) ReadAt(p []byte, offset int64) (int, error) {
	if err := f.fsys.enter("read", f.name); err != nil {
		return 0, err
	}
	return f.logFile.ReadAt(p, offset)
}

func (f *faultyFile) Stat() (fs.FileInfo, error) {
	if err := f.fsys.enter("fstat", f.name); err != nil {
		return nil, err
	}
	return f.logFile.Stat()
}

func (f *faultyFile) Sync() error {
	if err := f.fsys.enter("sync", f.name); err != nil {
		return err
	}
	return f.logFile.Sync()
}

func (f *faultyFile) Truncate(size int64) error {
	if err := f.fsys.enter("truncate", f.name); err != nil {
		return err
	}
	return f.logFile.Truncate(size)
}

func (f *faultyFile) Close() error {
	return join(f.fsys.enter("close", f.name), f.logFile.Close())
}

// start starts a logger at f.log(). Background errors are appended to told, and
// fail the test if that is nil.
func (f *faultyFS) start(t *testing.T, options FileOptions, told *[]error) *FileAuditLogger {
	t.Helper()
	options.Buffer.OnError = func(err error) {
		if told == nil {
			t.Errorf("OnError: %v", err)
			return
		}
		*told = append(*told, err)
	}
	options.Buffer.CloseTimeout = time.Hour
	complete, err := options.withDefaults()
	require.NoError(t, err)
	logger, err := newFileAuditLogger(f, f.log(), complete)
	require.NoError(t, err)
	return logger
}

// add records events with these managers and flushes after each.
func add(t *testing.T, logger *FileAuditLogger, managers ...string) {
	t.Helper()
	for _, manager := range managers {
		require.NoError(t, logger.Record(t.Context(), PermissionAuditEvent{Action: ActionRead, Granted: true, Manager: manager}))
		require.NoError(t, logger.Flush(t.Context()))
	}
}

// content is what the logs hold, the rotated ones first: the managers of their
// events, one list a file. Every line must be whole, and an id that comes again
// comes with the same line.
func (f *faultyFS) content(t *testing.T) [][]string {
	t.Helper()
	paths, _, err := rotatedFiles(osFS{}, f.log())
	require.NoError(t, err)
	lines := map[EventID]string{}
	var content [][]string
	for _, path := range append(paths, f.log()) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		names := []string{}
		for line := range bytes.Lines(text) {
			require.True(t, bytes.HasSuffix(line, []byte("\n")), "torn line in %s: %q", path, line)
			event, err := decodeLine(line)
			require.NoError(t, err, "in %s: %q", path, line)
			if before, again := lines[event.ID]; again {
				require.Equal(t, before, string(line), "the same id, the same line")
			}
			lines[event.ID] = string(line)
			names = append(names, event.Manager)
		}
		content = append(content, names)
	}
	return content
}
